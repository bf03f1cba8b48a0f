import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import type { ArchiveEntry, EntryBody } from '../../src/entry/index.js';
import { measureArchive, planMember, TarError, type TarFormat } from '../../src/tar/index.js';
import { clientTest } from '../support/clients.js';
import { python } from '../support/python.js';
import { bytes, entry, fileOfSize, headersOf } from './entries.js';

const DIRECTORY: EntryBody = { type: 'directory' };

/** `NAME`, `PREFIX/NAME`, … of components of these lengths. */
function path(...lengths: readonly number[]): Partial<ArchiveEntry> {
  return { path: bytes(lengths.map((length, index) => 'abcdefgh'[index]!.repeat(length)).join('/')) };
}

function link(length: number): Partial<ArchiveEntry> {
  return { body: { type: 'symlink', linkname: bytes('l'.repeat(length)) } };
}

function device(devMajor: number, devMinor: number): Partial<ArchiveEntry> {
  return { body: { type: 'character-device', devMajor, devMinor } };
}

/** Number of header blocks, of which one is plain; `undefined` where the format cannot hold the field. */
type Blocks = Readonly<Record<TarFormat, number | undefined>>;

const PLAIN: Blocks = { ustar: 1, gnu: 1, posix: 1, 'python-pax': 1 };
const PAX: Blocks = { ustar: 3, gnu: 1, posix: 3, 'python-pax': 3 };
const LONG: Blocks = { ustar: 3, gnu: 3, posix: 3, 'python-pax': 3 };
/** A prefix is of ustar alone. */
const SPLIT: Blocks = { ...LONG, ustar: 1 };
const NOWHERE: Blocks = { ustar: undefined, gnu: undefined, posix: undefined, 'python-pax': undefined };

