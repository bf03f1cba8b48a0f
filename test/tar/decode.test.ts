import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ArchiveEntry } from '../../src/entry/index.js';
import {
  createTarDecoder,
  type TarDecoderOptions,
  TarError,
  type TarFormat,
  type TarMember,
} from '../../src/tar/index.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest, hasClient } from '../support/clients.js';
import { bsdLine, bsdListing, gnuLine, gnuListing } from '../support/listings.js';
import { python, readArchive } from '../support/python.js';
import { paxRecords, type RawHeader, rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { anEntry, headersOf } from './entries.js';

interface Decoded {
  readonly members: readonly (TarMember & { readonly content: Buffer })[];
  readonly isTerminated: boolean;
}

/** Decodes in chunks of these sizes, the last of which repeats; each is wiped when it was pushed. */
function decode(archive: Uint8Array, chunkSizes: readonly number[] = [65_536], options?: TarDecoderOptions): Decoded {
  const members: (TarMember & { content: Buffer })[] = [];
  let member: TarMember | undefined;
  let pieces: Uint8Array[] = [];
  const decoder = createTarDecoder(
    {
      member(next) {
        expect(member, 'the end of a member comes before the next').toBeUndefined();
        member = next;
        pieces = [];
      },
      content(bytes) {
        expect(bytes.length).toBeGreaterThan(0);
        pieces.push(bytes.slice());
      },
      end() {
        const content = Buffer.concat(pieces);
        expect(content.length).toBe(member!.sizeBytes);
        members.push({ ...member!, content });
        member = undefined;
      },
    },
    options,
  );
  for (let at = 0, i = 0; at < archive.length; i++) {
    const chunk = Uint8Array.from(archive.subarray(at, at + (chunkSizes[i] ?? chunkSizes.at(-1)!)));
    at += chunk.length;
    decoder.push(chunk);
    chunk.fill(0xee);
  }
  const { members: count, isTerminated } = decoder.finish();
  expect(count).toBe(members.length);
  return { members, isTerminated };
}

function refusalOf(archive: Uint8Array, options?: TarDecoderOptions): TarError | undefined {
  try {
    decode(archive, [65_536], options);
    return undefined;
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    return error;
  }
}

/** Holds what was decoded against what Python's tarfile reads. */
function expectAsPython(path: string): void {
  const { members } = decode(readFileSync(path));
  const expected = readArchive(path);
  expect(members.map(({ name }) => name.replace(/\/+$/, ''))).toEqual(expected.map(({ name }) => name));
  for (const [index, found] of members.entries()) {
    const { name, pax, type, size, sha256, offset, linkname, mtime, devmajor, devminor, ...owners } = expected[index]!;
    const { uid, gid, uname, gname, mode } = found;
    expect({ uid, gid, uname, gname, mode }, name).toEqual(owners);
    expect(found.type === 'directory' ? '5' : found.typeflag, name).toBe(type);
    expect(found.contentOffset, name).toBe(offset);
    expect(Math.trunc(found.mtimeSeconds), name).toBe(mtime);
    expect(found.linkname, name).toBe(linkname);
    if (type === '3' || type === '4') expect([found.devMajor, found.devMinor], name).toEqual([devmajor, devminor]);
    if (type === '0' || type === '\0') {
      expect(found.sizeBytes, name).toBe(size);
      expect(createHash('sha256').update(found.content).digest('hex'), name).toBe(sha256);
    }
    const keys = new Set([...found.globalRecords.keys(), ...found.paxRecords.keys()]);
    expect([...keys].toSorted(), name).toEqual(pax.toSorted());
  }
}

describe('archives of other programs', () => {
  const programs: readonly (readonly [program: string, args: readonly string[]])[] = [
    ...['v7', 'oldgnu', 'gnu', 'ustar', 'posix'].map((format) => ['tar', ['--format', format]] as const),
    ['tar', ['--format=gnu', '--hard-dereference', '--numeric-owner']],
    ['tar', ['--format=gnu', '--owner=name:3000000', '--group=name:2147483648', '--mtime=@-5']],
    ['tar', ['--format=posix', '--owner=name:3000000', '--group=name:2147483648', '--mtime=@-5.25']],
    ['tar', ['--format=posix', '--pax-option=comment=x,uname:=other']],
    ['tar', ['--format=gnu', '--blocking-factor=1', '--label=a label']],
    ...['ustar', 'pax', 'gnutar', 'v7', 'paxr'].map(
      (format) => ['bsdtar', ['--format', format, '--no-read-sparse']] as const,
    ),
    ['busybox', ['tar']],
  ];

  for (const [program, args] of programs) {
    clientTest(
      program,
      'python3',
      'mkfifo',
    )(`${program} ${args.join(' ')}: read as Python reads it`, () => {
      const scratch = scratchDirectory();
      const archive = join(scratch, 'archive.tar');
      mkdirSync(join(scratch, 't'));
      makeAwkwardTree(join(scratch, 't'));
      const [first = '', ...rest] = args;
      const options = first === 'tar' ? [first, '-cf', archive, 't'] : [first, ...rest, '-cf', archive, 't'];
      // What a format cannot hold is left out with a message and another status.
      spawnSync(program, options, { cwd: scratch, env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' } });
      const found = decode(readFileSync(archive));
      expect(found.isTerminated).toBe(true);
      expect(found.members.length).toBeGreaterThan(100);
      expectAsPython(archive);
      // GNU tar shows a fraction before 1970 with the second after it.
      if (hasClient('tar') && !args.includes('--mtime=@-5.25')) {
        expect(found.members.map(gnuLine).join('\n')).toBe(gnuListing(archive).join('\n'));
      }
      // bsdtar shows names of pax, which are UTF-8, as the locale has them.
      if (hasClient('bsdtar') && program === 'bsdtar' && !args.some((arg) => arg.startsWith('pax'))) {
        expect(found.members.map(bsdLine)).toEqual(bsdListing(archive));
      }
    });
  }

  clientTest('bsdtar')('bsdtar --format newc, odc and shar: refused', () => {
    const scratch = scratchDirectory();
    for (const format of ['newc', 'odc', 'shar', '7zip', 'zip']) {
      const { status, stdout } = spawnSync('bsdtar', ['--format', format, '-cf', '-', '.'], { cwd: scratch });
      expect(status).toBe(0);
      expect(refusalOf(stdout), format).toMatchObject({
        code: expect.stringMatching(/^TAR_(HEADER|CHECKSUM|TRUNCATED)$/),
        data: { offset: expect.any(Number) },
      });
    }
  });

  clientTest('python3')('of Python: read as Python reads it', () => {
    const scratch = scratchDirectory();
    const paths = python<string[]>(
      `
import io, json, os, sys, tarfile
paths = []
for name, format in [('ustar', tarfile.USTAR_FORMAT), ('gnu', tarfile.GNU_FORMAT), ('pax', tarfile.PAX_FORMAT)]:
    path = os.path.join(sys.argv[1], name)
    with tarfile.open(path, 'w:', format=format, pax_headers={'comment': 'global', 'gname': 'of all'} if name == 'pax' else None) as archive:
        def add(name, content=b'', **fields):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in fields.items(): setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
        for n in [1, 98, 99, 100]: add('n' * n, b'x' * n, mode=0o640)
        for n in [101, 155, 156, 241] + ([] if name == 'ustar' else [256, 257, 601]):
            add('/'.join(['d' * 9] * (n // 10)) + '/' + 'f' * (n % 10), b'y' * n)
        if name != 'ustar':
            add('u' * 700, b'z' * 1025)
            add('link', type=tarfile.SYMTYPE, linkname='t' * 700)
            add('t' * 300, type=tarfile.SYMTYPE, linkname='t' * 300)
            add('big', uid=2**21, gid=2**31, mtime=2**33 + 1)
            add('negative', mtime=-1)
            add('n\\u00e4me', b'1')
            add('latin1 \\udce4', b'2')
        add('hard', type=tarfile.LNKTYPE, linkname='n')
        add('directory/', type=tarfile.DIRTYPE, mode=0o1777)
        add('device', type=tarfile.CHRTYPE, devmajor=1, devminor=0o7777777)
        add('fifo', type=tarfile.FIFOTYPE)
        add('contiguous', b'content', type=tarfile.CONTTYPE)
        add('owner', uname='us\\u00e9r', gname='gr\\u00f6up')
        if name == 'pax': add('fraction', mtime=1234567890.75)
    paths.append(path)
print(json.dumps(paths))`,
      [scratch],
    );
    for (const path of paths) expectAsPython(path);
    const { members } = decode(readFileSync(paths[2]!));
    expect(members.at(-1)!.mtimeSeconds).toBe(1234567890.75);
    expect(members[0]!.globalRecords).toEqual(
      new Map([
        ['comment', 'global'],
        ['gname', 'of all'],
      ]),
    );
  });
});

describe('our own archives', () => {
  const FORMATS: readonly TarFormat[] = ['ustar', 'gnu', 'posix', 'python-pax'];

  /** The entry as a decoder is to give it. */
  function expectEntry(found: TarMember & { content: Buffer }, { body, ...entry }: ArchiveEntry, name: string): void {
    const { path, mode, uid, gid, uname, gname, mtimeSeconds } = entry;
    expect(found).toMatchObject({ name, mode, uid, gid, uname, gname, mtimeSeconds, type: body.type });
    expect(path.startsWith(name.replace(/\/$/, ''))).toBe(true);
    if (body.type === 'symlink') expect(found.linkname).toBe(body.linkname);
    if (body.type === 'character-device' || body.type === 'block-device') {
      expect([found.devMajor, found.devMinor]).toEqual([body.devMajor, body.devMinor]);
    }
    if (body.type === 'file' && body.source.from === 'memory') {
      expect(found.content.equals(body.source.bytes)).toBe(true);
    }
  }

  test.each(FORMATS)('of %s: every entry is read as it was written, whatever the chunks', (format) => {
    fc.assert(
      fc.property(
        fc.array(anEntry(format), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 1025 }), { minLength: 1, maxLength: 20 }),
        (entries, chunkSizes) => {
          const archive = rawArchive(
            ...entries.flatMap((entry) => {
              const content =
                entry.body.type === 'file' && entry.body.source.from === 'memory'
                  ? entry.body.source.bytes
                  : new Uint8Array(0);
              return [
                headersOf(entry, { format, strict: false }),
                content,
                Buffer.alloc((512 - (content.length % 512)) % 512),
              ];
            }),
          );
          const { members, isTerminated } = decode(archive, chunkSizes);
          expect(isTerminated).toBe(true);
          expect(members).toHaveLength(entries.length);
          for (const [index, entry] of entries.entries()) {
            const name = entry.body.type === 'directory' ? `${entry.path}/` : entry.path;
            expectEntry(members[index]!, entry, name);
          }
        },
      ),
      { seed: 11, numRuns: 300 },
    );
  });

  test('offsets are those of the blocks', () => {
    const long = rawMember({ name: '././@LongLink', typeflag: 'L' }, `${'n'.repeat(600)}\0`);
    const archive = rawArchive(rawMember({ name: 'a' }, 'content'), long, rawMember({ name: 'b' }, 'x'));
    const [first, second] = decode(archive).members;
    expect(first).toMatchObject({ startOffset: 0, contentOffset: 512 });
    expect(second).toMatchObject({ startOffset: 1024, contentOffset: 1024 + 1536 + 512, name: 'n'.repeat(600) });
  });
});

const X: RawHeader = { name: 'PaxHeaders/x', typeflag: 'x' };
const G: RawHeader = { name: 'pax_global_header', typeflag: 'g' };
const L: RawHeader = { name: '././@LongLink', typeflag: 'L' };
const K: RawHeader = { name: '././@LongLink', typeflag: 'K' };

function only(...members: readonly Uint8Array[]): Decoded['members'][number] {
  const found = decode(rawArchive(...members), [100]).members;
  expect(found).toHaveLength(1);
  return found[0]!;
}

describe('a member', () => {
  test.each<[name: string, header: RawHeader, expected: { readonly [K in keyof TarMember]?: TarMember[K] | string }]>([
    [
      'of v7',
      { magic: '', typeflag: '\0', uname: 'garbage', devmajor: 'x', prefix: 'y' },
      { name: 'file', type: 'file', uname: '', devMajor: 0 },
    ],
    ['of v7 that is a directory', { name: 'd/', magic: '', typeflag: '\0' }, { name: 'd/', type: 'directory' }],
    ['of ustar with a slash is a file', { name: 'd/' }, { name: 'd/', type: 'file' }],
    ['with a prefix', { prefix: 'a/b' }, { name: 'a/b/file' }],
    [
      'with a prefix of 155 and a name of 100',
      { prefix: 'p'.repeat(155), name: 'n'.repeat(100) },
      { name: `${'p'.repeat(155)}/${'n'.repeat(100)}` },
    ],
    [
      'of star, with a short prefix',
      { prefix: `${'p'.repeat(131)}00000000001`, trailer: 'tar\0' },
      { name: `${'p'.repeat(131)}/file` },
    ],
    ['of gnu, with times for a prefix', { magic: 'ustar  \0', prefix: '12345670123' }, { name: 'file' }],
    [
      'with owners of 32 bytes',
      { uname: 'u'.repeat(32), gname: 'g'.repeat(32) },
      { uname: 'u'.repeat(32), gname: 'g'.repeat(32) },
    ],
    [
      'with numbers in spaces',
      { mode: '   644 ', uid: '     7 ', gid: ' \0    6', mtime: '       12345' },
      { mode: 0o644, uid: 7, gid: 6, mtimeSeconds: 0o12345 },
    ],
    [
      'with empty numbers',
      { mode: '', uid: '', gid: '        ', mtime: '' },
      { mode: 0, uid: 0, gid: 0, mtimeSeconds: 0 },
    ],
    [
      'with numbers without an end',
      { mode: '00000644', uid: '77777777', mtime: '777777777777' },
      { mode: 0o644, uid: 0o77777777, mtimeSeconds: 0o777777777777 },
    ],
    ['with the mode of its file', { mode: '0104755' }, { mode: 0o4755 }],
    [
      'with numbers in base 256',
      { uid: '\x80\0\0\0\x7f\xff\xff\xff', mtime: '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfb' },
      { uid: 0x7fffffff, mtimeSeconds: -5 },
    ],
    [
      'with the largest number in base 256',
      { mtime: '\x80\0\0\0\0\x1f\xff\xff\xff\xff\xff\xff' },
      { mtimeSeconds: Number.MAX_SAFE_INTEGER },
    ],
    [
      'that is a link of a size',
      { typeflag: '1', linkname: 'other', size: 4096 },
      { type: 'hard-link', sizeBytes: 0, linkname: 'other' },
    ],
    ['that is a directory of a size', { typeflag: '5', size: 4096 }, { type: 'directory', sizeBytes: 0 }],
    ['of an unknown type', { typeflag: 'Q' }, { type: 'other', typeflag: 'Q' }],
  ])('%s', (_name, header, expected) => {
    expect(only(rawMember(header))).toMatchObject(expected);
  });

  test('with a signed checksum', () => {
    const member = rawMember({ name: 'f\xe9' });
    const signed = member
      .subarray(0, 512)
      .reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : (byte << 24) >> 24), 0);
    expect(only(rawMember({ name: 'f\xe9', checksum: `${signed.toString(8).padStart(6, '0')}\0 ` })).name).toBe(
      'f\xe9',
    );
  });

  test('of which pax says everything', () => {
    const records = paxRecords(
      ['path', 'p\xff'.repeat(100)],
      ['linkpath', 'l'.repeat(200)],
      ['size', '3'],
      ['uid', '9007199254740991'],
      ['gid', '-2'],
      ['uname', 'u'.repeat(50)],
      ['gname', '\xe9'],
      ['mtime', '-1.5'],
      ['SCHILY.devmajor', '300000000'],
      ['VENDOR.anything', 'a=b\nc\0d'],
    );
    const found = only(rawMember(X, records), rawMember({ size: '00000000000' }, 'abc'));
    expect(found).toMatchObject({
      name: 'p\xff'.repeat(100),
      linkname: 'l'.repeat(200),
      sizeBytes: 3,
      uid: Number.MAX_SAFE_INTEGER,
      gid: -2,
      uname: 'u'.repeat(50),
      gname: '\xe9',
      mtimeSeconds: -1.5,
      devMajor: 300_000_000,
    });
    expect(found.content.toString()).toBe('abc');
    expect(found.paxRecords.get('VENDOR.anything')).toBe('a=b\nc\0d');
  });

  test('global records are of all that follow, until they are replaced, and own records are before them', () => {
    const archive = rawArchive(
      rawMember({ name: 'before' }),
      rawMember(G, paxRecords(['uname', 'all'], ['uid', '5'], ['comment', 'x'])),
      rawMember({ name: 'first', uname: 'header' }),
      rawMember(X, paxRecords(['uname', 'own'], ['uid', ''])),
      rawMember({ name: 'second', uid: '0000007' }),
      rawMember(G, paxRecords(['uname', 'new'])),
      rawMember({ name: 'third' }),
      rawMember(G, paxRecords(['uname', ''])),
      rawMember({ name: 'fourth', uname: 'header' }),
    );
    const { members } = decode(archive, [1]);
    expect(members.map(({ name, uname, uid }) => [name, uname, uid])).toEqual([
      ['before', '', 0],
      ['first', 'all', 5],
      ['second', 'own', 7],
      ['third', 'new', 5],
      ['fourth', 'header', 5],
    ]);
    expect(members.map(({ globalRecords }) => globalRecords.size)).toEqual([0, 3, 3, 3, 3]);
  });

  test('a pax size is never of the headers that stand between it and its member', () => {
    // Read with the size of the pax header, the long name would swallow the hidden member, or show one.
    const name = `${'n'.repeat(700)}\0`;
    const found = only(rawMember(X, paxRecords(['size', '5'])), rawMember(L, name), rawMember({ size: 0 }, 'hello'));
    expect(found).toMatchObject({ name: 'n'.repeat(700), sizeBytes: 5 });
    expect(found.content.toString()).toBe('hello');
    const swapped = only(
      rawMember(K, 'target\0'),
      rawMember(X, paxRecords(['size', '5'])),
      rawMember({ size: 99 }, 'hello').subarray(0, 1024),
    );
    expect(swapped).toMatchObject({ linkname: 'target', sizeBytes: 5 });
  });

  test('a long name ends at its NUL, or where it ends', () => {
    expect(only(rawMember(L, 'name\0garbage'), rawMember({})).name).toBe('name');
    expect(only(rawMember(L, 'name'), rawMember({})).name).toBe('name');
    expect(only(rawMember(L, ''), rawMember({})).name).toBe('file');
  });
});

