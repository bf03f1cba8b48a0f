import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { createTarDecoder, expandSparse, type SparseMap, TarError } from '../../src/tar/index.js';
import { clientTest } from '../support/clients.js';
import { chunksOf, decodeAll, readAll, unpackedDigest } from '../support/decoded.js';
import { bsdLine, bsdListing, gnuLine, gnuListing } from '../support/listings.js';
import { readArchive } from '../support/python.js';
import { paxRecords, rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';

type Region = readonly [offset: number, size: number];

/** Files by name: their size and where they are no holes, at multiples of what file systems make holes of. */
const FILES: Readonly<Record<string, readonly [size: number, regions: readonly Region[]]>> = {
  'hole-only': [1 << 20, []],
  'hole-first': [(1 << 20) + 5, [[1 << 20, 5]]],
  'hole-last': [3 << 20, [[0, 4096]]],
  four: [1 << 22, [0, 1, 2, 3].map((at) => [at << 20, 4096] as const)],
  five: [1 << 22, [0, 1, 2, 3, 3.5].map((at) => [at * (1 << 20), 4096] as const)],
  'in two extensions': [50 << 16, Array.from({ length: 50 }, (_, at) => [at << 16, 4096] as const)],
  [`${'long-'.repeat(30)}name`]: [1 << 20, [[1 << 19, 4096]]],
  'as large as no header can say': [2 ** 34, [[2 ** 33, 4096]]],
};

function makeFiles(directory: string): void {
  for (const [name, [size, regions]] of Object.entries(FILES)) {
    const fd = openSync(join(directory, name), 'w');
    ftruncateSync(fd, size);
    for (const [offset, length] of regions) writeSync(fd, Buffer.alloc(length, `${name} `), 0, length, offset);
    closeSync(fd);
  }
  writeFileSync(join(directory, 'not sparse'), 'content');
}

/** The digests of the files that are no larger than 16 MiB. */
function digestsOf(directory: string): Map<string, string> {
  return new Map(
    Object.entries(FILES)
      .filter(([, [size]]) => size <= 1 << 24)
      .map(([name]) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(directory, name)))
          .digest('hex'),
      ]),
  );
}

describe('sparse members of other programs', () => {
  const writers: readonly (readonly [form: string, program: string, args: readonly string[]])[] = [
    ['gnu', 'tar', ['--format=gnu', '-S']],
    ['gnu', 'tar', ['--format=oldgnu', '-S']],
    ['0.0', 'tar', ['--format=posix', '-S', '--sparse-version=0.0']],
    ['0.1', 'tar', ['--format=posix', '-S', '--sparse-version=0.1']],
    ['1.0', 'tar', ['--format=posix', '-S', '--sparse-version=1.0']],
    ['1.0', 'bsdtar', ['--format=pax', '--read-sparse']],
  ];

  for (const [form, program, args] of writers) {
    clientTest(
      program,
      'tar',
      'python3',
    )(`${program} ${args.join(' ')}`, async () => {
      const scratch = scratchDirectory();
      makeFiles(scratch);
      const path = join(scratch, 'archive.tar');
      const names = [...Object.keys(FILES), 'not sparse'];
      const { status, stderr } = spawnSync(program, [...args, '-cf', path, ...names], { cwd: scratch });
      expect(status, stderr.toString()).toBe(0);
      const archive = readFileSync(path);
      // What is a hole the file system says; without it the test would show nothing.
      expect(archive.length, 'the file system must have holes').toBeLessThan(1 << 20);

      const { list, isTerminated } = decodeAll(archive);
      expect(isTerminated).toBe(true);
      expect(list.map(({ name, realSizeBytes }) => [name, realSizeBytes])).toEqual([
        ...Object.entries(FILES).map(([name, [size]]) => [name, size]),
        ['not sparse', 7],
      ]);
      expect(list.map(gnuLine)).toEqual(gnuListing(path));
      if (program === 'bsdtar') expect(list.map(bsdLine)).toEqual(bsdListing(path));
      // Of a long name in 0.1 Python gives the path that stands in for it.
      const python = readArchive(path, false);
      expect(list.map(({ realSizeBytes }) => realSizeBytes)).toEqual(python.map(({ size }) => size));
      const digests = digestsOf(scratch);
      for (const member of list) {
        const [, regions] = FILES[member.name] ?? [];
        expect(member.sparse?.form, member.name).toBe(regions && form);
        const found = member.sparse?.regions.filter(({ sizeBytes }) => sizeBytes > 0);
        expect(
          found?.map(({ offset, sizeBytes }) => [offset, sizeBytes]),
          member.name,
        ).toEqual(regions);
        expect(member.content.length, member.name).toBe(member.sizeBytes);
        const sha256 = digests.get(member.name);
        if (sha256 !== undefined) expect(await unpackedDigest(member), member.name).toBe(sha256);
      }
      for (const size of [17, 511, 513]) expect(isDeepStrictEqual(decodeAll(archive, size).list, list)).toBe(true);
    });
  }

  clientTest('tar')('thousands of regions', () => {
    const scratch = scratchDirectory();
    const file = join(scratch, 'many');
    const fd = openSync(file, 'w');
    for (let at = 0; at < 3000; at++) writeSync(fd, 'x', at * 16_384);
    closeSync(fd);
    truncateSync(file, 3000 * 16_384);
    for (const args of [['--format=gnu'], ['--format=posix']]) {
      const { stdout } = spawnSync('tar', [...args, '-Scf', '-', 'many'], { cwd: scratch, maxBuffer: 1 << 26 });
      const [member] = decodeAll(stdout).list;
      expect(member!.sparse!.regions.filter(({ sizeBytes }) => sizeBytes > 0)).toHaveLength(3000);
    }
  });
});

