import { BLOCK_SIZE, type ByteString } from '../bytes/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import { deviceMisfit, type Misfit, numberMisfit, ownerMisfit } from './field-range.js';
import type { TarOptions } from './format.js';
import { USTAR_LIMITS } from './header.js';
import { deviceOrZero, type MemberPlan, NO_BYTES, NO_EXTENSIONS, TYPEFLAGS } from './member-plan.js';

/** The first field of an entry that plain ustar cannot hold. */
export function ustarMisfit(
  entry: ArchiveEntry,
  name: ByteString,
  linkname: ByteString,
  options: TarOptions,
): Misfit | undefined {
  if (name.length > USTAR_LIMITS.name && nameStart(name) < 0) {
    return {
      field: 'path',
      value: `${name.length} bytes`,
      limit: 'at most 100 bytes, or 255 with a slash that leaves at most 155 before and 100 after it',
    };
  }
  if (linkname.length > USTAR_LIMITS.linkname) {
    return { field: 'linkname', value: `${linkname.length} bytes`, limit: `at most ${USTAR_LIMITS.linkname} bytes` };
  }
  return (
    numberMisfit('uid', entry.uid, USTAR_LIMITS.id) ??
    numberMisfit('gid', entry.gid, USTAR_LIMITS.id) ??
    numberMisfit('size', entry.body.type === 'file' ? entry.body.sizeBytes : 0, USTAR_LIMITS.size) ??
    numberMisfit('mtime', entry.mtimeSeconds, USTAR_LIMITS.mtimeSeconds) ??
    ownerMisfit(entry, options) ??
    deviceMisfit(entry.body)
  );
}

/** A member that has no {@link ustarMisfit}, as one block of ustar. */
export function planUstar(
  entry: ArchiveEntry,
  name: ByteString,
  linkname: ByteString,
  options: TarOptions,
): MemberPlan {
  const nameAt = name.length > USTAR_LIMITS.name ? nameStart(name) : 0;
  // Field by field: this runs for every member, and spreading objects here took a third of a build of small files.
  return {
    header: {
      magic: 'ustar',
      name: nameAt === 0 ? name : (name.slice(nameAt) as ByteString),
      prefix: nameAt === 0 ? NO_BYTES : (name.slice(0, nameAt - 1) as ByteString),
      mode: entry.mode & 0o7777,
      uid: entry.uid,
      gid: entry.gid,
      sizeBytes: entry.body.type === 'file' ? entry.body.sizeBytes : 0,
      mtimeSeconds: entry.mtimeSeconds,
      typeflag: TYPEFLAGS[entry.body.type],
      linkname,
      uname: options.numericOwner ? NO_BYTES : entry.uname,
      gname: options.numericOwner ? NO_BYTES : entry.gname,
      device: deviceOrZero(entry.body),
    },
    extensions: NO_EXTENSIONS,
    headerSizeBytes: BLOCK_SIZE,
  };
}

/**
 * Splits a long name into prefix and name as GNU tar does: at the last slash that leaves at most 155 bytes before it.
 * A directory's final slash is no place to split.
 *
 * @returns where the name begins, behind that slash; -1 where there is none
 */
export function nameStart(name: ByteString): number {
  if (name.length > USTAR_LIMITS.prefix + 1 + USTAR_LIMITS.name) return -1;
  const last = name.length > USTAR_LIMITS.prefix + 1 ? USTAR_LIMITS.prefix : name.length - (name.endsWith('/') ? 2 : 1);
  const slash = name.lastIndexOf('/', last);
  const rest = name.length - slash - 1;
  return slash <= 0 || rest === 0 || rest > USTAR_LIMITS.name ? -1 : slash + 1;
}
