import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { crc32, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Gunzip } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  CODEC_NAMES,
  type CodecName,
  CompressError,
  createBlockCompressor,
  type GzipCodec,
  loadCodec,
} from '../../src/compress/index.js';
import { clientTest } from '../support/clients.js';
import { FFLATE_GOLDENS } from './fflate-goldens.js';
import { INPUTS, noise, words } from './inputs.js';
import { LIBDEFLATE_GOLDENS } from './libdeflate-goldens.js';
import { parseMembers } from './members.js';

const MIB = 1_048_576;

const FATAL_EVENTS = ['uncaughtException', 'unhandledRejection'];
const countListeners = (): number[] => FATAL_EVENTS.map((event) => process.listenerCount(event));
const listenersBefore = countListeners();

const CODECS: Readonly<Record<CodecName, GzipCodec>> = {
  'gzip-libdeflate-1': await loadCodec('gzip-libdeflate-1'),
  'gzip-fflate-1': await loadCodec('gzip-fflate-1'),
};

interface Promises {
  readonly minLevel: number;
  /** By level from the lowest; its length says which is the highest. */
  readonly extraFlags: readonly number[];
  /** By input, a digest for each level from the lowest. */
  readonly goldens: Readonly<Record<string, readonly string[]>>;
}

const PROMISES: Readonly<Record<CodecName, Promises>> = {
  'gzip-libdeflate-1': {
    minLevel: 0,
    extraFlags: [4, 4, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2],
    goldens: LIBDEFLATE_GOLDENS,
  },
  'gzip-fflate-1': { minLevel: 0, extraFlags: [4, 4, 0, 0, 0, 0, 0, 0, 0, 2], goldens: FFLATE_GOLDENS },
};

/** Programs that read gzip from standard input. gzip and busybox have inflate code of their own, the others zlib's. */
const READERS: Readonly<Record<string, readonly [client: string, ...args: string[]]>> = {
  gzip: ['gzip', '-dc'],
  pigz: ['pigz', '-dc'],
  busybox: ['busybox', 'gunzip', '-c'],
  bsdcat: ['bsdcat'],
  Python: ['python3', '-c', 'import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))'],
};

