import type { ByteString } from '../bytes/index.js';
import type { TarMember } from '../tar/index.js';

/** What of a member a listing shows. */
export type ListedMember = Pick<
  TarMember,
  | 'name'
  | 'type'
  | 'typeflag'
  | 'linkname'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'uname'
  | 'gname'
  | 'realSizeBytes'
  | 'mtimeSeconds'
  | 'devMajor'
  | 'devMinor'
>;

const LETTERS: Readonly<Record<TarMember['type'], string>> = {
  file: '-',
  'hard-link': 'h',
  symlink: 'l',
  'character-device': 'c',
  'block-device': 'b',
  directory: 'd',
  fifo: 'p',
  other: '?',
};

/** Width of owner, group and size together, until a wider line comes. */
const FIRST_WIDTH = 19;

/**
 * Makes a writer of lines as GNU tar's `-tv` prints them in the C locale and UTC: columns widen as they need to, so that
 * one writer is of one listing. Names are ASCII, whatever bytes they have.
 *
 * @see GNU tar manual, "Quoting Member Names", style `escape`
 */
export function createMemberLister(): (member: ListedMember) => string {
  let width = FIRST_WIDTH;
  return (member) => {
    const { type, typeflag, name, linkname, uid, gid, uname, gname, mode } = member;
    const letter = typeflag === '7' ? 'C' : type === 'file' && name.endsWith('/') ? 'd' : LETTERS[type];
    const owner = `${uname === '' ? uid : quoteName(uname)}/${gname === '' ? gid : quoteName(gname)}`;
    const isDevice = type === 'character-device' || type === 'block-device';
    const size = isDevice ? `${member.devMajor},${member.devMinor}` : String(member.realSizeBytes);
    width = Math.max(width, owner.length + 1 + size.length);
    const columns = `${letter}${permissions(mode)} ${owner}${size.padStart(width - owner.length)}`;
    return `${columns} ${timeOf(member.mtimeSeconds)} ${quoteName(name)}${linkOf(type, typeflag, linkname)}`;
  };
}

function linkOf(type: TarMember['type'], typeflag: string, linkname: ByteString): string {
  if (type === 'symlink') return ` -> ${quoteName(linkname)}`;
  if (type === 'hard-link') return ` link to ${quoteName(linkname)}`;
  return type === 'other' ? ` unknown file type '${quoteName(typeflag as ByteString)}'` : '';
}

function permissions(mode: number): string {
  const letters = Array.from('rwxrwxrwx', (letter, index) => (mode & (0o400 >> index) ? letter : '-'));
  for (const [bit, at, set] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const) {
    if (mode & bit) letters[at] = letters[at] === 'x' ? set : set.toUpperCase();
  }
  return letters.join('');
}

function timeOf(seconds: number): string {
  const date = new Date(Math.floor(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const [, year, rest] = /^([+-]?\d+)(-\d\d-\d\dT\d\d:\d\d)/.exec(date.toISOString())!;
  return `${year!.replace(/^\+0*/, '')}${rest!.replace('T', ' ')}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\\': '\\\\',
};

function quoteName(name: ByteString): string {
  return name.replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (char) => ESCAPES[char] ?? `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}
