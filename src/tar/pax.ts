import type { ByteString } from '../bytes/index.js';

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

/**
 * The name of a member's extended header in GNU tar's `%d/PaxHeaders/%f`: directory part and last component of the
 * member's name, cut to the 100 bytes of the name field. Readers ignore it.
 */
export function paxHeaderName(memberName: ByteString): ByteString {
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