// ustar: a name of 100, or a prefix of 155, a slash and a name of 100 (POSIX.1-2017, "ustar Interchange Format").
const LIMITS: readonly (readonly [name: string, given: Partial<ArchiveEntry>, blocks: Blocks, field: string])[] = [
  ['a name of 1', path(1), PLAIN, 'path'],
  ['a name of 99', path(99), PLAIN, 'path'],
  ['a name of 100', path(100), PLAIN, 'path'],
  ['a name of 101', path(101), LONG, 'path'],
  ['a name of 154', path(154), LONG, 'path'],
  ['a name of 155', path(155), LONG, 'path'],
  ['a name of 255', path(255), LONG, 'path'],
  ['a name of 256', path(256), LONG, 'path'],
  ['a name of 257', path(257), LONG, 'path'],
  ['a name of 511 and its NUL', path(511), { ustar: 4, gnu: 3, posix: 4, 'python-pax': 4 }, 'path'],
  ['a name of 512 and its NUL', path(512), { ustar: 4, gnu: 4, posix: 4, 'python-pax': 4 }, 'path'],
  ['a directory of 99 and its slash', { ...path(99), body: DIRECTORY }, PLAIN, 'path'],
  ['a directory of 100 and its slash', { ...path(100), body: DIRECTORY }, LONG, 'path'],
  ['99 bytes in two components', path(49, 49), PLAIN, 'path'],
  ['100 bytes in two components', path(50, 49), PLAIN, 'path'],
  ['101 bytes in two components', path(50, 50), SPLIT, 'path'],
  ['154 bytes', path(53, 100), SPLIT, 'path'],
  ['155 bytes', path(54, 100), SPLIT, 'path'],
  ['156 bytes', path(55, 100), SPLIT, 'path'],
  ['155 bytes whose last component has 101', path(53, 101), LONG, 'path'],
  ['255 bytes: prefix 154, name 100', path(154, 100), SPLIT, 'path'],
  ['255 bytes: prefix 155, name 99', path(155, 99), SPLIT, 'path'],
  ['255 bytes: prefix 156, name 98', path(156, 98), LONG, 'path'],
  ['255 bytes: prefix 153, name 101', path(153, 101), LONG, 'path'],
  ['256 bytes: prefix 155, name 100', path(155, 100), SPLIT, 'path'],
  ['256 bytes: prefix 156, name 99', path(156, 99), LONG, 'path'],
  ['256 bytes: prefix 154, name 101', path(154, 101), LONG, 'path'],
  ['256 bytes in many components', path(50, 50, 53, 100), SPLIT, 'path'],
  ['256 bytes with one place to split', path(100, 54, 100), SPLIT, 'path'],
  ['257 bytes: prefix 155, name 101', path(155, 101), LONG, 'path'],
  ['257 bytes: prefix 156, name 100', path(156, 100), LONG, 'path'],
  ['257 bytes in many components', path(50, 50, 53, 101), LONG, 'path'],
  ['a prefix of 1', path(1, 100), SPLIT, 'path'],
  ['a directory, prefix 155 and name 99 with its slash', { ...path(155, 99), body: DIRECTORY }, SPLIT, 'path'],
  ['a directory, prefix 155 and name 100 with its slash', { ...path(155, 100), body: DIRECTORY }, LONG, 'path'],
  ['a directory, prefix 1 and name 100 with its slash', { ...path(1, 100), body: DIRECTORY }, LONG, 'path'],
  ['a link target of 99', link(99), PLAIN, 'linkname'],
  ['a link target of 100', link(100), PLAIN, 'linkname'],
  ['a link target of 101', link(101), LONG, 'linkname'],
  ['a link target of 255', link(255), LONG, 'linkname'],
  ['a size of 0', { body: fileOfSize(0) }, PLAIN, 'size'],
  ['a size of 511', { body: fileOfSize(511) }, PLAIN, 'size'],
  ['a size of 512', { body: fileOfSize(512) }, PLAIN, 'size'],
  ['a size of 513', { body: fileOfSize(513) }, PLAIN, 'size'],
  ['a size of 2^31 - 1', { body: fileOfSize(2 ** 31 - 1) }, PLAIN, 'size'],
  ['a size of 2^31', { body: fileOfSize(2 ** 31) }, PLAIN, 'size'],
  ['a size of 2^32', { body: fileOfSize(2 ** 32) }, PLAIN, 'size'],
  ['a size of 2^33 - 1', { body: fileOfSize(2 ** 33 - 1) }, PLAIN, 'size'],
  ['a size of 2^33', { body: fileOfSize(2 ** 33) }, PAX, 'size'],
  ['a size of 2^40 + 1', { body: fileOfSize(2 ** 40 + 1) }, PAX, 'size'],
  ['a size of 2^53 - 1', { body: fileOfSize(2 ** 53 - 1) }, PAX, 'size'],
  ['a uid of 2097151', { uid: 2_097_151 }, PLAIN, 'uid'],
  ['a uid of 2097152', { uid: 2_097_152 }, PAX, 'uid'],
  ['a uid of 2^32 - 1', { uid: 2 ** 32 - 1 }, PAX, 'uid'],
  ['a gid of 2097151', { gid: 2_097_151 }, PLAIN, 'gid'],
  ['a gid of 2097152', { gid: 2_097_152 }, PAX, 'gid'],
  ['a time of 0', { mtimeSeconds: 0 }, PLAIN, 'mtime'],
  ['a time of 2^31', { mtimeSeconds: 2 ** 31 }, PLAIN, 'mtime'],
  ['a time of 2^33 - 1', { mtimeSeconds: 2 ** 33 - 1 }, PLAIN, 'mtime'],
  ['a time of 2^33', { mtimeSeconds: 2 ** 33 }, PAX, 'mtime'],
  ['a time of -1', { mtimeSeconds: -1 }, PAX, 'mtime'],
  ['a uname of 31', { uname: bytes('u'.repeat(31)) }, PLAIN, 'uname'],
  // Python needs no NUL after an owner's name.
  ['a uname of 32', { uname: bytes('u'.repeat(32)) }, { ...PAX, gnu: undefined, 'python-pax': 1 }, 'uname'],
  ['a uname of 33', { uname: bytes('u'.repeat(33)) }, { ...PAX, gnu: undefined }, 'uname'],
  ['a gname of 31', { gname: bytes('g'.repeat(31)) }, PLAIN, 'gname'],
  ['a gname of 32', { gname: bytes('g'.repeat(32)) }, { ...PAX, gnu: undefined, 'python-pax': 1 }, 'gname'],
  ['an empty uname', { uname: bytes('') }, PLAIN, 'uname'],
  ['devices of 2097151', device(2_097_151, 2_097_151), PLAIN, 'devmajor'],
  ['a major of 2097152', device(2_097_152, 0), NOWHERE, 'devmajor'],
  ['a minor of 2097152', device(0, 2_097_152), NOWHERE, 'devminor'],
  ['a mode of 7777', { mode: 0o7777 }, PLAIN, 'mode'],
  ['a mode of 0', { mode: 0 }, PLAIN, 'mode'],
];

const FORMATS = ['ustar', 'gnu', 'posix', 'python-pax'] as const;

function errorOf(work: () => unknown): TarError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(TarError);
    return error as TarError;
  }
  throw new Error('nothing was thrown');
}

