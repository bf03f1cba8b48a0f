import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Comparison, diffImages } from '../../src/verify/index.js';
import { bash, diffOf } from '../support/compared.js';
import { chunksOf } from '../support/decoded.js';
import { paxRecords, type RawHeader, rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { buildToFile } from '../support/tarseal.js';

/** Compares two archives in memory, as streams. */
function diffBytes(a: Uint8Array, b: Uint8Array, temporaryDirectory: string): Promise<Comparison> {
  return diffImages(chunksOf(a, 10_000), chunksOf(b, 777), { temporaryDirectory, limit: Number.POSITIVE_INFINITY });
}

interface Member {
  readonly header: RawHeader;
  readonly body: string;
}

interface Mutation {
  readonly name: string;
  /** Whether it makes a difference in a member of this type. */
  readonly applies?: (typeflag: string) => boolean;
  readonly mutate: (member: Member) => Member;
  /** Kind and field of the one difference. */
  readonly expected: readonly [kind: string, field: string | undefined];
  /** Field of the first byte that differs. */
  readonly first?: string;
}

const withHeader =
  (fields: RawHeader) =>
  ({ header, body }: Member): Member => ({ header: { ...header, ...fields }, body });

const isFile = (typeflag: string): boolean => typeflag === '0';

const MUTATIONS: readonly Mutation[] = [
  { name: 'mode', mutate: withHeader({ mode: '0000751' }), expected: ['field', 'mode'] },
  { name: 'uid', mutate: withHeader({ uid: '0001750' }), expected: ['field', 'uid'] },
  { name: 'gid', mutate: withHeader({ gid: '0000144' }), expected: ['field', 'gid'] },
  { name: 'uname', mutate: withHeader({ uname: 'alice' }), expected: ['field', 'uname'] },
  { name: 'gname', mutate: withHeader({ gname: 'users' }), expected: ['field', 'gname'] },
  { name: 'mtime', mutate: withHeader({ mtime: '14000000000' }), expected: ['field', 'mtime'] },
  {
    name: 'linkname',
    applies: (typeflag) => typeflag === '1' || typeflag === '2',
    mutate: withHeader({ linkname: 'elsewhere' }),
    expected: ['field', 'linkname'],
  },
  {
    name: 'type',
    mutate: withHeader({ typeflag: '6' }),
    applies: (t) => t === '5',
    expected: ['field', 'type'],
    first: 'typeflag',
  },
  {
    name: 'device',
    applies: (typeflag) => typeflag === '3',
    mutate: withHeader({ devminor: '0000007' }),
    expected: ['field', 'device'],
    first: 'devminor',
  },
  {
    name: 'a byte of content',
    applies: isFile,
    mutate: ({ header, body }) => ({ header, body: `${body.slice(0, -1)}\x00` }),
    expected: ['content', undefined],
    first: 'content',
  },
  {
    name: 'more content',
    applies: isFile,
    mutate: ({ header, body }) => ({ header, body: `${body}more` }),
    expected: ['content', undefined],
    first: 'size',
  },
  { name: 'spelling of a number', mutate: withHeader({ gid: ' 000000' }), expected: ['header', 'gid'] },
  { name: 'a checksum of six digits', mutate: withHeader({ checksum: 'space' }), expected: ['header', 'checksum'] },
  {
    name: 'the NUL of old files',
    applies: isFile,
    mutate: withHeader({ typeflag: '\0' }),
    expected: ['header', 'typeflag'],
  },
  {
    name: 'devices of what is none',
    applies: (typeflag) => typeflag !== '3',
    mutate: withHeader({ devmajor: '0000001' }),
    expected: ['header', 'devmajor'],
  },
  { name: 'what is behind the last field', mutate: withHeader({ trailer: 'x' }), expected: ['header', 'padding'] },
];

/** `NNNNNN \0` in place of `NNNNNN\0 `. */
function encode({ header, body }: Member): Buffer {
  if (header.checksum !== 'space') return rawMember(header, body);
  const { checksum: _, ...rest } = header;
  const block = rawMember(rest, body);
  block.write(' \0', 154, 'latin1');
  return block;
}

const member = (index: number): fc.Arbitrary<Member> =>
  fc
    .record({
      header: fc.record({
        name: fc.constantFrom(`f${index}`, `dir/${index}`, `./d${index}`),
        typeflag: fc.constantFrom('0', '0', '0', '1', '2', '3', '5'),
        mode: fc.constantFrom('0000644', '0000755'),
        linkname: fc.constantFrom('f0', 'target'),
        devmajor: fc.constant('0000000'),
        devminor: fc.constant('0000000'),
      }),
      body: fc.string({ minLength: 1, maxLength: 2000, unit: fc.constantFrom('a', 'b', '\n') }),
    })
    .map(({ header, body }) => {
      const { linkname, ...rest } = header;
      const isLink = header.typeflag === '1' || header.typeflag === '2';
      return { header: { ...rest, ...(isLink && { linkname }) }, body: isFile(header.typeflag) ? body : '' };
    });

const archive = fc
  .integer({ min: 1, max: 12 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => member(index))));

