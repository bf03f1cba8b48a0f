import { BLOCK_SIZE, type ByteString, blockPadding, displayName, isAscii, roundUp } from '../bytes/index.js';
import type { ArchiveEntry, EntryBody } from '../entry/index.js';
import type { TarOptions } from './format.js';
import { encodeHeader, type HeaderFields, USTAR_LIMITS } from './header.js';
import { paxHeaderName, paxRecord } from './pax.js';
import { TarError } from './tar-error.js';

/** The header blocks of one member, decided but not yet written. */
export interface MemberPlan {
  readonly header: HeaderFields;
  /** Headers and bodies that come before the header: pax records or gnu long names. */
  readonly extensions: readonly Extension[];
  /** Bytes of all header blocks, extensions included. */
  readonly headerSizeBytes: number;
}

interface Extension {
  readonly header: HeaderFields;
  readonly body: ByteString;
}

const NONE = '' as ByteString;
const ROOT = 'root' as ByteString;
const LONG_LINK = '././@LongLink' as ByteString;
const NO_EXTENSIONS: readonly Extension[] = [];
const NO_DEVICE = { major: 0, minor: 0 } as const;

const TYPEFLAGS: Readonly<Record<EntryBody['type'], number>> = {
  file: 0x30,
  symlink: 0x32,
  'character-device': 0x33,
  'block-device': 0x34,
  directory: 0x35,
  fifo: 0x36,
};

/**
 * Decides how a member is encoded, before anything is written: nothing is truncated or clamped later.
 *
 * @throws {TarError} TAR_FIELD_RANGE when a field does not fit the format; TAR_NAME_INVALID for an empty name or a NUL
 */
export function planMember(entry: ArchiveEntry, options: TarOptions): MemberPlan {
  const name = memberName(entry);
  const linkname = entry.body.type === 'symlink' ? entry.body.linkname : NONE;
  checkNames(entry, name, linkname);
  switch (options.format) {
    case 'gnu':
      return planGnu(entry, name, linkname, options);
    case 'posix':
      return planPosix(entry, name, linkname, options);
    case 'ustar': {
      const misfit = ustarMisfit(entry, name, linkname, options);
      if (misfit === undefined) return planUstar(entry, name, linkname, options);
      if (options.strict) throw fieldRange(entry, 'ustar', misfit);
      return planPosix(entry, name, linkname, options);
    }
  }
}

/** Writes the header blocks of a member; `out` is zero-filled from `offset` for `plan.headerSizeBytes` bytes. */
export function encodeMember(plan: MemberPlan, out: Uint8Array, offset: number): void {
  let at = offset;
  for (const { header, body } of plan.extensions) {
    encodeHeader(header, out, at);
    at += BLOCK_SIZE;
    for (let i = 0; i < body.length; i++) out[at + i] = body.charCodeAt(i);
    at += roundUp(body.length, BLOCK_SIZE);
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
    const linkname = entry.body.type === 'symlink' ? entry.body.linkname : NONE;
    checkNames(entry, name, linkname);
    if (ustarMisfit(entry, name, linkname, options) === undefined) return BLOCK_SIZE;
  }
  return planMember(entry, options).headerSizeBytes;
}

/** The name as it stands in the archive: a directory's ends in a slash. */
export function memberName(entry: ArchiveEntry): ByteString {
  return entry.body.type === 'directory' && !entry.path.endsWith('/') ? (`${entry.path}/` as ByteString) : entry.path;
}

interface Misfit {
  readonly field: string;
  readonly value: number | string;
  readonly limit: string;
}

function ustarMisfit(
  entry: ArchiveEntry,
  name: ByteString,
  linkname: ByteString,
  options: TarOptions,
): Misfit | undefined {
  if (name.length > USTAR_LIMITS.name && splitName(name) === undefined) {
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
    (options.numericOwner
      ? undefined
      : (ownerNameMisfit('uname', entry.uname) ?? ownerNameMisfit('gname', entry.gname))) ??
    deviceMisfit(entry.body)
  );
}

function numberMisfit(field: string, value: number, limit: number): Misfit | undefined {
  if (value >= 0 && value <= limit) return undefined;
  return { field, value, limit: value < 0 ? 'at least 0' : `at most ${limit}` };
}

function ownerNameMisfit(field: string, value: ByteString): Misfit | undefined {
  if (value.length <= USTAR_LIMITS.ownerName) return undefined;
  return { field, value: `${value.length} bytes`, limit: `at most ${USTAR_LIMITS.ownerName} bytes` };
}

