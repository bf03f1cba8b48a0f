import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { crc32, gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CODEC_NAMES, CompressError, createBlockCompressor, loadCodec } from '../../src/compress/index.js';
import { clientTest } from '../support/clients.js';
import { GOLDENS } from './goldens.js';
import { INPUTS, noise, words } from './inputs.js';
import { parseMembers } from './members.js';

const MIB = 1_048_576;
const codec = await loadCodec('gzip-fflate-1');

function compress(input: Uint8Array, level?: number, chunkSizes: Iterable<number> = [input.length]): Buffer {
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
  const { status, stdout, stderr } = spawnSync(program, args, { input, maxBuffer: 64 * MIB });
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
  return stdout;
}

describe('gzip-fflate-1', () => {
  test('says what it promises', () => {
    expect(codec).toMatchObject({
      name: 'gzip-fflate-1',
      encoding: 'gzip',
      blockSizeBytes: MIB,
      defaultLevel: 6,
      minLevel: 0,
      maxLevel: 9,
    });
  });

  describe.each(Object.keys(INPUTS))('of %s', (name) => {
    const input = INPUTS[name]!();

    test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('at level %i has its frozen bytes', (level) => {
      const output = compress(input, level);
      expect(sha256(output)).toBe(GOLDENS[name]![level]);
      expect(gunzipSync(output).equals(input)).toBe(true);
    });

    clientTest('gzip', 'python3')('is read by gzip and by Python', () => {
      const output = compress(input);
      expect(runFilter('gzip', ['-dc'], output).equals(input)).toBe(true);
      const program = 'import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))';
      expect(runFilter('python3', ['-c', program], output).equals(input)).toBe(true);
    });

    test('is one member a block, each as RFC 1952 has it', () => {
      const members = parseMembers(compress(input));
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

  test.each([
    [0, 4],
    [1, 4],
    [2, 0],
    [8, 0],
    [9, 2],
  ])('level %i says so in the extra flags', (level, extraFlags) => {
    expect(parseMembers(compress(words(1000), level))[0]!.header.extraFlags).toBe(extraFlags);
  });

  test('higher levels make words smaller', () => {
    const [stored, fast, normal] = [0, 1, 6].map((level) => compress(words(MIB), level).length);
    expect(stored).toBeGreaterThan(MIB);
    expect(fast).toBeLessThan(MIB / 2);
    expect(normal).toBeLessThan(fast!);
  });

  test('the chunks in which the input comes do not show', () => {
    const input = new Uint8Array(2 * MIB + 5000);
    input.set(words(70_000), MIB - 30_000);
    input.set(noise(5000), 2 * MIB - 2500);
    const expected = sha256(compress(input, 1));
    const sizes = fc.array(
      fc.oneof(fc.nat(3), fc.nat(5000), fc.nat(3 * MIB), fc.constantFrom(MIB - 1, MIB, MIB + 1, 2 * MIB)),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(sizes, (chunkSizes) => {
        expect(sha256(compress(input, 1, chunkSizes))).toBe(expected);
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
        input,
        6,
        Array.from({ length: 3000 }, () => 1),
      ),
    ).toEqual(compress(input));
  });

  test('a block is compressed alike on its own, whatever came before it', () => {
    const input = words(2 * MIB + 77);
    const blocks = [input.subarray(0, MIB), input.subarray(MIB, 2 * MIB), input.subarray(2 * MIB)];
    const backwards = blocks.toReversed().map((block) => codec.compressBlock(block, 6));
    expect(Buffer.concat(backwards.toReversed()).equals(compress(input))).toBe(true);
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

  test('refuses a block that is larger than a block', () => {
    expect(() => codec.compressBlock(new Uint8Array(MIB + 1), 6)).toThrowError(
      expect.objectContaining({
        code: 'COMPRESS_BLOCK_SIZE',
        message: 'Cannot compress block with gzip-fflate-1: it must be at most 1048576 bytes, and is 1048577',
      }),
    );
  });

  test.each([-1, 10, 1.5, Number.NaN])('refuses level %d before it takes input', (level) => {
    const expected = expect.objectContaining({
      code: 'COMPRESS_LEVEL_RANGE',
      message: `Cannot compress with gzip-fflate-1: level must be an integer from 0 to 9, and is ${level}`,
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
    expect(CODEC_NAMES).toContain('gzip-fflate-1');
    for (const name of CODEC_NAMES) expect((await loadCodec(name)).name).toBe(name);
  });

  test.each(['', 'gzip', 'gzip-fflate-2', 'toString', '__proto__'])(
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
