import { spawnSync } from 'node:child_process';
import { constants, crc32, deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CompressError, createBlockCompressor, createGunzip, loadCodec } from '../../src/compress/index.js';
import { clientTest } from '../support/clients.js';
import { INPUTS, noise, words } from './inputs.js';

/** Decompresses in chunks of these sizes, the last of which repeats; each is wiped when it was pushed. */
function gunzip(file: Uint8Array, chunkSizes: readonly number[] = [65_536]): Buffer {
  const pieces: Uint8Array[] = [];
  const stream = createGunzip((bytes) => pieces.push(bytes.slice()));
  for (let at = 0, i = 0; at < file.length; i++) {
    const chunk = Uint8Array.from(file.subarray(at, at + (chunkSizes[i] ?? chunkSizes.at(-1)!)));
    at += chunk.length;
    stream.push(chunk);
    chunk.fill(0xee);
  }
  stream.finish();
  return Buffer.concat(pieces);
}

function refusalOf(file: Uint8Array): CompressError | undefined {
  try {
    gunzip(file);
    return undefined;
  } catch (error) {
    if (!(error instanceof CompressError)) throw error;
    return error;
  }
}

interface HeaderParts {
  readonly flags?: number;
  readonly method?: number;
  /** Whatever the flags announce. */
  readonly optional?: Uint8Array;
}

/** A member made by hand. */
function member(
  content: Uint8Array,
  { flags = 0, method = 8, optional = new Uint8Array(0) }: HeaderParts = {},
): Buffer {
  const header = Buffer.concat([Buffer.of(0x1f, 0x8b, method, flags, 1, 2, 3, 4, 0, 3), optional]);
  const headerCrc = Buffer.alloc(flags & 2 ? 2 : 0);
  if (flags & 2) headerCrc.writeUInt16LE(crc32(header) & 0xffff);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(content));
  trailer.writeUInt32LE(content.length, 4);
  return Buffer.concat([header, headerCrc, deflateRawSync(content), trailer]);
}