test('sparse members are refused where they are not asked for', () => {
  const gnu = rawMember({ typeflag: 'S', magic: 'ustar  \0' });
  const pax = Buffer.concat([
    rawMember({ typeflag: 'x' }, paxRecords(['GNU.sparse.size', '5'])),
    rawMember({}, 'hello'),
  ]);
  for (const archive of [gnu, pax]) {
    expect(() => createTarDecoder({ member() {} }).push(archive)).toThrowError(
      expect.objectContaining({
        code: 'TAR_SPARSE',
        message: 'Cannot read tar member at byte 0: sparse members are not supported, and it is one',
      }),
    );
  }
});

describe('a map', () => {
  const digits = (value: number): string => value.toString(8).padStart(11, '0');
  /** A gnu member: entries in the header, real size, blocks behind it, content. */
  const gnu = (
    pairs: readonly Region[],
    { real = 10_000, next = '', blocks = '', content = '' }: Record<string, string | number> = {},
  ): Buffer => {
    const header = rawMember({ name: 'f', typeflag: 'S', magic: 'ustar  \0', size: String(content).length });
    const put = (at: number, text: string): number => header.write(text, at, 'latin1');
    for (const [index, [offset, size]] of pairs.entries()) {
      put(386 + index * 24, `${digits(offset)}\0${digits(size)}\0`);
    }
    put(482, String(next));
    put(483, typeof real === 'number' ? `${digits(real)}\0` : real);
    put(148, '        ');
    const sum = header.reduce((total, byte) => total + byte, 0);
    put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
    const body = Buffer.from(String(content), 'latin1');
    return Buffer.concat([header, Buffer.from(String(blocks), 'latin1'), body, Buffer.alloc(-body.length & 511)]);
  };
  const sparse = (records: readonly (readonly [string, string])[], content = ''): Buffer =>
    Buffer.concat([
      rawMember({ typeflag: 'x' }, paxRecords(...records.map(([key, value]) => [`GNU.sparse.${key}`, value] as const))),
      rawMember({}, content),
    ]);
  const version1 = (map: string, content = '', real = '10000'): Buffer =>
    sparse(
      [
        ['major', '1'],
        ['minor', '0'],
        ['realsize', real],
      ],
      map.padEnd(Math.ceil(map.length / 512) * 512, '\0') + content,
    );
  const first = (archive: Buffer) => decodeAll(rawArchive(archive)).list[0]!;

  test.each<[name: string, archive: Buffer, expected: SparseMap, content: string]>([
    ['of gnu without an entry', gnu([]), { form: 'gnu', regions: [] }, ''],
    [
      'of gnu that ends with an entry of no byte',
      gnu(
        [
          [512, 3],
          [10_000, 0],
        ],
        { content: 'abc' },
      ),
      {
        form: 'gnu',
        regions: [
          { offset: 512, sizeBytes: 3 },
          { offset: 10_000, sizeBytes: 0 },
        ],
      },
      'abc',
    ],
    [
      'of 0.0',
      sparse(
        [
          ['size', '9'],
          ['numblocks', '2'],
          ['offset', '1'],
          ['numbytes', '2'],
          ['offset', '4'],
          ['numbytes', '1'],
        ],
        'abc',
      ),
      {
        form: '0.0',
        regions: [
          { offset: 1, sizeBytes: 2 },
          { offset: 4, sizeBytes: 1 },
        ],
      },
      'abc',
    ],
    [
      'of 0.1',
      sparse(
        [
          ['size', '9'],
          ['map', '1,2,4,1'],
        ],
        'abc',
      ),
      {
        form: '0.1',
        regions: [
          { offset: 1, sizeBytes: 2 },
          { offset: 4, sizeBytes: 1 },
        ],
      },
      'abc',
    ],
    [
      'of 0.1 without a region',
      sparse([
        ['size', '9'],
        ['map', ''],
      ]),
      { form: '0.1', regions: [] },
      '',
    ],
    ['of 1.0 without a region', version1('0\n'), { form: '1.0', regions: [] }, ''],
    [
      'of 1.0 in three blocks',
      version1(`200\n${Array.from({ length: 200 }, (_, at) => `${at * 10}\n1\n`).join('')}`, 'x'.repeat(200)),
      { form: '1.0', regions: Array.from({ length: 200 }, (_, at) => ({ offset: at * 10, sizeBytes: 1 })) },
      'x'.repeat(200),
    ],
  ])('%s', (_name, archive, expected, content) => {
    const member = first(archive);
    expect(member.sparse).toEqual(expected);
    expect(member.content.toString()).toBe(content);
    expect(archive.subarray(member.contentOffset, member.contentOffset + content.length).toString()).toBe(content);
  });

  const beyond = '\x80\0\0\0\0\x1f\xff\xff\xff\xff\xff\xff';
  test.each<[name: string, archive: Buffer, code: string, message: string]>([
    [
      'of gnu with a region before another',
      gnu(
        [
          [512, 1],
          [0, 1],
        ],
        { content: 'ab' },
      ),
      'TAR_SPARSE_MAP',
      'must be behind the one before it',
    ],
    [
      'of gnu with a region behind the end',
      gnu([[9999, 2]], { content: 'ab' }),
      'TAR_SPARSE_MAP',
      'within 10000 bytes, and is 2 at 9999',
    ],
    [
      'of gnu with a region of 2^53',
      gnu([[1, 1]], { real: beyond, content: 'ab' }),
      'TAR_SPARSE_MAP',
      'must have 2 bytes, as it stores, and have 1',
    ],
    [
      'of gnu with a negative real size',
      gnu([], { real: '\xff'.repeat(12) }),
      'TAR_SPARSE_MAP',
      'real size must be at least 0, and is -1',
    ],
    [
      'of gnu that ends before its last block',
      gnu([[0, 1]], { next: '\x01', content: 'a' }),
      'TAR_SPARSE_MAP',
      'must end in its last block',
    ],
    ['of gnu with a number that is none', gnu([], { real: 'x' }), 'TAR_HEADER', 'real size must be octal digits'],
    [
      'of gnu and of pax',
      Buffer.concat([rawMember({ typeflag: 'x' }, paxRecords(['GNU.sparse.size', '5'])), gnu([])]),
      'TAR_SPARSE_MAP',
      'is in both',
    ],
    [
      'of a symlink',
      Buffer.concat([rawMember({ typeflag: 'x' }, paxRecords(['GNU.sparse.size', '5'])), rawMember({ typeflag: '2' })]),
      'TAR_SPARSE_MAP',
      'must be of a file, and is of a symlink',
    ],
    [
      'of star',
      Buffer.concat([rawMember({ typeflag: 'x' }, paxRecords(['SCHILY.realsize', '5'])), rawMember({})]),
      'TAR_SPARSE',
      'is of that of star',
    ],
    [
      'without a real size',
      sparse([['map', '0,1']], 'a'),
      'TAR_SPARSE_MAP',
      'real size must be at least 0, and is missing',
    ],
    [
      'of 0.0 with an offset alone',
      sparse(
        [
          ['size', '9'],
          ['offset', '0'],
        ],
        'a',
      ),
      'TAR_SPARSE_MAP',
      'whole pairs of numbers, and has 1',
    ],
    [
      'of 0.0 with sizes before offsets',
      sparse(
        [
          ['size', '9'],
          ['numbytes', '1'],
          ['offset', '0'],
        ],
        'a',
      ),
      'TAR_SPARSE_MAP',
      'next record must be GNU.sparse.offset',
    ],
    [
      'of 0.0 with a number that is none',
      sparse(
        [
          ['size', '9'],
          ['offset', '-'],
          ['numbytes', '1'],
        ],
        'a',
      ),
      'TAR_PAX',
      'must be an integer',
    ],
    [
      'of 0.1 with fewer pairs than it says',
      sparse(
        [
          ['size', '9'],
          ['numblocks', '2'],
          ['map', '0,1'],
        ],
        'a',
      ),
      'TAR_SPARSE_MAP',
      'must have 2 pairs of numbers, and has 2 numbers',
    ],
    [
      'of 0.1 with half a pair',
      sparse(
        [
          ['size', '9'],
          ['map', '0,1,5'],
        ],
        'a',
      ),
      'TAR_SPARSE_MAP',
      'and has 3 numbers',
    ],
    [
      'of 0.1 with an empty number',
      sparse([
        ['size', '9'],
        ['map', '0,'],
      ]),
      'TAR_SPARSE_MAP',
      'pairs of numbers',
    ],
    [
      'of 0.1 with a number beyond 2^53',
      sparse([
        ['size', '9'],
        ['map', '9007199254740993,0'],
      ]),
      'TAR_SPARSE_MAP',
      'pairs of numbers',
    ],
    ['of 1.0 in a member of no byte', version1(''), 'TAR_SPARSE_MAP', 'must end within the 0 bytes of the member'],
    [
      'of 1.0 that goes on behind its member',
      version1('200\n'.padEnd(512, '0\n')),
      'TAR_SPARSE_MAP',
      'must end within the 512 bytes of the member, and does not',
    ],
    [
      'of 1.0 with a letter',
      version1('1\n0\na\n'),
      'TAR_SPARSE_MAP',
      'lines of decimal numbers within 2^53, and has byte 97 at byte 1540',
    ],
    ['of 1.0 with an empty line', version1('1\n\n1\n'), 'TAR_SPARSE_MAP', 'and has byte 10'],
    ['of 1.0 with 17 digits', version1('00000000000000001\n'), 'TAR_SPARSE_MAP', 'and has byte 49'],
    [
      'of 1.0 with less than it stores',
      version1('1\n0\n1\n', 'ab'),
      'TAR_SPARSE_MAP',
      'must have 2 bytes, as it stores, and have 1',
    ],
    [
      'of version 1.1',
      sparse([
        ['major', '1'],
        ['minor', '1'],
        ['realsize', '1'],
      ]),
      'TAR_SPARSE',
      'is of 1.1',
    ],
  ])('refused: %s', (_name, archive, code, message) => {
    for (const size of [1, 512, 65_536]) {
      expect(() => decodeAll(rawArchive(archive), size)).toThrowError(
        expect.objectContaining({ code, message: expect.stringMatching(message.replaceAll('^', '\\^')) }),
      );
    }
  });

  test('refused: more regions than memory is given for', () => {
    const count = (1 << 18) + 1;
    const map = `${count}\n${'0\n0\n'.repeat(count)}`;
    expect(() => decodeAll(version1(map))).toThrowError(
      expect.objectContaining({ code: 'TAR_LIMIT', message: expect.stringContaining('at most 262144 regions') }),
    );
  });

  test('a claim of many regions takes no memory', () => {
    // The member's own blocks are what bounds it: here they end.
    expect(() => decodeAll(version1('9007199254740991\n0\n0\n'.padEnd(512, '0\n')))).toThrow(TarError);
  });

  test('cut in its blocks', () => {
    const archive = gnu(
      [
        [0, 1],
        [1, 1],
        [2, 1],
        [3, 1],
      ],
      { next: '\x01' },
    );
    expect(() => decodeAll(archive)).toThrowError(
      expect.objectContaining({
        code: 'TAR_TRUNCATED',
        message: 'Cannot read tar archive: it ends at byte 512, and a block of a sparse map is missing',
      }),
    );
  });
});

