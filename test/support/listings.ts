import { spawnSync } from 'node:child_process';
import type { TarMember } from '../../src/tar/index.js';

const TYPES: Readonly<Record<TarMember['type'], string>> = {
  file: '-',
  'hard-link': 'h',
  symlink: 'l',
  'character-device': 'c',
  'block-device': 'b',
  directory: 'd',
  fifo: 'p',
  other: '?',
};

function permissions(mode: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, index) => (mode & (0o400 >> index) ? letter : '-'));
  for (const [bit, at, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const) {
    if (mode & bit) letters[at] = letters[at] === 'x' ? letter : letter.toUpperCase();
  }
  return letters.join('');
}

function target({ type, linkname }: TarMember): string {
  return type === 'symlink' ? ` -> ${linkname}` : type === 'hard-link' ? ` link to ${linkname}` : '';
}

const isDevice = ({ type }: TarMember): boolean => type === 'character-device' || type === 'block-device';

/** The line that `tar -tv --numeric-owner --full-time --quoting-style=literal` prints of a member, with single spaces. */
export function gnuLine(member: TarMember): string {
  const { typeflag, type, mode, uid, gid, name, realSizeBytes, mtimeSeconds } = member;
  const letter = typeflag === '7' ? 'C' : typeflag === 'V' ? 'V' : TYPES[type];
  const size = isDevice(member) ? `${member.devMajor},${member.devMinor}` : realSizeBytes;
  const time = new Date(Math.floor(mtimeSeconds) * 1000).toISOString().slice(0, 19).replace('T', ' ');
  const rest = typeflag === 'V' ? '--Volume Header--' : type === 'other' ? ` unknown file type '${typeflag}'` : '';
  return `${letter}${permissions(mode)} ${uid}/${gid} ${size} ${time} ${name}${target(member)}${rest}`;
}

/**
 * What GNU tar lists of an archive, line by line, as {@link gnuLine}; messages do not count. A name of two lines is two
 * lines.
 */
export function gnuListing(path: string, options: readonly string[] = []): string[] {
  const args = ['-tv', '--numeric-owner', '--full-time', '--quoting-style=literal', ...options, '-f', path];
  return (
    lines('tar', args)
      .map((line) => line.replace(/^(\S+ \S+) +/, '$1 '))
      // A time with a fraction makes the column of all that follow wider.
      .map((line) => line.replace(/^(\S+ \S+ \S+ \S+ \d\d:\d\d:\d\d)(?:\.\d+)? +/, '$1 '))
  );
}

const BSD_ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\\': '\\\\',
};

/** The line that `bsdtar -tv --numeric-owner` prints of a member in the C locale, but for time and number of links. */
export function bsdLine(member: TarMember): string {
  const { typeflag, type, mode, uid, gid, name, realSizeBytes } = member;
  // A hard link of a size is to it a file.
  const isFile = (type === 'hard-link' && member.statedSizeBytes > 0) || (type === 'other' && typeflag !== 'V');
  const letter = isFile ? '-' : TYPES[type];
  const size = isDevice(member) ? `${member.devMajor},${member.devMinor}` : realSizeBytes;
  const shown = `${name}${target(member)}`.replace(
    /[\\\x00-\x1f\x7f-\xff]/g,
    (byte) => BSD_ESCAPES[byte] ?? `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  return `${letter}${permissions(mode)} ${uid} ${gid} ${size} ${shown}`;
}

/** What bsdtar lists of an archive, line by line, as {@link bsdLine}; messages do not count. */
export function bsdListing(path: string): string[] {
  return lines('bsdtar', ['-tvf', path, '--numeric-owner']).map((line) =>
    line.replace(/^(\S+) +\d+ (\d+) +(\d+) +(\d+|\d+,\d+) \S+ +\S+ +\S+ /, '$1 $2 $3 $4 '),
  );
}

function lines(program: string, args: readonly string[]): string[] {
  const { stdout, error } = spawnSync(program, args, {
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    maxBuffer: 1 << 28,
  });
  if (error) throw error;
  return stdout.toString('latin1').split('\n').slice(0, -1);
}
