import { describe, expect, test } from 'vitest';
import {
  createTarDecoder,
  type DecodedArchive,
  type TarDecoder,
  type TarHandler,
  type TarMember,
} from '../../src/tar/index.js';
import { paxRecords, rawArchive, rawMember } from '../support/raw-tar.js';

interface Audit {
  readonly events: readonly unknown[];
  readonly end: DecodedArchive;
}

/** What a handler is told, in order; blocks as kind and offset, with the name that they have. */
function audit(archive: Uint8Array, chunkSize = 65_536, drive?: (decoder: TarDecoder) => void): Audit {
  const events: unknown[] = [];
  const handler: TarHandler = {
    block: ({ kind, bytes, offset }) => {
      expect(bytes).toHaveLength(512);
      const name = Buffer.from(bytes.subarray(0, 100)).toString('latin1').replace(/\0.*$/s, '');
      events.push(['block', kind, offset, name]);
    },
    metadata: (metadata) => events.push(['metadata', metadata]),
    padding: ({ offset, sizeBytes, nonZeroOffset }) => events.push(['padding', offset, sizeBytes, nonZeroOffset]),
    member: ({ name }) => events.push(['member', name]),
    end: () => events.push(['end']),
  };
  const decoder = createTarDecoder(handler);
  if (drive) drive(decoder);
  else for (let at = 0; at < archive.length; at += chunkSize) decoder.push(archive.subarray(at, at + chunkSize));
  return { events, end: decoder.finish() };
}

const X = { name: 'x', typeflag: 'x' };
const G = { name: 'g', typeflag: 'g' };
const SIZES = [1, 7, 511, 512, 513, 65_536];

describe('what is told of an archive', () => {
  const local = `${paxRecords(['a', '1'])}${paxRecords(['a', '2'])}${paxRecords(['b', ''])}`;
  const long = rawMember({ name: 'L', typeflag: 'L' }, 'long\0rest');
  const archive = rawArchive(
    rawMember(G, paxRecords(['a', '0'], ['c', '3'])),
    rawMember(X, local),
    long,
    rawMember({ name: 'file' }, 'content'),
    rawMember({ name: 'empty' }),
  );

  test.each(SIZES)('comes in its order, in chunks of %i', (size) => {
    expect(audit(archive, size).events).toEqual([
      ['block', 'global', 0, 'g'],
      [
        'metadata',
        {
          kind: 'global',
          offset: 0,
          sizeBytes: 12,
          records: [
            { key: 'a', value: '0', offset: 512 },
            { key: 'c', value: '3', offset: 518 },
          ],
        },
      ],
      ['padding', 524, 500, undefined],
      ['block', 'pax', 1024, 'x'],
      [
        'metadata',
        {
          kind: 'pax',
          offset: 1024,
          sizeBytes: 17,
          records: [
            { key: 'a', value: '1', offset: 1536 },
            { key: 'a', value: '2', offset: 1542 },
            { key: 'b', value: '', offset: 1548 },
          ],
        },
      ],
      ['padding', 1553, 495, undefined],
      ['block', 'name', 2048, 'L'],
      ['metadata', { kind: 'name', offset: 2048, sizeBytes: 9, text: 'long\0rest' }],
      ['padding', 2569, 503, undefined],
      ['block', 'member', 3072, 'file'],
      ['member', 'long'],
      ['end'],
      ['padding', 3591, 505, undefined],
      ['block', 'member', 4096, 'empty'],
      ['member', 'empty'],
      ['end'],
    ]);
  });

  test('has the places of a member, and the records that count', () => {
    const members: TarMember[] = [];
    createTarDecoder({ member: (member) => members.push(member) }).push(archive);
    expect(members[0]).toMatchObject({
      name: 'long',
      format: 'ustar',
      startOffset: 1024,
      headerOffset: 3072,
      contentOffset: 3584,
      sizeBytes: 7,
      statedSizeBytes: 7,
      realSizeBytes: 7,
      sparse: undefined,
      paxRecords: new Map([
        ['a', '2'],
        ['b', ''],
      ]),
      globalRecords: new Map([
        ['a', '0'],
        ['c', '3'],
      ]),
    });
  });

  test('has the size that a header states where none follows', () => {
    const members: TarMember[] = [];
    const decoder = createTarDecoder({ member: (member) => members.push(member) });
    decoder.push(rawArchive(rawMember({ typeflag: '5', size: 255 }), rawMember({ typeflag: '1', size: 7 })));
    expect(members.map(({ sizeBytes, statedSizeBytes }) => [sizeBytes, statedSizeBytes])).toEqual([
      [0, 255],
      [0, 7],
    ]);
  });

  test.each([3591, 3592, 3600, 4095])('tells a byte of padding that is not zero, at %i', (at) => {
    const changed = Buffer.from(archive);
    changed[at] = 1;
    changed[4095] = 2;
    for (const size of SIZES) expect(audit(changed, size).events).toContainEqual(['padding', 3591, 505, at]);
  });

  test('tells padding of metadata', () => {
    const changed = Buffer.from(archive);
    changed[1023] = 0x80;
    expect(audit(changed).events).toContainEqual(['padding', 524, 500, 1023]);
  });

  test('does not tell padding that was skipped', () => {
    const { events, end } = audit(archive, 0, (decoder) => {
      for (let at = 0; at < archive.length; ) {
        const skipped = Math.min(decoder.skippableBytes(), archive.length - at);
        decoder.skip(skipped);
        at += skipped;
        decoder.push(archive.subarray(at, at + 512));
        at += 512;
      }
    });
    expect(events.filter((event) => Array.isArray(event) && event[0] === 'padding')).toHaveLength(3);
    expect(events).not.toContainEqual(['padding', 3591, 505, undefined]);
    expect(end).toMatchObject({ members: 2, isTerminated: true });
  });
});

