import { type ByteString, byteStringFrom, bytesOf } from '../bytes/index.js';

/**
 * How much GNU tar takes from a name's front so that it stays below the directory where it is unpacked: everything up to
 * the last `..` component and the slashes that are then in front. Of a name of which nothing is left it makes `.`.
 *
 * @returns bytes; 0 for nearly every name
 */
export function unsafeStart(name: ByteString): number {
  if (name.charCodeAt(0) !== 0x2f && !name.includes('..')) return 0;
  let end = 0;
  let offset = 0;
  for (const component of name.split('/')) {
    if (component === '..') end = offset + 2;
    offset += component.length + 1;
  }
  while (name.charCodeAt(end) === 0x2f) end++;
  return end;
}

/**
 * Reads a list of names as GNU tar's `-T` does: one a line with backslash escapes undone, or ended by NUL and verbatim.
 *
 * @param isVerbatim with `--null`
 */
export function parseMemberList(list: Uint8Array, isVerbatim: boolean): Uint8Array[] {
  const names = byteStringFrom(list)
    .split(isVerbatim ? '\0' : '\n')
    .filter((name) => name !== '') as ByteString[];
  return names.map((name) => bytesOf(isVerbatim ? name : unquote(name)));
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '?': '\x7f',
  '\\': '\\',
};

/** Undoes GNU tar's quoting of names: `\n`, `\\`, `\NNN` in octal and the like; what is no escape stays. */
function unquote(name: ByteString): ByteString {
  return name.replace(/\\([0-3][0-7]{0,2}|[4-7][0-7]?|[abfnrtv?\\])/g, (_, code: string) =>
    /^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : ESCAPES[code]!,
  ) as ByteString;
}