describe('expandSparse', () => {
  let member: ReturnType<typeof decodeAll>['list'][number];
  beforeAll(() => {
    const records = paxRecords(['GNU.sparse.size', '9007199254740991'], ['GNU.sparse.map', '2,3,9000000000000000,1']);
    [member] = decodeAll(rawArchive(rawMember({ typeflag: 'x' }, records), rawMember({}, 'abcd'))).list as [
      typeof member,
    ];
  });

  test('gives a hole of petabytes as far as it is asked for', async () => {
    const pieces: Buffer[] = [];
    let sizeBytes = 0;
    for await (const piece of expandSparse(member, chunksOf(member.content, 2))) {
      expect(piece.length).toBeLessThanOrEqual(65_536);
      pieces.push(Buffer.from(piece));
      sizeBytes += piece.length;
      if (sizeBytes > 1_000_000) break;
    }
    const whole = Buffer.concat(pieces);
    expect(whole.toString('latin1', 0, 8)).toBe('\0\0abc\0\0\0');
    expect(whole.subarray(5).every((byte) => byte === 0)).toBe(true);
  });

  test('is what a reader of members gives', async () => {
    const records = paxRecords(['GNU.sparse.size', '200000'], ['GNU.sparse.map', '2,3,100000,1']);
    const archive = rawArchive(
      rawMember({ typeflag: 'x' }, records),
      rawMember({}, 'abcd'),
      rawMember({ name: 'b' }, 'x'),
    );
    const expected = Buffer.alloc(200_000);
    expected.write('abc', 2);
    expected.write('d', 100_000);
    const [found, next] = await readAll(chunksOf(archive, 700));
    expect(found!.sha256).toBe(createHash('sha256').update(expected).digest('hex'));
    expect(next!.member.name).toBe('b');
  });
});