describe('the end', () => {
  const member = rawMember({ name: 'a' }, 'content');
  const zeros = (count: number): Buffer => Buffer.alloc(count);
  const end = { members: 1, isTerminated: true, endOffset: 1024, zeroBlocks: 2, trailingOffset: undefined };

  test.each<[name: string, after: Buffer, expected: Partial<DecodedArchive>]>([
    ['two blocks', zeros(1024), { ...end, sizeBytes: 2048 }],
    ['a record of twenty', zeros(10_240 - 1024), { ...end, zeroBlocks: 18, sizeBytes: 10_240 }],
    ['a part of a block behind them', zeros(1024 + 700), { ...end, zeroBlocks: 3, sizeBytes: 2048 + 700 }],
    ['none', zeros(0), { ...end, isTerminated: false, endOffset: undefined, zeroBlocks: 0, sizeBytes: 1024 }],
    ['one block', zeros(512), { ...end, isTerminated: false, zeroBlocks: 1, sizeBytes: 1536 }],
    ['a byte at once', Buffer.from(`${'\0'.repeat(1024)}x`), { ...end, trailingOffset: 2048, sizeBytes: 2049 }],
    [
      'a member behind zeros',
      Buffer.concat([zeros(2048), member]),
      { ...end, zeroBlocks: 4, trailingOffset: 3072, sizeBytes: 4096 },
    ],
    [
      'a last byte after a part of a block',
      Buffer.concat([zeros(1024 + 1000), Buffer.from('xyz\0x')]),
      { ...end, zeroBlocks: 3, trailingOffset: 3048, sizeBytes: 3053 },
    ],
  ])('%s', (_name, after, expected) => {
    const archive = Buffer.concat([member, after]);
    for (const size of SIZES) expect(audit(archive, size).end, `chunks of ${size}`).toEqual(expected);
  });

  test('is found in large zeros, wherever they begin in memory', () => {
    const memory = Buffer.alloc(100_040);
    for (let start = 0; start < 9; start++) {
      for (const at of [2048, 2049, 2055, 99_990, 99_999]) {
        memory.fill(0);
        const archive = memory.subarray(start, start + 100_000);
        archive.set(member);
        archive[at] = 0x80;
        expect(audit(archive, 100_000).end.trailingOffset, `${start}, ${at}`).toBe(at);
      }
    }
  });
});

test('global headers are bounded in number', () => {
  const header = (from: number, count: number): Buffer =>
    rawMember(G, paxRecords(...Array.from({ length: count }, (_, at) => [`key${from + at}`, ''] as const)));
  expect(() => audit(rawArchive(header(0, 1000), header(1000, 24), header(0, 1000)))).not.toThrow();
  expect(() => audit(rawArchive(header(0, 1000), header(1000, 25)))).toThrowError(
    expect.objectContaining({
      code: 'TAR_LIMIT',
      message: 'Cannot read tar header at byte 11776: global headers must have at most 1024 keys, and have more',
    }),
  );
});
