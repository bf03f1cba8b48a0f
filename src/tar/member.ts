import { BLOCK_SIZE, type ByteString, blockPadding, displayName, roundUp } from '../bytes/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import { fieldRange } from './field-range.js';
import type { TarOptions } from './format.js';
import { encodeHeader } from './header.js';
import { type MemberPlan, NO_BYTES } from './member-plan.js';
import { planGnu } from './plan-gnu.js';
import { planPosix } from './plan-posix.js';
import { planPython } from './plan-python.js';
import { planUstar, ustarMisfit } from './plan-ustar.js';
import { TarError } from './tar-error.js';

/**
 * Decides how a member is encoded, before anything is written: nothing is truncated or clamped later.
 *
 * @throws {TarError} TAR_FIELD_RANGE when a field does not fit the format; TAR_NAME_INVALID for an empty name or a NUL
 */
export function planMember(entry: ArchiveEntry, options: TarOptions): MemberPlan {
  const name = memberName(entry);
  const linkname = entry.body.type === 'symlink' ? entry.body.linkname : NO_BYTES;
  checkNames(entry, name, linkname);
  switch (options.format) {
    case 'gnu':
      return planGnu(entry, name, linkname, options);
    case 'posix':
      return planPosix(entry, name, linkname, options);
    case 'python-pax':
      return planPython(entry, name, linkname, options);
    case 'ustar': {
      const misfit = ustarMisfit(entry, name, linkname, options);
      if (misfit === undefined) return planUstar(entry, name, linkname, options);
      if (options.strict) throw fieldRange(entry, 'ustar', misfit);
      return planPosix(entry, name, linkname, options);
    }
  }
}

/** Writes the header blocks of a member, over `plan.headerSizeBytes` bytes of `out` from `offset` on. */
export function encodeMember(plan: MemberPlan, out: Uint8Array, offset: number): void {
  let at = offset;
  for (const { header, body } of plan.extensions) {
    encodeHeader(header, out, at);
    at += BLOCK_SIZE;
    const end = at + roundUp(body.length, BLOCK_SIZE);
    out.fill(0, at, end);
    for (let i = 0; i < body.length; i++) out[at + i] = body.charCodeAt(i);
    at = end;
  }
  encodeHeader(plan.header, out, at);
}

/** Bytes of a member in the archive: headers, body and padding, from metadata alone. Throws as {@link planMember}. */
export function measureMember(entry: ArchiveEntry, options: TarOptions): number {
  const bodySize = entry.body.type === 'file' ? entry.body.sizeBytes : 0;
  return headerSize(entry, options) + bodySize + blockPadding(bodySize);
}

function headerSize(entry: ArchiveEntry, options: TarOptions): number {
  // Most members are one block of ustar, for which nothing needs to be put together.
  if (options.format === 'ustar') {
    const name = memberName(entry);
    const linkname = entry.body.type === 'symlink' ? entry.body.linkname : NO_BYTES;
    checkNames(entry, name, linkname);
    if (ustarMisfit(entry, name, linkname, options) === undefined) return BLOCK_SIZE;
  }
  return planMember(entry, options).headerSizeBytes;
}

/** The name as it stands in the archive: a directory's ends in a slash. */
export function memberName(entry: ArchiveEntry): ByteString {
  return entry.body.type === 'directory' && !entry.path.endsWith('/') ? (`${entry.path}/` as ByteString) : entry.path;
}

function checkNames(entry: ArchiveEntry, name: ByteString, linkname: ByteString): void {
  if (
    name.length > 0 &&
    !name.includes('\0') &&
    !linkname.includes('\0') &&
    !entry.uname.includes('\0') &&
    !entry.gname.includes('\0')
  )
    return;
  throw new TarError(
    'TAR_NAME_INVALID',
    `Cannot encode member "${displayName(entry.path)}": its name must have at least one byte, and no name, link target or owner a NUL`,
    { path: entry.path },
  );
}
