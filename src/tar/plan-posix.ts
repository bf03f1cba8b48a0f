import { type ByteString, isAscii } from '../bytes/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import { deviceMisfit, fieldRange } from './field-range.js';
import type { TarOptions } from './format.js';
import { USTAR_LIMITS } from './header.js';
import { commonFields, deviceOrZero, type Extension, type MemberPlan } from './member-plan.js';
import { paxExtension, paxMemberPlan, paxNumberRecords, paxRecord } from './pax.js';

/** A member as GNU tar's `--format=posix` writes it without atime and ctime. Throws as `planMember`. */
export function planPosix(
  entry: ArchiveEntry,
  name: ByteString,
  linkname: ByteString,
  options: TarOptions,
): MemberPlan {
  const misfit = deviceMisfit(entry.body);
  if (misfit !== undefined) throw fieldRange(entry, 'posix', misfit);

  const common = commonFields(entry, options);
  // The order of records, and that a short non-ASCII link target has none, are GNU tar 1.34's (seen in its output).
  let records = '';
  if (linkname.length > USTAR_LIMITS.linkname) records += paxRecord('linkpath', linkname);
  if (name.length > USTAR_LIMITS.name || !isAscii(name)) records += paxRecord('path', name);
  records += paxNumberRecords(common) + ownerRecord('uname', common.uname) + ownerRecord('gname', common.gname);

  // Of a text that has a record the header has the beginning.
  return paxMemberPlan(records === '' ? undefined : posixExtension(records, entry, name), common, {
    name: name.slice(0, USTAR_LIMITS.name) as ByteString,
    linkname: linkname.slice(0, USTAR_LIMITS.linkname) as ByteString,
    uname: common.uname.slice(0, USTAR_LIMITS.ownerName) as ByteString,
    gname: common.gname.slice(0, USTAR_LIMITS.ownerName) as ByteString,
    device: deviceOrZero(entry.body),
  });
}

function ownerRecord(key: string, owner: ByteString): string {
  return owner.length <= USTAR_LIMITS.ownerName && isAscii(owner) ? '' : paxRecord(key, owner);
}

function posixExtension(records: string, entry: ArchiveEntry, name: ByteString): Extension {
  return paxExtension(records, {
    name: paxHeaderName(entry.originalPath ?? name),
    mode: 0o644,
    mtimeSeconds: Math.min(Math.max(entry.mtimeSeconds, 0), USTAR_LIMITS.mtimeSeconds),
  });
}

/**
 * The name of a member's extended header in GNU tar's `%d/PaxHeaders/%f`: directory part and last component of the
 * member's name, cut to the 100 bytes of the name field. Readers ignore it.
 */
function paxHeaderName(memberName: ByteString): ByteString {
  const end = trimSlashes(memberName, memberName.length);
  const base = memberName.lastIndexOf('/', end - 1) + 1;
  const directory = memberName.slice(0, trimSlashes(memberName, base));
  const prefix = directory !== '' ? directory : base > 0 ? '/' : '.';
  return `${prefix}/PaxHeaders/${memberName.slice(base, end)}`.slice(0, 100) as ByteString;
}

/** The end of `name[0, end)` without its trailing slashes. */
function trimSlashes(name: string, end: number): number {
  let trimmed = end;
  while (trimmed > 0 && name.charCodeAt(trimmed - 1) === 0x2f) trimmed--;
  return trimmed;
}