describe('the end', () => {
  const member = rawMember({ name: 'a' }, 'content');

  test('is two zero blocks, and what follows is not read', () => {
    const archive = Buffer.concat([rawArchive(member), rawMember({ name: 'hidden' }), Buffer.alloc(700, 0xff)]);
    const { members, isTerminated } = decode(archive);
    expect(members.map(({ name }) => name)).toEqual(['a']);
    expect(isTerminated).toBe(true);
  });

  test.each([
    ['nothing', Buffer.alloc(0), 0],
    ['no zero block', member, 1],
    ['one zero block', Buffer.concat([member, Buffer.alloc(512)]), 1],
  ])('%s is told', (_name, archive, count) => {
    expect(decode(archive)).toMatchObject({ isTerminated: false, members: { length: count } });
  });

  test('one zero block before a member is refused', () => {
    expect(refusalOf(rawArchive(member, Buffer.alloc(512), member))).toMatchObject({
      code: 'TAR_END',
      message:
        'Cannot read tar archive: two zero blocks must end it, and there is one at byte 1024 with a header after it',
    });
  });

  test('every cut is told or refused, with its place', () => {
    const whole = Buffer.concat([
      member,
      rawMember(X, paxRecords(['path', 'long'])),
      rawMember({}, 'x'),
      Buffer.alloc(1024),
    ]);
    const boundaries = [0, 1024, 3072, 3584];
    for (let size = 0; size < whole.length; size++) {
      const error = refusalOf(whole.subarray(0, size));
      if (boundaries.includes(size)) {
        expect(error, `after ${size}`).toBeUndefined();
        expect(decode(whole.subarray(0, size)).isTerminated).toBe(false);
      } else expect(error, `after ${size}`).toMatchObject({ code: 'TAR_TRUNCATED', data: { offset: size } });
    }
  });
});

