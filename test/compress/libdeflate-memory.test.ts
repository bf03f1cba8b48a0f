import { expect, test, vi } from 'vitest';
import { loadCodec } from '../../src/compress/index.js';
import { noise, words } from './inputs.js';

const MIB = 1_048_576;

interface Instance {
  readonly exports: { readonly c: Memory } & Readonly<Record<string, (...args: number[]) => number>>;
}
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
const { WebAssembly: wasm } = globalThis as unknown as {
  WebAssembly: { Instance: new (...args: unknown[]) => Instance; Memory: { prototype: Memory } };
};

// The codec's instance is made with its allocating exports counted.
const calls = { malloc: 0, allocCompressor: 0, freeCompressor: 0 };
let instances = 0;
let memory!: Memory;
const { Instance: RealInstance } = wasm;
wasm.Instance = class extends RealInstance {
  constructor(...args: unknown[]) {
    super(...args);
    const { exports } = this;
    const counted = (name: keyof typeof calls, key: string) => {
      return (...values: number[]): number => {
        calls[name]++;
        return exports[key]!(...values);
      };
    };
    memory = exports.c;
    instances++;
    const counters = {
      n: counted('malloc', 'n'),
      e: counted('allocCompressor', 'e'),
      g: counted('freeCompressor', 'g'),
    };
    Object.defineProperty(this, 'exports', { value: { ...exports, ...counters } });
  }
};
const [codec] = await Promise.all([loadCodec('gzip-libdeflate-1'), loadCodec('gzip-libdeflate-1')]);

function forgetCalls(): void {
  Object.assign(calls, { malloc: 0, allocCompressor: 0, freeCompressor: 0 });
}

test('a thread has one instance', async () => {
  expect(await loadCodec('gzip-libdeflate-1')).toBe(codec);
  expect(instances).toBe(1);
  wasm.Instance = RealInstance;
});

// Goes before the others, while memory has its first size.
test('memory that may not grow is an error at levels that need more, and the others go on', () => {
  const grow = vi.spyOn(wasm.Memory.prototype, 'grow').mockImplementation(() => {
    throw new RangeError('no more');
  });
  const before = codec.compressBlock(words(5000), 6);
  for (const level of [10, 12, 12]) {
    expect(() => codec.compressBlock(words(5000), level)).toThrowError(
      expect.objectContaining({
        code: 'COMPRESS_MEMORY',
        message: `Cannot compress with gzip-libdeflate-1: level ${level} must have more WebAssembly memory than there is, and is given 16777216 bytes`,
      }),
    );
  }
  expect(grow).toHaveBeenCalled();
  expect(codec.compressBlock(words(5000), 6)).toEqual(before);
  grow.mockRestore();
  expect(codec.compressBlock(words(5000), 12).length).toBeLessThan(before.length);
});

test.each([1, 6, 9, 12])('ten thousand blocks at level %i allocate and grow nothing', (level) => {
  const whole = [words(MIB), noise(MIB), new Uint8Array(MIB)];
  codec.compressBlock(whole[0]!, level === 1 ? 2 : level - 1);
  codec.compressBlock(whole[0]!, level);
  const { buffer } = memory;
  forgetCalls();
  for (let i = 0; i < 10_000; i++) {
    codec.compressBlock(i % 2500 === 0 ? whole[(i / 2500) % 3]! : whole[i % 2]!.subarray(i, i + (i % 700)), level);
  }
  expect(calls).toEqual({ malloc: 0, allocCompressor: 0, freeCompressor: 0 });
  // A memory that grows gets another buffer.
  expect(memory.buffer).toBe(buffer);
});

test('a change of level frees one compressor for another, in memory that is 20 MiB at most', () => {
  const levels = Array.from({ length: 120 }, (_, i) => 1 + ((i * 7) % 12));
  codec.compressBlock(words(MIB), 12);
  const { buffer } = memory;
  forgetCalls();
  for (const level of levels) codec.compressBlock(words(1000), level);
  expect(calls).toEqual({ malloc: 0, allocCompressor: 120, freeCompressor: 120 });
  expect(memory.buffer).toBe(buffer);
  expect(memory.buffer.byteLength).toBeLessThanOrEqual(20 * MIB);
});