/** What zlib makes of a deflate stream, and how many bytes it used; `undefined` where it refuses. */
function inflateRaw(stream: Uint8Array): { content: Buffer; size: number } | undefined {
  try {
    const { buffer, engine } = inflateRawSync(stream, { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { content: buffer, size: engine.bytesWritten };
  } catch {
    return undefined;
  }
}

const TEXT = Buffer.from('hello, hello, hello\n');
const MEMBER_SIZE = member(TEXT).length;

describe('createGunzip', () => {
  test.each(Object.keys(INPUTS))('reads what zlib made of %s, at every level and strategy', (name) => {
    const content = INPUTS[name]!();
    for (const level of [0, 1, 6, 9]) {
      expect(gunzip(gzipSync(content, { level })).equals(content), `level ${level}`).toBe(true);
    }
    for (const strategy of [constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE]) {
      expect(gunzip(gzipSync(content, { strategy })).equals(content), `strategy ${strategy}`).toBe(true);
    }
  });

  test.each(Object.keys(INPUTS))('reads what our codecs made of %s', async (name) => {
    const content = INPUTS[name]!();
    const compressor = createBlockCompressor(await loadCodec('gzip-fflate-1'));
    const file = Buffer.concat([...compressor.push(content), ...compressor.finish()]);
    expect(gunzip(file).equals(content)).toBe(true);
  });

  const filters: readonly (readonly [name: string, program: string, args: readonly string[]])[] = [
    ['gzip', 'gzip', ['-c']],
    ['gzip -1', 'gzip', ['-1', '-c']],
    ['gzip -9n', 'gzip', ['-9n', '-c']],
    ['gzip --rsyncable', 'gzip', ['--rsyncable', '-c']],
    ['pigz', 'pigz', ['-c']],
    ['pigz -nT', 'pigz', ['-nT', '-c']],
    ['pigz in independent blocks', 'pigz', ['-i', '-b', '128', '-c']],
    [
      'python3 with a name',
      'python3',
      [
        '-c',
        'import gzip,sys;f=gzip.GzipFile("a name","wb",9,sys.stdout.buffer);f.write(sys.stdin.buffer.read());f.close()',
      ],
    ],
    [
      'python3 that flushes',
      'python3',
      [
        '-c',
        'import gzip,sys,zlib\nf=gzip.GzipFile("","wb",6,sys.stdout.buffer)\nwhile c:=sys.stdin.buffer.read(9999): f.write(c); f.flush(zlib.Z_FULL_FLUSH)\nf.close()',
      ],
    ],
  ];

  for (const [name, program, args] of filters) {
    clientTest(program)(`reads what ${name} wrote`, () => {
      for (const content of [new Uint8Array(0), TEXT, words(700_000), noise(200_000)]) {
        const { status, stdout } = spawnSync(program, args, { input: content, maxBuffer: 1 << 24 });
        expect(status).toBe(0);
        expect(gunzip(stdout).equals(content)).toBe(true);
      }
    });
  }

  test('chunks do not show, and members may be many', () => {
    const members = [TEXT, new Uint8Array(0), words(3000), noise(100), TEXT].map((content) => gzipSync(content));
    const file = Buffer.concat(members);
    const expected = gunzipSync(file);
    for (const size of [1, 2, 3, 5, 8, 13, 64, 199, 511, 512, 513, 1025])
      expect(gunzip(file, [size]).equals(expected)).toBe(true);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 5000, size: 'max' }), fc.integer({ min: 0, max: 9 })), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1 }),
        (contents, chunkSizes) => {
          const packed = Buffer.concat(contents.map(([content, level]) => gzipSync(content, { level })));
          const whole = Buffer.concat(contents.map(([content]) => content));
          expect(gunzip(packed, chunkSizes).equals(whole)).toBe(true);
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });

  test.each<[name: string, parts: HeaderParts]>([
    ['text', { flags: 1 }],
    ['an extra field', { flags: 4, optional: Buffer.from([5, 0, 1, 2, 0, 4, 5]) }],
    ['an extra field of 65535', { flags: 4, optional: Buffer.concat([Buffer.of(0xff, 0xff), noise(65_535)]) }],
    ['a name', { flags: 8, optional: Buffer.from('a name\0') }],
    ['a comment', { flags: 16, optional: Buffer.from('a comment\0') }],
    ['an empty name and comment', { flags: 24, optional: Buffer.of(0, 0) }],
    ['a checksum of its header', { flags: 2 }],
    ['everything', { flags: 31, optional: Buffer.concat([Buffer.of(1, 0, 0), Buffer.from('n\0c\0')]) }],
  ])('reads a header with %s', (_name, parts) => {
    const file = Buffer.concat([member(TEXT, parts), member(TEXT, parts)]);
    // The witness that these are headers.
    expect(gunzipSync(file).equals(Buffer.concat([TEXT, TEXT]))).toBe(true);
    for (const size of [9, 1000, 100_000]) expect(gunzip(file, [size]).toString()).toBe(`${TEXT}${TEXT}`);
  });

  test.each<[name: string, file: Uint8Array, code: string, message: string]>([
    [
      'nothing',
      new Uint8Array(0),
      'GZIP_TRUNCATED',
      'must have a whole member at byte 0, and ends in its header after 0 bytes',
    ],
    [
      'zeros',
      new Uint8Array(512),
      'GZIP_INVALID',
      'Cannot read gzip member at byte 0: its first byte must be 31, and is 0',
    ],
    ['text', TEXT, 'GZIP_INVALID', 'its first byte must be 31, and is 104'],
    ['compress(1)', Buffer.of(0x1f, 0x9d, 0x90), 'GZIP_INVALID', 'its second byte must be 139, and is 157'],
    ['another method', member(TEXT, { method: 7 }), 'GZIP_INVALID', 'its method must be 8 (deflate), and is 7'],
    ['reserved bits', member(TEXT, { flags: 32 }), 'GZIP_INVALID', 'reserved bits of its flags must be 0, and is 32'],
    [
      'a name without end',
      Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3), Buffer.alloc(300_000, 'a')]),
      'GZIP_INVALID',
      'its header must end within 262144 bytes',
    ],
    [
      'a wrong checksum of its header',
      Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 2, 0, 0, 0, 0, 0, 3, 1, 2), member(TEXT).subarray(10)]),
      'GZIP_CHECKSUM',
      'CRC of its header must be 513, and is ',
    ],
    [
      'text after the last member',
      Buffer.concat([member(TEXT), TEXT]),
      'GZIP_TRAILING',
      `there is 104 at byte ${MEMBER_SIZE}`,
    ],
    [
      'text after zeros',
      Buffer.concat([member(TEXT), new Uint8Array(70_000), TEXT]),
      'GZIP_TRAILING',
      `there is 104 at byte ${MEMBER_SIZE + 70_000}`,
    ],
    [
      'a member after zeros',
      Buffer.concat([member(TEXT), new Uint8Array(1), member(TEXT)]),
      'GZIP_TRAILING',
      `there is 31 at byte ${MEMBER_SIZE + 1}`,
    ],
    [
      'half a magic number',
      Buffer.concat([member(TEXT), Buffer.of(0x1f)]),
      'GZIP_TRUNCATED',
      `must have a whole member at byte ${MEMBER_SIZE}, and ends in its header after ${MEMBER_SIZE + 1} bytes`,
    ],
    [
      'a block of no type',
      Buffer.concat([member(TEXT).subarray(0, 10), Buffer.of(7), Buffer.alloc(100)]),
      'GZIP_INVALID',
      'its content must be deflate, and a block has no type',
    ],
    [
      'a distance before the beginning',
      // Fixed codes: the literal "a", then length 3 at distance 2.
      Buffer.concat([member(TEXT).subarray(0, 10), Buffer.of(0x4b, 0x04, 0x12, 0x00), Buffer.alloc(20)]),
      'GZIP_INVALID',
      'its content must be deflate, and a match begins before the output',
    ],
  ])('refuses %s', (_name, file, code, message) => {
    for (const size of file.length < 1000 ? [1, 1000] : [1000, 1_000_000]) {
      expect(() => gunzip(file, [size])).toThrowError(
        expect.objectContaining({ code, message: expect.stringContaining(message) }),
      );
    }
  });

  test('zeros may follow the last member, as gzip(1) takes them', () => {
    for (const count of [1, 2, 511, 20_000]) {
      const file = Buffer.concat([gzipSync(TEXT), new Uint8Array(count)]);
      expect(gunzip(file).equals(TEXT)).toBe(true);
    }
  });

  test('every cut is refused, but that between members', () => {
    const first = gzipSync(words(3000));
    const file = Buffer.concat([first, member(TEXT, { flags: 8, optional: Buffer.from('name\0') })]);
    for (let size = 0; size < file.length; size++) {
      const error = refusalOf(file.subarray(0, size));
      expect(error?.code, `after ${size} bytes`).toBe(size === first.length ? undefined : 'GZIP_TRUNCATED');
    }
  });

  // What a header says besides its shape (time, level, system, a name) is protected by nothing.
  const unprotected = new Set([4, 5, 6, 7, 8, 9]);

  test.each<[name: string, file: Buffer]>([
    ['words', gzipSync(words(700))],
    ['noise', gzipSync(noise(150))],
    ['fixed codes', gzipSync(TEXT, { strategy: constants.Z_FIXED })],
  ])('every flipped bit of %s is found', (_name, file) => {
    for (let at = 0; at < file.length; at++) {
      if (unprotected.has(at)) continue;
      for (let bit = 0; bit < 8; bit++) {
        if (at === 3 && bit === 0) continue; // FTEXT
        const flipped = Buffer.from(file);
        flipped[at]! ^= 1 << bit;
        const error = refusalOf(flipped);
        // A flip in the padding of the last block's bits changes nothing: zlib is the witness.
        if (error === undefined) expect(gunzipSync(flipped).equals(gunzipSync(file)), `bit ${bit} of ${at}`).toBe(true);
      }
    }
  });

  test('takes and refuses the deflate streams that zlib takes and refuses', () => {
    const streams = [
      deflateRawSync(words(600)),
      deflateRawSync(words(200), { strategy: constants.Z_FIXED }),
      deflateRawSync(noise(40), { level: 0 }),
      deflateRawSync(new Uint8Array(5000)),
    ];
    let taken = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...streams),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
        (stream, changes) => {
          const changed = Buffer.from(stream);
          // Most changes at the beginning, where the codes are.
          for (const [at, mask] of changes)
            changed[at % 2 ? ((at >> 1) % 80) % changed.length : (at >> 1) % changed.length]! ^= mask;
          const expected = inflateRaw(changed);
          const file = Buffer.concat([
            member(expected?.content ?? TEXT).subarray(0, 10),
            changed.subarray(0, expected?.size),
          ]);
          const trailer = member(expected?.content ?? TEXT).subarray(-8);
          if (expected !== undefined) taken++;
          const error = refusalOf(Buffer.concat([file, trailer]));
          expect(
            error === undefined,
            `zlib ${expected ? 'takes' : 'refuses'} ${changed.toString('hex')}, and we: ${error}`,
          ).toBe(expected !== undefined);
        },
      ),
      { seed: 3, numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  test('a member of 64 MiB of zeros comes in small pieces', () => {
    let sizeBytes = 0;
    let largest = 0;
    const stream = createGunzip((bytes) => {
      sizeBytes += bytes.length;
      largest = Math.max(largest, bytes.length);
    });
    const bomb = gzipSync(new Uint8Array(1 << 26), { level: 9 });
    stream.push(bomb);
    stream.finish();
    expect(sizeBytes).toBe(1 << 26);
    expect(largest).toBeLessThanOrEqual(1 << 17);
  });

  test('an error of the sink passes through', () => {
    const failure = new Error('full');
    const stream = createGunzip(() => {
      throw failure;
    });
    expect(() => stream.push(gzipSync(TEXT))).toThrow(failure);
  });
});