function deviceMisfit(body: EntryBody): Misfit | undefined {
  if (body.type !== 'character-device' && body.type !== 'block-device') return undefined;
  return (
    numberMisfit('devmajor', body.devMajor, USTAR_LIMITS.device) ??
    numberMisfit('devminor', body.devMinor, USTAR_LIMITS.device)
  );
}

function planUstar(entry: ArchiveEntry, name: ByteString, linkname: ByteString, options: TarOptions): MemberPlan {
  const split = name.length > USTAR_LIMITS.name ? splitName(name)! : undefined;
  // Field by field: this runs for every member, and spreading objects here took a third of a build of small files.
  return {
    header: {
      magic: 'ustar',
      name: split === undefined ? name : split.name,
      prefix: split === undefined ? NONE : split.prefix,
      mode: entry.mode & 0o7777,
      uid: entry.uid,
      gid: entry.gid,
      sizeBytes: entry.body.type === 'file' ? entry.body.sizeBytes : 0,
      mtimeSeconds: entry.mtimeSeconds,
      typeflag: TYPEFLAGS[entry.body.type],
      linkname,
      uname: options.numericOwner ? NONE : entry.uname,
      gname: options.numericOwner ? NONE : entry.gname,
      device: deviceOf(entry.body) ?? NO_DEVICE,
    },
    extensions: NO_EXTENSIONS,
    headerSizeBytes: BLOCK_SIZE,
  };
}

/**
 * Splits a long name into prefix and name as GNU tar does: at the last slash that leaves at most 155 bytes before it.
 * A directory's final slash is no place to split.
 */
function splitName(name: ByteString): { prefix: ByteString; name: ByteString } | undefined {
  if (name.length > USTAR_LIMITS.prefix + 1 + USTAR_LIMITS.name) return undefined;
  const last = name.length > USTAR_LIMITS.prefix + 1 ? USTAR_LIMITS.prefix : name.length - (name.endsWith('/') ? 2 : 1);
  const slash = name.lastIndexOf('/', last);
  const rest = name.length - slash - 1;
  if (slash <= 0 || rest === 0 || rest > USTAR_LIMITS.name) return undefined;
  return { prefix: name.slice(0, slash) as ByteString, name: name.slice(slash + 1) as ByteString };
}

function planGnu(entry: ArchiveEntry, name: ByteString, linkname: ByteString, options: TarOptions): MemberPlan {
  const misfit =
    (options.numericOwner
      ? undefined
      : (ownerNameMisfit('uname', entry.uname) ?? ownerNameMisfit('gname', entry.gname))) ?? deviceMisfit(entry.body);
  if (misfit !== undefined) throw fieldRange(entry, 'gnu', misfit);

  const extensions: Extension[] = [];
  if (linkname.length > USTAR_LIMITS.linkname) extensions.push(gnuLongName(0x4b, linkname, options));
  if (name.length > USTAR_LIMITS.name) extensions.push(gnuLongName(0x4c, name, options));
  if (options.longNameFirst) extensions.reverse();
  return plan(extensions, {
    ...commonFields(entry, options),
    magic: 'gnu',
    name: name.slice(0, USTAR_LIMITS.name) as ByteString,
    prefix: NONE,
    linkname: linkname.slice(0, USTAR_LIMITS.linkname) as ByteString,
    device: deviceOf(entry.body),
  });
}

/** An `L` or `K` member, whose body is a name with a NUL. GNU tar gives it root's names and time 0. */
function gnuLongName(typeflag: number, value: ByteString, options: TarOptions): Extension {
  const owner = options.numericOwner ? NONE : ROOT;
  const body = `${value}\0` as ByteString;
  return {
    body,
    header: {
      magic: 'gnu',
      name: LONG_LINK,
      prefix: NONE,
      mode: 0o644,
      uid: 0,
      gid: 0,
      sizeBytes: body.length,
      mtimeSeconds: 0,
      typeflag,
      linkname: NONE,
      uname: owner,
      gname: owner,
      device: undefined,
    },
  };
}