describe('one field of one member', () => {
  const directory = (): string => scratchDirectory();
  for (const { name, applies = () => true, mutate, expected, first = expected[1] } of MUTATIONS) {
    test(name, async () => {
      const temporary = directory();
      let cases = 0;
      await fc.assert(
        fc.asyncProperty(archive, fc.nat(), async (members, seed) => {
          const fitting = members.filter(({ header }) => applies(header.typeflag!));
          const chosen = fitting[seed % Math.max(1, fitting.length)];
          if (chosen === undefined) return;
          cases++;
          const mutated = members.map((one) => (one === chosen ? mutate(one) : one));
          const before = rawArchive(...members.map(encode));
          const { differences, layers } = await diffBytes(before, rawArchive(...mutated.map(encode)), temporary);
          expect(differences.map((one) => [one.kind, one.field, one.member])).toEqual([
            [...expected, chosen.header.name],
          ]);
          const [layer] = layers;
          expect([layer!.first!.member.a, layer!.first!.field.a]).toEqual([chosen.header.name, first]);
          const [difference] = differences;
          // The dump shows the byte that the offset says.
          expect(difference!.hexdump!.a).not.toBe(difference!.hexdump!.b);
        }),
        { numRuns: 40 },
      );
      expect(cases).toBeGreaterThan(10);
    });
  }
});

test('equal archives have no difference', async () => {
  const temporary = scratchDirectory();
  await fc.assert(
    fc.asyncProperty(archive, async (members) => {
      const bytes = rawArchive(...members.map(encode));
      const comparison = await diffBytes(bytes, bytes, temporary);
      expect(comparison).toMatchObject({ isEqual: true, differences: [], counts: [] });
    }),
    { numRuns: 20 },
  );
});

test('no byte of an archive can differ unseen', async () => {
  const temporary = scratchDirectory();
  const pax = rawMember({ name: 'PaxHeaders/f', typeflag: 'x' }, paxRecords(['path', 'f'], ['comment', 'c']));
  const archive = rawArchive(
    pax,
    rawMember({ name: 'f' }, 'content'),
    rawMember({ name: 'd/', typeflag: '5', devmajor: '0000000', devminor: '0000000' }),
    rawMember({ name: 'l', typeflag: '2', linkname: 'f' }),
  );
  const unseen: number[] = [];
  for (let at = 0; at < archive.length; at++) {
    const flipped = Buffer.from(archive);
    flipped[at]! ^= 1;
    const { isEqual, layers } = await diffBytes(archive, flipped, temporary).catch(() => ({
      isEqual: false,
      layers: [],
    }));
    if (isEqual || (layers.length > 0 && layers[0]!.first?.offset !== at)) unseen.push(at);
  }
  expect(unseen).toEqual([]);
});

describe('contents', () => {
  test('offset and bytes of the first difference, in the file', async () => {
    const temporary = scratchDirectory();
    const body = 'x'.repeat(300_000);
    const other = `${body.slice(0, 200_001)}y${body.slice(200_002)}`;
    const [a, b] = [body, other].map((text) =>
      rawArchive(rawMember({ name: 'first' }, 'a'), rawMember({ name: 'f' }, text)),
    );
    const { differences } = await diffBytes(a!, b!, temporary);
    expect(differences).toEqual([
      expect.objectContaining({
        kind: 'content',
        member: 'f',
        a: '300000 bytes',
        b: '300000 bytes',
        offset: { a: 200_001, b: 200_001 },
      }),
    ]);
    expect(differences[0]!.hexdump!.b).toContain('00030d40  78 79 78');
  });

  test('where one ends, the other goes on', async () => {
    const temporary = scratchDirectory();
    const [a, b] = ['same', 'same and more'].map((text) => rawArchive(rawMember({ name: 'f' }, text)));
    const { differences } = await diffBytes(a!, b!, temporary);
    expect(differences).toMatchObject([{ kind: 'content', offset: { a: 4, b: 4 }, a: '4 bytes', b: '13 bytes' }]);
  });
});

test('of millions some are listed, and all are counted', async () => {
  const temporary = scratchDirectory();
  const members = Array.from({ length: 500 }, (_, index) => `file${index}`);
  const [a, b] = ['0000644', '0000600'].map((mode) => rawArchive(...members.map((name) => rawMember({ name, mode }))));
  const chunks = [chunksOf(a!, 5000), chunksOf(b!, 5000)] as const;
  const { differences, counts } = await diffImages(...chunks, { temporaryDirectory: temporary });
  expect(differences.length).toBe(10);
  expect(counts).toEqual([{ kind: 'field', field: 'mode', count: 500 }]);
});

