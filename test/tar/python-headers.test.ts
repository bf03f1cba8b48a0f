import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { encodeUtf8 } from '../../src/bytes/index.js';
import type { ArchiveEntry, EntryBody } from '../../src/entry/index.js';
import { planMember, TarError } from '../../src/tar/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { clientTest } from '../support/clients.js';
import { python } from '../support/python.js';
import { anEntry, bytes, entry, fileOfSize, headersOf } from './entries.js';

const OPTIONS = { format: 'python-pax', strict: false } as const;
const DIRECTORY: EntryBody = { type: 'directory' };

const TYPEFLAGS = {
  file: '0',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
} as const;

/** The header blocks of members as Python's tarfile encodes them, without content. */
function pythonHeaders(members: readonly ArchiveEntry[]): Buffer[] {
  const program = `
import base64, json, sys, tarfile
def text(value):
    return value.encode('latin-1').decode('utf-8', 'surrogateescape')
def header(fields):
    member = tarfile.TarInfo(text(fields['name']))
    member.type = fields['type'].encode()
    member.linkname, member.uname, member.gname = (text(fields[key]) for key in ('linkname', 'uname', 'gname'))
    for key in ('mode', 'uid', 'gid', 'size', 'mtime', 'devmajor', 'devminor'):
        setattr(member, key, fields[key])
    return base64.b64encode(member.tobuf(tarfile.PAX_FORMAT, 'utf-8', 'surrogateescape')).decode()
print(json.dumps([header(fields) for fields in json.load(sys.stdin)]))`;
  const fields = members.map(({ path, body, mode, uid, gid, uname, gname, mtimeSeconds }) => ({
    ...{ name: path, mode, uid, gid, uname, gname },
    mtime: mtimeSeconds,
    type: TYPEFLAGS[body.type],
    linkname: body.type === 'symlink' ? body.linkname : '',
    size: body.type === 'file' ? body.sizeBytes : 0,
    devmajor: 'devMajor' in body ? body.devMajor : 0,
    devminor: 'devMinor' in body ? body.devMinor : 0,
  }));
  return python<string[]>(program, [], JSON.stringify(fields)).map((encoded) => Buffer.from(encoded, 'base64'));
}

function link(linkname: string): Partial<ArchiveEntry> {
  return { body: { type: 'symlink', linkname: bytes(linkname) } };
}

function utf8(text: string): Partial<ArchiveEntry> {
  return { path: encodeUtf8(text) };
}

function device(devMajor: number, devMinor: number): Partial<ArchiveEntry> {
  return { body: { type: 'block-device', devMajor, devMinor } };
}