describe('refused is', () => {
  test.each<[name: string, archive: Uint8Array, code: string, message: string]>([
    [
      'text',
      Buffer.alloc(512, 'no tar '),
      'TAR_HEADER',
      'Cannot read tar header at byte 0: checksum must be octal digits',
    ],
    [
      'a changed header',
      changed(rawMember({}), 5),
      'TAR_CHECKSUM',
      'Cannot read tar header at byte 0: its checksum must be',
    ],
    [
      'a name that is no number',
      rawMember({ uid: 'root' }),
      'TAR_HEADER',
      'uid must be octal digits, and is byte 114 among them',
    ],
    [
      'a digit that is not octal',
      rawMember({ mode: '0000684' }),
      'TAR_HEADER',
      'mode must be octal digits, and is byte 56 among them',
    ],
    ['a uid of -2^56', rawMember({ uid: `\xff${'\0'.repeat(7)}` }), 'TAR_HEADER', 'uid must be a safe integer'],
    ['a negative size', rawMember({ size: '\xff'.repeat(12) }), 'TAR_HEADER', 'size must be at least 0, and is -1'],
    [
      'a size of 2^60',
      rawMember({ size: '\x80\0\0\0\x10\0\0\0\0\0\0\0' }),
      'TAR_HEADER',
      'size must be a safe integer, and is beyond 2^53',
    ],
    [
      'a size of 2^53 - 1',
      rawMember({ size: '\x80\0\0\0\0\x1f\xff\xff\xff\xff\xff\xff' }),
      'TAR_HEADER',
      'the member must end within 2^53 bytes, and has 9007199254740991',
    ],
    [
      'a long name of 8 GiB',
      rawMember({ ...L, size: '77777777777' }),
      'TAR_LIMIT',
      'must have at most 1048576 bytes, and have 8589934591',
    ],
    ['a pax header of 1 MiB and 1', rawMember({ ...X, size: (1 << 20) + 1 }), 'TAR_LIMIT', 'and have 1048577'],
    [
      'global headers of more than 1 MiB together',
      Buffer.concat([
        rawMember(G, paxRecords(['comment', 'x'.repeat(600_000)])),
        rawMember(G, paxRecords(['a', 'x'.repeat(600_000)])),
      ]),
      'TAR_LIMIT',
      'must have at most 1048576 bytes, and have 12000',
    ],
    [
      'a second pax header',
      Buffer.concat([rawMember(X), rawMember(X)]),
      'TAR_HEADER',
      'at byte 512: a member must have one such header',
    ],
    [
      'a second long name',
      Buffer.concat([rawMember(L, 'a'), rawMember(L, 'b')]),
      'TAR_HEADER',
      'at byte 1024: a member must have one such',
    ],
    [
      'a second long target',
      Buffer.concat([rawMember(K, 'a'), rawMember(K, 'b')]),
      'TAR_HEADER',
      'a member must have one such',
    ],
    [
      'a pax header at the end',
      rawArchive(rawMember(X)),
      'TAR_TRUNCATED',
      'ends at byte 512, and a header that describes the next member is the last',
    ],
    [
      'a global path',
      rawMember(G, paxRecords(['path', 'x'])),
      'TAR_HEADER',
      'a global header must not give path to all members',
    ],
    [
      'a global size',
      rawMember(G, paxRecords(['size', '0'])),
      'TAR_HEADER',
      'a global header must not give size to all members',
    ],
    ['a negative pax size', pax(['size', '-1']), 'TAR_HEADER', 'pax size must be at least 0, and is -1'],
    [
      'a pax size in hexadecimal',
      pax(['size', '0x10']),
      'TAR_PAX',
      'pax size must be an integer within 2^53, and is "0x10"',
    ],
    ['a pax size with a fraction', pax(['size', '1.5']), 'TAR_PAX', 'pax size must be an integer'],
    ['a pax size of 2^53', pax(['size', '9007199254740992']), 'TAR_PAX', 'pax size must be an integer within 2^53'],
    [
      'a pax time that is none',
      pax(['mtime', '1e9']),
      'TAR_PAX',
      'pax mtime must be a decimal number within 2^53, and is "1e9"',
    ],
    ['a pax path with a NUL', pax(['path', 'a\0b']), 'TAR_PAX', 'at byte 512: path must have no NUL, and has one'],
    ['a pax key with a NUL', pax(['a\0', 'b']), 'TAR_PAX', 'a\\x00 must have no NUL'],
    ['a record without a length', rawMember(X, ' a=b\n'), 'TAR_PAX', 'it must begin with its length and a space'],
    ['a record without a space', rawMember(X, '6a=b\n'), 'TAR_PAX', 'it must begin with its length and a space'],
    ['a record without a newline', rawMember(X, '6 a=bc'), 'TAR_PAX', 'it must be 6 bytes with a newline as the last'],
    ['a record beyond the body', rawMember(X, '99 a=b\n'), 'TAR_PAX', 'it must be 99 bytes with a newline as the last'],
    ['a record of length 0', rawMember(X, '0 a=b\n'), 'TAR_PAX', 'it must be 0 bytes'],
    ['a record of length 2', rawMember(X, '2 a=b\n'), 'TAR_PAX', 'it must be 2 bytes'],
    [
      'a record of an endless length',
      rawMember(X, '00000000000000000006 a=b\n'),
      'TAR_PAX',
      'it must begin with its length',
    ],
    ['a record without a key', rawMember(X, '5 =b\n'), 'TAR_PAX', 'it must be KEY=VALUE with a key that is not empty'],
    ['a record without =', rawMember(X, `6 abc\n${paxRecords(['a', 'b'])}`), 'TAR_PAX', 'it must be KEY=VALUE'],
    [
      'a second record that is wrong',
      rawMember(X, `${paxRecords(['a', 'b'])}x`),
      'TAR_PAX',
      'at byte 518: it must begin',
    ],
  ])('%s', (_name, archive, code, message) => {
    for (const sizes of [[65_536], [1], [511, 2]]) {
      expect(() => decode(archive, archive.length > 10_000 ? [4096] : sizes)).toThrowError(
        expect.objectContaining({ code, message: expect.stringContaining(message) }),
      );
    }
  });

  test('a member too many', () => {
    const archive = rawArchive(...Array.from({ length: 4 }, () => rawMember({})));
    expect(refusalOf(archive, { maxMembers: 4 })).toBeUndefined();
    expect(refusalOf(archive, { maxMembers: 3 })).toMatchObject({
      code: 'TAR_LIMIT',
      message: 'Cannot read tar archive: it must have at most 3 members, and has another at byte 1536',
    });
  });

  test('no archive with an error that is not ours', () => {
    const seeds = [
      rawArchive(
        rawMember(X, paxRecords(['path', 'x'], ['mtime', '1.5'])),
        rawMember({}, 'content'),
        rawMember(L, 'n'),
        rawMember({ typeflag: '2' }),
      ),
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(5119), fc.nat(255)), { maxLength: 4 }),
        (seed, changes) => {
          const archive = Buffer.from(seed);
          for (const [at, value] of changes) archive[at % archive.length] = value;
          // The sums of headers are made right again, so that their fields are what is tested.
          for (let at = 0; at < archive.length; at += 512) {
            const block = archive.subarray(at, at + 512);
            if (block.toString('latin1', 257, 262) !== 'ustar') continue;
            const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
            block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
          }
          refusalOf(archive);
        },
      ),
      { seed: 4, numRuns: 3000 },
    );
  });
});

function changed(archive: Buffer, at: number): Buffer {
  archive[at]! ^= 1;
  return archive;
}

/** A member with one pax record. */
function pax(record: readonly [key: string, value: string]): Buffer {
  return rawArchive(rawMember(X, paxRecords(record)), rawMember({}));
}