function compress(
  codec: GzipCodec,
  input: Uint8Array,
  level?: number,
  chunkSizes: Iterable<number> = [input.length],
): Buffer {
  const compressor = createBlockCompressor(codec, level);
  const members: Uint8Array[] = [];
  let position = 0;
  for (const size of chunkSizes) {
    // A copy that is wiped afterwards: nothing of a chunk may be needed after push.
    const chunk = input.slice(position, position + size);
    members.push(...compressor.push(chunk));
    chunk.fill(0xee);
    position += size;
  }
  members.push(...compressor.push(input.subarray(position)), ...compressor.finish());
  return Buffer.concat(members);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function runFilter(program: string, args: readonly string[], input: Uint8Array): Buffer {
  const { status, stdout, stderr } = spawnSync(program, args, { input, maxBuffer: 128 * MIB });
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
  return stdout;
}

describe.each(CODEC_NAMES)('%s', (codecName) => {
  const codec = CODECS[codecName];
  const { minLevel, extraFlags, goldens } = PROMISES[codecName];
  const levels = extraFlags.map((_, i) => minLevel + i);
  const maxLevel = levels.at(-1)!;
  const inputs = new Map(Object.entries(INPUTS).map(([name, input]) => [name, input()]));
  const outputs = new Map<string, Buffer>();

  /** An input's compressed form, made once. */
  function compressed(name: string, level: number): Buffer {
    const key = `${level} ${name}`;
    const output = outputs.get(key) ?? compress(codec, inputs.get(name)!, level);
    outputs.set(key, output);
    return output;
  }

  test('says what it promises', () => {
    expect(codec).toMatchObject({
      name: codecName,
      encoding: 'gzip',
      blockSizeBytes: MIB,
      defaultLevel: 6,
      minLevel,
      maxLevel,
    });
  });

  describe.each([...inputs.keys()])('of %s', (name) => {
    const input = inputs.get(name)!;

    test.each(levels)('at level %i has its frozen bytes', (level) => {
      const output = compressed(name, level);
      expect(sha256(output)).toBe(goldens[name]![level - minLevel]);
      expect(gunzipSync(output).equals(input)).toBe(true);
    });

    test('is one member a block, each as RFC 1952 has it', () => {
      const members = parseMembers(compressed(name, codec.defaultLevel));
      expect(members).toHaveLength(Math.max(1, Math.ceil(input.length / MIB)));
      for (const [i, member] of members.entries()) {
        const block = input.subarray(i * MIB, (i + 1) * MIB);
        expect(member.header).toEqual({
          id: [0x1f, 0x8b],
          method: 8,
          flags: 0,
          mtime: 0,
          extraFlags: 0,
          operatingSystem: 255,
        });
        expect(Buffer.from(member.content).equals(block)).toBe(true);
        expect(member.crc32).toBe(crc32(block));
        expect(member.sizeBytes).toBe(block.length);
      }
    });
  });

  // Members may follow each other, so that one file holds every input at every level.
  describe('of all inputs at all levels', () => {
    let file: Buffer;
    let expected: string;
    beforeAll(() => {
      file = Buffer.concat(levels.flatMap((level) => [...inputs.keys()].map((name) => compressed(name, level))));
      expected = sha256(Buffer.concat(levels.flatMap(() => [...inputs.values()])));
    });

    for (const [reader, [client, ...args]] of Object.entries(READERS)) {
      clientTest(client)(`is read by ${reader}`, () => {
        expect(sha256(runFilter(client, args, file))).toBe(expected);
      });
    }

    test('is read by fflate', () => {
      const chunks: Uint8Array[] = [];
      const gunzip = new Gunzip((chunk) => void chunks.push(chunk));
      gunzip.push(file, true);
      expect(sha256(Buffer.concat(chunks))).toBe(expected);
    });
  });

  test('the extra flags say how slow the level is', () => {
    const flags = levels.map((level) => parseMembers(compress(codec, words(1000), level))[0]!.header.extraFlags);
    expect(flags).toEqual(extraFlags);
  });

  test('higher levels make words smaller', () => {
    const [fast, normal, best] = [1, 6, maxLevel].map((level) => compress(codec, words(MIB), level).length);
    expect(fast).toBeLessThan(MIB / 2);
    expect(normal).toBeLessThan(fast!);
    expect(best).toBeLessThan(normal!);
  });

  test('the chunks in which the input comes do not show', () => {
    const input = new Uint8Array(2 * MIB + 5000);
    input.set(words(70_000), MIB - 30_000);
    input.set(noise(5000), 2 * MIB - 2500);
    const expected = sha256(compress(codec, input, 1));
    const sizes = fc.array(
      fc.oneof(fc.nat(3), fc.nat(5000), fc.nat(3 * MIB), fc.constantFrom(MIB - 1, MIB, MIB + 1, 2 * MIB)),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(sizes, (chunkSizes) => {
        expect(sha256(compress(codec, input, 1, chunkSizes))).toBe(expected);
      }),
      {
        seed: 3,
        numRuns: 60,
        examples: [[[MIB, MIB]], [[MIB - 1, 1, MIB]], [[1, MIB]], [[0, 0, 2 * MIB]], [[3 * MIB]]],
      },
    );
  });

  test('the input byte by byte gives the same', () => {
    const input = words(3000);
    expect(
      compress(
        codec,
        input,
        6,
        Array.from({ length: 3000 }, () => 1),
      ),
    ).toEqual(compress(codec, input));
  });

  test('a block is compressed alike on its own, whatever came before it', () => {
    const input = words(2 * MIB + 77);
    const blocks = [input.subarray(0, MIB), input.subarray(MIB, 2 * MIB), input.subarray(2 * MIB)];
    const backwards = blocks.toReversed().map((block) => codec.compressBlock(block, 6));
    expect(Buffer.concat(backwards.toReversed()).equals(compress(codec, input))).toBe(true);
  });

  test('members come as soon as their block is whole', () => {
    const compressor = createBlockCompressor(codec, 1);
    expect(compressor.push(new Uint8Array(MIB - 1))).toHaveLength(0);
    expect(compressor.push(new Uint8Array(1))).toHaveLength(1);
    expect(compressor.push(new Uint8Array(2 * MIB + 1))).toHaveLength(2);
    expect(compressor.finish()).toHaveLength(1);
    const whole = createBlockCompressor(codec, 1);
    expect(whole.push(new Uint8Array(MIB))).toHaveLength(1);
    expect(whole.finish()).toHaveLength(0);
    expect(createBlockCompressor(codec).finish()).toHaveLength(1);
  });

  test('the input is not changed', () => {
    const input = words(5000);
    codec.compressBlock(input, 9);
    expect(sha256(input)).toBe(sha256(words(5000)));
  });

  test('a block in shared memory gives the same', () => {
    const input = words(5000);
    const shared = new Uint8Array(new SharedArrayBuffer(input.length));
    shared.set(input);
    expect(codec.compressBlock(shared, 6)).toEqual(codec.compressBlock(input, 6));
  });

  test('a member belongs to the caller: later ones leave it alone, and its memory can be given away', () => {
    const member = codec.compressBlock(words(5000), 6);
    const before = sha256(member);
    codec.compressBlock(noise(MIB), 1);
    expect(sha256(member)).toBe(before);
    expect(sha256(structuredClone(member, { transfer: [member.buffer as ArrayBuffer] }))).toBe(before);
    expect(sha256(codec.compressBlock(words(5000), 6))).toBe(before);
  });

  test('a member goes where the caller wants it, in shared memory too', () => {
    const member = codec.compressBlock(words(5000), 6);
    const output = new Uint8Array(new SharedArrayBuffer(member.length + 100), 50).fill(0xaa);
    const placed = codec.compressBlock(words(5000), 6, output);
    expect([placed.buffer, placed.byteOffset]).toEqual([output.buffer, 50]);
    expect(placed).toEqual(member);
    expect(output.subarray(member.length)).toEqual(new Uint8Array(50).fill(0xaa));
    expect(() => codec.compressBlock(words(5000), 6, output.subarray(0, member.length - 1))).toThrow(RangeError);
  });

  test('refuses a block that is larger than a block', () => {
    expect(() => codec.compressBlock(new Uint8Array(MIB + 1), 6)).toThrowError(
      expect.objectContaining({
        code: 'COMPRESS_BLOCK_SIZE',
        message: `Cannot compress block with ${codecName}: it must be at most 1048576 bytes, and is 1048577`,
      }),
    );
  });

  test.each([-5, minLevel - 1, maxLevel + 1, 1.5, Number.NaN])('refuses level %d before it takes input', (level) => {
    const expected = expect.objectContaining({
      code: 'COMPRESS_LEVEL_RANGE',
      message: `Cannot compress with ${codecName}: level must be an integer from ${minLevel} to ${maxLevel}, and is ${level}`,
    });
    expect(() => createBlockCompressor(codec, level)).toThrowError(expected);
    expect(() => codec.compressBlock(new Uint8Array(1), level)).toThrowError(expected);
  });

  test('refuses input after its end', () => {
    const compressor = createBlockCompressor(codec);
    compressor.finish();
    expect(() => compressor.push(new Uint8Array(1))).toThrowError(CompressError);
    expect(() => compressor.finish()).toThrowError(expect.objectContaining({ code: 'COMPRESS_FINISHED' }));
  });
});

describe('loadCodec', () => {
  test('loads every codec that is named, under its name', async () => {
    expect(CODEC_NAMES).toEqual(['gzip-libdeflate-1', 'gzip-fflate-1']);
    for (const name of CODEC_NAMES) expect((await loadCodec(name)).name).toBe(name);
  });

  // Emscripten's runtime puts some there, which would take an application's own handling of its errors from it.
  test('leaves no handler of uncaught errors behind', () => {
    expect(countListeners()).toEqual(listenersBefore);
  });

  test.each(['', 'gzip', 'gzip-libdeflate-2', 'toString', '__proto__'])(
    'refuses "%s", naming those there are',
    async (name) => {
      const error: unknown = await loadCodec(name).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CompressError);
      expect(error).toMatchObject({
        code: 'COMPRESS_CODEC_UNKNOWN',
        message: `Cannot load codec: it must be one of ${CODEC_NAMES.join(', ')}, and is "${name}"`,
      });
    },
  );
});