const MEMBERS: readonly (readonly [name: string, given: Partial<ArchiveEntry>])[] = [
  ['a plain file', {}],
  ['a name from the root', { path: bytes('/nix/store/x') }],
  ['a directory', { ...utf8('d'), body: DIRECTORY }],
  ['a directory that has its slash', { ...utf8('d/'), body: DIRECTORY }],
  ['a symlink', link('target')],
  ['a fifo', { body: { type: 'fifo' } }],
  ['a character device', { body: { type: 'character-device', devMajor: 1, devMinor: 3 } }],
  ['a block device at its limits', device(2_097_151, 2_097_151)],
  ['a name of 100', utf8('n'.repeat(100))],
  ['a name of 101', utf8('n'.repeat(101))],
  ['a name that ustar would split', utf8(`${'p'.repeat(60)}/${'n'.repeat(60)}`)],
  ['a directory of 99 and its slash', { ...utf8('d'.repeat(99)), body: DIRECTORY }],
  ['a directory of 100 and its slash', { ...utf8('d'.repeat(100)), body: DIRECTORY }],
  ['50 characters in 100 bytes', utf8('é'.repeat(50))],
  ['99 characters in 198 bytes', utf8('é'.repeat(99))],
  ['100 characters in 200 bytes', utf8('é'.repeat(100))],
  ['101 characters in 202 bytes', utf8('é'.repeat(101))],
  ['99 characters and the slash of a directory', { ...utf8('é'.repeat(99)), body: DIRECTORY }],
  ['100 characters and the slash of a directory', { ...utf8('é'.repeat(100)), body: DIRECTORY }],
  ['100 characters of which the last is not ASCII', utf8(`${'n'.repeat(99)}é`)],
  ['101 characters of which the last is not ASCII', utf8(`${'n'.repeat(100)}é`)],
  ['characters of three bytes', utf8('€'.repeat(101))],
  ['characters of four bytes', utf8(`${'😀'.repeat(99)}ab`)],
  ['a byte that is not UTF-8', { path: bytes('\xff') }],
  ['100 bytes that are not UTF-8', { path: bytes('\xff'.repeat(100)) }],
  ['101 bytes that are not UTF-8', { path: bytes('\xff'.repeat(101)) }],
  [
    'valid and invalid sequences',
    { path: bytes(`${encodeUtf8('é€😀')}\x80\xed\xa0\x80${encodeUtf8('é').repeat(95)}z`) },
  ],
  ['an invalid name that is long', { path: bytes(`\x80${'n'.repeat(300)}`) }],
  ['a link target of 100', link('l'.repeat(100))],
  ['a link target of 101', link('l'.repeat(101))],
  ['a link target that is not ASCII', link(encodeUtf8('naïve'))],
  ['a link target of 101 characters', link(encodeUtf8('é').repeat(101))],
  ['a link target that is not UTF-8', link('\xfe')],
  ['a long name and a long link target', { ...utf8('n'.repeat(101)), ...link('l'.repeat(101)) }],
  ['a valid name and an invalid link target', { ...utf8('é'), ...link('\xc3') }],
  ['an invalid name and a valid link target', { path: bytes('\xc3'), ...link(encodeUtf8('é')) }],
  ['an invalid name and an ASCII link target', { path: bytes('\xc3'), ...link('target') }],
  ['owner names of 31', { uname: bytes('u'.repeat(31)), gname: bytes('g'.repeat(31)) }],
  ['owner names of 32, without a NUL', { uname: bytes('u'.repeat(32)), gname: bytes('g'.repeat(32)) }],
  ['a user name of 33', { uname: bytes('u'.repeat(33)) }],
  ['a group name of 33', { gname: bytes('g'.repeat(33)) }],
  ['no owner names', { uname: bytes(''), gname: bytes('') }],
  ['owner names that are not ASCII', { uname: encodeUtf8('bär'), gname: encodeUtf8('用户') }],
  ['owner names of 33 characters that are not ASCII', { uname: encodeUtf8('é'.repeat(33)) }],
  ['an owner name that is not UTF-8', { uname: bytes('b\xe4r') }],
  ['a size of 2^33 - 1', { body: fileOfSize(2 ** 33 - 1) }],
  ['a size of 2^33', { body: fileOfSize(2 ** 33) }],
  ['a size of 2^53 - 1', { body: fileOfSize(2 ** 53 - 1) }],
  ['numbers of 2097151', { uid: 2_097_151, gid: 2_097_151 }],
  ['a uid of 2097152', { uid: 2_097_152 }],
  ['a gid of 2^32 - 1', { gid: 2 ** 32 - 1 }],
  ['a time of 0', { mtimeSeconds: 0 }],
  ['a time of 2^33 - 1', { mtimeSeconds: 2 ** 33 - 1 }],
  ['a time of 2^33', { mtimeSeconds: 2 ** 33 }],
  ['a time of -1', { mtimeSeconds: -1 }],
  ['a time of -(2^40)', { mtimeSeconds: -(2 ** 40) }],
  ['every mode bit', { mode: 0o7777 }],
  ['no mode bit', { mode: 0 }],
  [
    'a record for every field',
    {
      ...{ path: bytes('\xff'), uname: encodeUtf8('ü'), gname: bytes('g'.repeat(40)), uid: 2 ** 31, gid: 2 ** 31 },
      ...{ mtimeSeconds: -5, body: fileOfSize(2 ** 34) },
    },
  ],
  // A record's length counts its own digits: 98 + 2 and 997 + 3 need one digit more. One of 512 bytes fills its block.
  ...[501, 502, 503, 989, 990, 991, 4000].map((length) => [`a name of ${length}`, utf8('n'.repeat(length))] as const),
  ...[89, 90, 91, 92].map((length) => [`${length} bytes, not all ASCII`, utf8(`${'n'.repeat(length - 2)}é`)] as const),
];

const oracle = clientTest('python3');

describe("header blocks as python-pax are those of Python's tarfile", () => {
  oracle('of members at every limit', () => {
    const members = MEMBERS.map(([, given]) => entry(given));
    const found = pythonHeaders(members);
    for (const [at, [name]] of MEMBERS.entries()) {
      expect(describeDifference(found[at]!, headersOf(members[at]!, OPTIONS)), name).toBeUndefined();
    }
  });

  oracle('of any members', () => {
    const someEntries = fc.array(anEntry('python-pax'), { maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(someEntries, (members) => {
        const found = pythonHeaders(members);
        for (const [at, member] of members.entries()) {
          expect(describeDifference(found[at]!, headersOf(member, OPTIONS))).toBeUndefined();
        }
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });

  oracle('but for device numbers that neither can write', () => {
    for (const member of [entry(device(2_097_152, 0)), entry(device(0, 2_097_152))]) {
      expect(() => pythonHeaders([member])).toThrow('overflow in number field');
      expect(() => planMember(member, OPTIONS)).toThrow(TarError);
    }
  });
});