describe.each(FORMATS)('the header blocks of a member, as %s', (format) => {
  test.each(LIMITS)('%s', (_name, given, blocks, field) => {
    const member = entry(given);
    const expected = blocks[format];
    if (expected === undefined) {
      expect(errorOf(() => planMember(member, { format, strict: false }))).toMatchObject({
        code: 'TAR_FIELD_RANGE',
        data: { path: member.path, field },
      });
      return;
    }
    const headers = headersOf(member, { format, strict: false });
    expect(headers.length / 512).toBe(expected);
    const bodySize = member.body.type === 'file' ? Math.ceil(member.body.sizeBytes / 512) * 512 : 0;
    const size = headers.length + bodySize;
    expect(measureArchive([member], { format, strict: false }, 512)).toBe(size + 1024);
  });
});

describe('strict', () => {
  test.each(LIMITS)('%s', (_name, given, { ustar }, field) => {
    const member = entry(given);
    if (ustar === 1) {
      expect(headersOf(member, { format: 'ustar', strict: true })).toEqual(
        headersOf(member, { format: 'ustar', strict: false }),
      );
      return;
    }
    const error = errorOf(() => planMember(member, { format: 'ustar', strict: true }));
    expect(error).toMatchObject({ code: 'TAR_FIELD_RANGE', data: { path: member.path, field } });
    // Subject, field, limit and value, as every message has them.
    expect(error.message).toContain(`"${member.path}"`);
    expect(error.message).toContain(field);
    expect(error.message).toMatch(/must be at (?:least|most) \d+.*, and is -?\d+/);
    expect(error.data).toHaveProperty('value');
    expect(error.data).toHaveProperty('limit');
  });

  test('names the value that does not fit', () => {
    expect(errorOf(() => planMember(entry({ uid: 2_097_152 }), { format: 'ustar', strict: true }))).toMatchObject({
      message: 'Cannot encode "file" as ustar: uid must be at most 2097151, and is 2097152',
      data: { field: 'uid', value: 2_097_152 },
    });
  });
});

const reads = clientTest('python3');

reads.each(FORMATS)('Python reads back every field at its limit, as %s', (format) => {
  const members = LIMITS.filter(([, , blocks]) => blocks[format] !== undefined);
  const program = `
import base64, io, json, sys, tarfile
def first(encoded):
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(encoded))) as archive:
        m = archive.next()
        return [m.name, m.linkname, m.type.decode(), m.size, m.mode, m.uid, m.gid, m.uname, m.gname, int(m.mtime), m.devmajor, m.devminor]
print(json.dumps([first(encoded) for encoded in json.load(sys.stdin)]))`;
  const headers = members.map(([, given]) =>
    Buffer.from(headersOf(entry(given), { format, strict: false })).toString('base64'),
  );
  const found = python<unknown[][]>(program, [], JSON.stringify(headers));
  const types = { file: '0', symlink: '2', 'character-device': '3', 'block-device': '4', directory: '5', fifo: '6' };
  for (const [index, [name, given]] of members.entries()) {
    const { path: memberPath, body, mode, uid, gid, uname, gname, mtimeSeconds } = entry(given);
    const linkname = body.type === 'symlink' ? body.linkname : '';
    const size = body.type === 'file' ? body.sizeBytes : 0;
    const [major, minor] = body.type === 'character-device' ? [body.devMajor, body.devMinor] : [0, 0];
    expect(found[index], name).toEqual([
      memberPath,
      linkname,
      types[body.type],
      size,
      mode,
      uid,
      gid,
      uname,
      gname,
      mtimeSeconds,
      major,
      minor,
    ]);
  }
});

describe('names that no format can hold', () => {
  test.each<[name: string, given: Partial<ArchiveEntry>]>([
    ['an empty one', { path: bytes('') }],
    ['one with a NUL', { path: bytes('a\0b') }],
    ['a link target with a NUL', { body: { type: 'symlink', linkname: bytes('a\0b') } }],
  ])('%s', (_name, given) => {
    for (const format of FORMATS) {
      expect(errorOf(() => planMember(entry(given), { format, strict: false })).code).toBe('TAR_NAME_INVALID');
    }
  });

  test.each<[name: string, given: Partial<ArchiveEntry>]>([
    ['an owner with a NUL', { uname: bytes('a\0b') }],
    ['a group with a NUL', { gname: bytes('a\0b') }],
  ])('%s, which would be cut there', (_name, given) => {
    for (const format of FORMATS) {
      expect(() => planMember(entry(given), { format, strict: false })).toThrow(TarError);
    }
  });
});

test('numeric owners have no names, and so none that is too long', () => {
  const long = entry({ uname: bytes('u'.repeat(40)), gname: bytes('g'.repeat(40)) });
  for (const format of FORMATS) {
    const headers = headersOf(long, { format, strict: format === 'ustar', numericOwner: true });
    expect(headers.length).toBe(512);
    expect(headers.subarray(265, 329).every((byte) => byte === 0)).toBe(true);
  }
});