describe('images', () => {
  const build = (directory: string): void => {
    mkdirSync(join(directory, 'tree'));
    writeFileSync(join(directory, 'tree/file'), 'content\n'.repeat(1000));
  };
  const common = (directory: string): string[] => ['--add', `${join(directory, 'tree')}=/app`, '-t', 'one'];

  test('one image in other containers: what holds it differs, and no layer', async () => {
    const directory = scratchDirectory();
    build(directory);
    const args = [...common(directory), '--layer-compression', 'gzip'];
    buildToFile([...args, '--format', 'oci-archive'], join(directory, 'a.tar'));
    buildToFile([...args, '--format', 'oci-layout'], join(directory, 'layout'));
    bash('gzip -k a.tar', directory);
    const counted = async (a: string, b: string): Promise<unknown> =>
      (await diffOf(directory, a, b)).counts.map(({ kind, field }) => [kind, field]);
    expect(await counted('a.tar', 'layout')).toEqual([['container', 'format']]);
    expect(await counted('a.tar', 'a.tar.gz')).toEqual([['container', 'compression']]);
    expect(await counted('layout', 'a.tar.gz')).toEqual([
      ['container', 'format'],
      ['container', 'compression'],
    ]);
    expect(await counted('layout', 'layout')).toEqual([]);
  });

  test('values of the config, by their paths; digests follow', async () => {
    const directory = scratchDirectory();
    build(directory);
    buildToFile([...common(directory), '--env', 'A=1', '--env', 'B=2'], join(directory, 'a.tar'));
    buildToFile([...common(directory), '--env', 'B=2', '--env', 'A=1', '--label', 'x.y=z'], join(directory, 'b.tar'));
    const { differences } = await diffOf(directory, 'a.tar', 'b.tar');
    const config = differences.filter(({ kind, field }) => kind === 'document' && field!.startsWith('config'));
    expect(config.map(({ field, a, b }) => [field, a, b])).toEqual([
      ['config: config.Env', '["A=1","B=2"]', '["B=2","A=1"]'],
      ['config: config.Labels', null, '{"x.y":"z"}'],
    ]);
    const others = differences.filter((one) => !config.includes(one));
    expect(others.length).toBeGreaterThan(0);
    expect(others.every(({ follows }) => follows)).toBe(true);
  });

  test('layers are paired by what is in them', async () => {
    const directory = scratchDirectory();
    for (const [name, text] of [
      ['one', 'first'],
      ['two', 'second'],
      ['three', 'third'],
    ] as const) {
      mkdirSync(join(directory, name));
      for (const file of ['x', 'y', 'z']) writeFileSync(join(directory, name, `${name}-${file}`), `${text} ${file}`);
    }
    const base = (from: string | undefined, add: string, to: string): void => {
      buildToFile(
        [
          ...(from === undefined ? [] : ['--from', join(directory, from)]),
          '--add',
          `${join(directory, add)}=/${add}`,
          '-t',
          'x',
        ],
        join(directory, to),
      );
    };
    base(undefined, 'one', 'a1.tar');
    base('a1.tar', 'two', 'a2.tar');
    base('a2.tar', 'three', 'a.tar');
    // B: three (changed), a layer in front of it, and no first one.
    writeFileSync(join(directory, 'three/three-x'), 'changed');
    base(undefined, 'three', 'b1.tar');
    base('b1.tar', 'two', 'b.tar');
    const { layers, differences } = await diffOf(directory, 'a.tar', 'b.tar');
    expect(layers.map(({ layer, by }) => [layer!.a, layer!.b, by])).toEqual([
      [1, null, 'none'],
      [2, 2, 'diffID'],
      [3, 1, 'content'],
    ]);
    const inLayers = differences.filter(({ layer }) => layer !== undefined);
    expect(inLayers.map(({ kind, layer, member, field }) => [kind, layer!.a, layer!.b, field ?? member])).toEqual([
      ['layer', 1, null, undefined],
      ['layer', 3, 1, 'place'],
      ['content', 3, 1, 'three/three-x'],
    ]);
  });

  test('a layer that is missing', async () => {
    const directory = scratchDirectory();
    build(directory);
    const { layers } = buildToFile([...common(directory), '--format', 'oci-layout'], join(directory, 'a'));
    bash(`cp -r a b; rm b/blobs/sha256/${layers[0]!.digest.slice(7)}`, directory);
    const { differences } = await diffOf(directory, 'a', 'b');
    expect(differences).toMatchObject([{ kind: 'blob', field: 'compression', b: 'missing' }]);
  });

  test('a layer whose bytes are not those of its digest', async () => {
    const directory = scratchDirectory();
    build(directory);
    buildToFile(common(directory), join(directory, 'a.tar'));
    const bytes = readFileSync(join(directory, 'a.tar'));
    const at = bytes.indexOf('content\ncontent') + 4003;
    bytes[at]! ^= 1;
    writeFileSync(join(directory, 'b.tar'), bytes);
    const { differences } = await diffOf(directory, 'a.tar', 'b.tar');
    expect(differences.filter(({ follows }) => !follows)).toMatchObject([
      { kind: 'content', layer: { a: 1, b: 1 }, member: 'app/file', offset: { a: 4003, b: 4003 } },
    ]);
  });
});

test('a file that is none', async () => {
  const directory = scratchDirectory();
  bash('echo text > a; tar cf b a', directory);
  await expect(diffOf(directory, 'a', 'b')).rejects.toMatchObject({ code: 'IMAGE_INVALID' });
  await expect(diffOf(directory, 'b', 'missing')).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
});
