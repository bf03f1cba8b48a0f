import { type ByteString, isAscii } from '../bytes/index.js';
import { type ArchiveEntry, isDecodable, replaceNonAscii } from '../entry/index.js';
import { deviceMisfit, fieldRange } from './field-range.js';
import type { TarOptions } from './format.js';
import { USTAR_LIMITS } from './header.js';
import { commonFields, deviceOf, type MemberPlan } from './member-plan.js';
import { paxExtension, paxMemberPlan, paxNumberRecords, paxRecord } from './pax.js';

/** Python fills the 32 bytes of an owner's name; it sets none aside for a NUL. */
const OWNER_NAME_LIMIT = 32;

/** Records are ASCII but for their values, so that they are decodable as a whole when every value is. */
const BINARY: ByteString = paxRecord('hdrcharset', 'BINARY' as ByteString);

const EXTENSION = { name: '././@PaxHeader' as ByteString, mode: 0, mtimeSeconds: 0 } as const;

/**
 * A member as Python's `tarfile` writes it in its PAX_FORMAT (the default), with names that were decoded as UTF-8 with
 * `surrogateescape`. Python 3.9 to 3.13 agree. Throws as `planMember`.
 *
 * @see Python's documentation, "tarfile", "Supported tar formats"
 */
export function planPython(
  entry: ArchiveEntry,
  name: ByteString,
  linkname: ByteString,
  options: TarOptions,
): MemberPlan {
  const misfit = deviceMisfit(entry.body);
  if (misfit !== undefined) throw fieldRange(entry, 'python-pax', misfit);

  const common = commonFields(entry, options);
  const records =
    textRecord('path', name, USTAR_LIMITS.name) +
    textRecord('linkpath', linkname, USTAR_LIMITS.linkname) +
    textRecord('uname', common.uname, OWNER_NAME_LIMIT) +
    textRecord('gname', common.gname, OWNER_NAME_LIMIT) +
    paxNumberRecords(common);
  return paxMemberPlan(records === '' ? undefined : paxExtension(withCharset(records), EXTENSION), common, {
    name: headerText(name, USTAR_LIMITS.name),
    linkname: headerText(linkname, USTAR_LIMITS.linkname),
    uname: headerText(common.uname, OWNER_NAME_LIMIT),
    gname: headerText(common.gname, OWNER_NAME_LIMIT),
    device: deviceOf(entry.body),
  });
}

function textRecord(key: string, value: ByteString, limit: number): string {
  return value.length <= limit && isAscii(value) ? '' : paxRecord(key, value);
}

function withCharset(records: string): string {
  return isDecodable(records as ByteString) ? records : BINARY + records;
}

/** Text as a header has it: cut after the question marks are in it, and so by characters, not by bytes. */
function headerText(value: ByteString, limit: number): ByteString {
  return replaceNonAscii(value).slice(0, limit) as ByteString;
}
