import { expect, test } from 'vitest';
import { SHA256_CODE } from '../../src/digest/sha256-code.js';
import { assembleSha256 } from '../../src/digest/sha256-module.js';
import { assembleModule, doWhile, i8x16, i32, i32x4, set, v128 } from '../../src/digest/wasm-assembler.js';
import { WebAssembly } from '../support/web-assembly.js';

interface Instance {
  readonly memory: DataView;
  run(...parameters: readonly number[]): void;
}

/** The engine is the judge: what is not encoded right does not compile, or does something else. */
async function instantiate(code: Uint8Array<ArrayBuffer>): Promise<Instance> {
  const { instance } = await WebAssembly.instantiate(code);
  const { memory, run } = instance.exports as { memory: { buffer: ArrayBuffer }; run: Instance['run'] };
  return { memory: new DataView(memory.buffer), run };
}

test('numbers and offsets of every length in bytes', async () => {
  const numbers = [
    0,
    63,
    64,
    -64,
    -65,
    8191,
    8192,
    -8192,
    -8193,
    2 ** 20,
    -(2 ** 20) - 1,
    2 ** 27,
    2 ** 31 - 1,
    -(2 ** 31),
  ];
  const offsets = [0, 4, 124, 128, 132, 16380, 16384, 16388, 40000, 65532].concat([200, 204, 208, 212]);
  const { memory, run } = await instantiate(
    assembleModule('run', 0, () => numbers.map((number, i) => i32.store(i32.const(0), offsets[i]!, i32.const(number)))),
  );
  run();
  expect(offsets.map((offset) => memory.getInt32(offset, true))).toEqual(numbers);
});

test('scalar instructions, parameters, variables and loops', async () => {
  const { memory, run } = await instantiate(
    assembleModule('run', 2, (locals) => {
      const [x, y, i, sum] = [0, 1, locals.i32(), locals.i32()];
      const results = [
        i32.add(x, y, i32.const(1)),
        i32.and(x, y),
        i32.xor(x, y, i32.const(-1)),
        i32.ltU(x, y),
        i32.ne(x, y),
        i32.rotr(x, 7),
        i32.load(i32.const(4), 60),
      ];
      return [
        ...results.map((result, at) => i32.store(i32.const(0), 4 * at, result)),
        doWhile([set(i, i32.add(i, i32.const(1))), set(sum, i32.add(sum, i))], i32.ne(i, i32.const(100))),
        i32.store(i32.const(0), 28, sum),
      ];
    }),
  );
  const [x, y] = [0x9234_5678, 0x0fed_cba9];
  memory.setUint32(64, 0xfedc_ba98, true);
  run(x, y);
  const rotated = (x >>> 7) | (x << 25);
  const expected = [x + y + 1, x & y, x ^ y ^ -1, 0, 1, rotated, 0xfedc_ba98, 5050].map((word) => word >>> 0);
  expect(expected.map((_, i) => memory.getUint32(4 * i, true))).toEqual(expected);
});

test('vector instructions', async () => {
  const { memory, run } = await instantiate(
    assembleModule('run', 0, (locals) => {
      const [zero, lanes] = [i32.const(0), locals.v128()];
      const reversed = Array.from({ length: 16 }, (_, i) => 15 - i);
      return [
        set(lanes, v128.load32Zero(zero, 0)),
        set(lanes, v128.load32Lane(zero, 4, lanes, 2)),
        v128.store(zero, 16, lanes),
        v128.store(zero, 32, i32x4.add(lanes, lanes, v128.load32Splat(zero, 8))),
        v128.store(zero, 48, v128.xor(i32x4.shl(lanes, 31), i32x4.shrU(lanes, 1))),
        v128.store(zero, 64, i8x16.shuffle(lanes, reversed)),
      ];
    }),
  );
  const [a, b, c] = [0x8000_0003, 0x0102_0305, 0x7000_0000];
  for (const [i, word] of [a, b, c].entries()) memory.setUint32(4 * i, word, true);
  run();
  const expected = [
    [a, 0, b, 0],
    [a + a + c, c, b + b + c, c],
    [(a << 31) ^ (a >>> 1), 0, (b << 31) ^ (b >>> 1), 0],
    [0, 0x0503_0201, 0, 0x0300_0080],
  ].map((row) => row.map((word) => word >>> 0));
  const stored = expected.map((row, r) => row.map((_, i) => memory.getUint32(16 + 16 * r + 4 * i, true)));
  expect(stored).toEqual(expected);
});

test('the module of SHA-256 imports nothing and has one page of memory that cannot grow', async () => {
  const { module, instance } = await WebAssembly.instantiate(assembleSha256());
  expect(WebAssembly.Module.imports(module)).toEqual([]);
  expect(WebAssembly.Module.exports(module)).toEqual([
    { name: 'memory', kind: 'memory' },
    { name: 'compress', kind: 'function' },
  ]);
  const { memory } = instance.exports as { memory: { buffer: ArrayBuffer; grow(pages: number): number } };
  expect(memory.buffer.byteLength).toBe(65536);
  expect(() => memory.grow(1)).toThrow(RangeError);
});

test('the module that is loaded is the one that is assembled', () => {
  expect(SHA256_CODE).toBe(Buffer.from(assembleSha256()).toString('base64'));
});
