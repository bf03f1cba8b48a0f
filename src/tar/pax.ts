import type { ByteString } from '../bytes/index.js';
import { type HeaderFields, USTAR_LIMITS } from './header.js';
import {
  type CommonFields,
  type Extension,
  type MemberPlan,
  memberPlan,
  NO_BYTES,
  NO_EXTENSIONS,
} from './member-plan.js';

/**
 * One record of a pax extended header: `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record, its own digits
 * included.
 */
export function paxRecord(key: string, value: ByteString | number): ByteString {
  const rest = ` ${key}=${value}\n`;
  let digits = String(rest.length).length;
  // Adding the digits can carry into one digit more: 98 + 2 is 100.
  if (String(rest.length + digits).length > digits) digits++;
  return `${rest.length + digits}${rest}` as ByteString;
}

/** Records of the numbers that do not fit a ustar header, in the order that GNU tar and Python have in common. */
export function paxNumberRecords({ uid, gid, sizeBytes, mtimeSeconds }: CommonFields): string {
  return (
    numberRecord('uid', uid, USTAR_LIMITS.id) +
    numberRecord('gid', gid, USTAR_LIMITS.id) +
    numberRecord('size', sizeBytes, USTAR_LIMITS.size) +
    numberRecord('mtime', mtimeSeconds, USTAR_LIMITS.mtimeSeconds)
  );
}

function numberRecord(key: string, value: number, limit: number): string {
  return fits(value, limit) ? '' : paxRecord(key, value);
}

function fits(value: number, limit: number): boolean {
  return value >= 0 && value <= limit;
}

/** An extended header (`x`) of these records, of no owner; its name, mode and time differ from writer to writer. */
export function paxExtension(
  records: string,
  { name, mode, mtimeSeconds }: Pick<HeaderFields, 'name' | 'mode' | 'mtimeSeconds'>,
): Extension {
  return {
    body: records as ByteString,
    header: {
      magic: 'ustar',
      name,
      prefix: NO_BYTES,
      mode,
      uid: 0,
      gid: 0,
      sizeBytes: records.length,
      mtimeSeconds,
      typeflag: 0x78,
      linkname: NO_BYTES,
      uname: NO_BYTES,
      gname: NO_BYTES,
      device: undefined,
    },
  };
}

/** A member after its extended header: of the numbers, those that {@link paxNumberRecords} says are zero. */
export function paxMemberPlan(
  extension: Extension | undefined,
  { mode, uid, gid, sizeBytes, mtimeSeconds, typeflag }: CommonFields,
  { name, linkname, uname, gname, device }: Pick<HeaderFields, 'name' | 'linkname' | 'uname' | 'gname' | 'device'>,
): MemberPlan {
  return memberPlan(extension === undefined ? NO_EXTENSIONS : [extension], {
    magic: 'ustar',
    name,
    prefix: NO_BYTES,
    mode,
    uid: fits(uid, USTAR_LIMITS.id) ? uid : 0,
    gid: fits(gid, USTAR_LIMITS.id) ? gid : 0,
    sizeBytes: fits(sizeBytes, USTAR_LIMITS.size) ? sizeBytes : 0,
    mtimeSeconds: fits(mtimeSeconds, USTAR_LIMITS.mtimeSeconds) ? mtimeSeconds : 0,
    typeflag,
    linkname,
    uname,
    gname,
    device,
  });
}