function planPosix(entry: ArchiveEntry, name: ByteString, linkname: ByteString, options: TarOptions): MemberPlan {
  const misfit = deviceMisfit(entry.body);
  if (misfit !== undefined) throw fieldRange(entry, 'posix', misfit);

  const common = commonFields(entry, options);
  const fits = (value: number, limit: number): boolean => value >= 0 && value <= limit;
  const plainOwner = (owner: ByteString): boolean => owner.length <= USTAR_LIMITS.ownerName && isAscii(owner);
  // The order of records, and that a short non-ASCII link target has none, are GNU tar 1.34's (seen in its output).
  let records = '';
  if (linkname.length > USTAR_LIMITS.linkname) records += paxRecord('linkpath', linkname);
  if (name.length > USTAR_LIMITS.name || !isAscii(name)) records += paxRecord('path', name);
  if (!fits(common.uid, USTAR_LIMITS.id)) records += paxRecord('uid', common.uid);
  if (!fits(common.gid, USTAR_LIMITS.id)) records += paxRecord('gid', common.gid);
  if (!fits(common.sizeBytes, USTAR_LIMITS.size)) records += paxRecord('size', common.sizeBytes);
  if (!fits(common.mtimeSeconds, USTAR_LIMITS.mtimeSeconds)) records += paxRecord('mtime', common.mtimeSeconds);
  if (!plainOwner(common.uname)) records += paxRecord('uname', common.uname);
  if (!plainOwner(common.gname)) records += paxRecord('gname', common.gname);

  const extensions: Extension[] = [];
  if (records !== '') {
    extensions.push({
      body: records as ByteString,
      header: {
        magic: 'ustar',
        name: paxHeaderName(entry.originalPath ?? name),
        prefix: NONE,
        mode: 0o644,
        uid: 0,
        gid: 0,
        sizeBytes: records.length,
        mtimeSeconds: Math.min(Math.max(common.mtimeSeconds, 0), USTAR_LIMITS.mtimeSeconds),
        typeflag: 0x78,
        linkname: NONE,
        uname: NONE,
        gname: NONE,
        device: undefined,
      },
    });
  }
  // What a record says is zero in the header, or its beginning where it is text.
  return plan(extensions, {
    ...common,
    magic: 'ustar',
    name: name.slice(0, USTAR_LIMITS.name) as ByteString,
    prefix: NONE,
    linkname: linkname.slice(0, USTAR_LIMITS.linkname) as ByteString,
    uid: fits(common.uid, USTAR_LIMITS.id) ? common.uid : 0,
    gid: fits(common.gid, USTAR_LIMITS.id) ? common.gid : 0,
    sizeBytes: fits(common.sizeBytes, USTAR_LIMITS.size) ? common.sizeBytes : 0,
    mtimeSeconds: fits(common.mtimeSeconds, USTAR_LIMITS.mtimeSeconds) ? common.mtimeSeconds : 0,
    uname: common.uname.slice(0, USTAR_LIMITS.ownerName) as ByteString,
    gname: common.gname.slice(0, USTAR_LIMITS.ownerName) as ByteString,
    device: deviceOf(entry.body) ?? NO_DEVICE,
  });
}

function plan(extensions: readonly Extension[], header: HeaderFields): MemberPlan {
  let headerSizeBytes: number = BLOCK_SIZE;
  for (const { body } of extensions) headerSizeBytes += BLOCK_SIZE + roundUp(body.length, BLOCK_SIZE);
  return { header, extensions, headerSizeBytes };
}

type CommonFields = Pick<
  HeaderFields,
  'mode' | 'uid' | 'gid' | 'sizeBytes' | 'mtimeSeconds' | 'typeflag' | 'uname' | 'gname'
>;

function commonFields(entry: ArchiveEntry, options: TarOptions): CommonFields {
  return {
    mode: entry.mode & 0o7777,
    uid: entry.uid,
    gid: entry.gid,
    sizeBytes: entry.body.type === 'file' ? entry.body.sizeBytes : 0,
    mtimeSeconds: entry.mtimeSeconds,
    typeflag: TYPEFLAGS[entry.body.type],
    uname: options.numericOwner ? NONE : entry.uname,
    gname: options.numericOwner ? NONE : entry.gname,
  };
}

function deviceOf(body: EntryBody): { major: number; minor: number } | undefined {
  if (body.type !== 'character-device' && body.type !== 'block-device') return undefined;
  return { major: body.devMajor, minor: body.devMinor };
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

function fieldRange(entry: ArchiveEntry, format: string, { field, value, limit }: Misfit): TarError {
  return new TarError(
    'TAR_FIELD_RANGE',
    `Cannot encode "${displayName(entry.path)}" as ${format}: ${field} must be ${limit}, and is ${value}`,
    {
      path: entry.path,
      field,
      value,
      limit,
    },
  );
}
