import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { createSHA256 } from 'hash-wasm';
import { describe, expect, test } from 'vitest';
import { LAYOUT } from '../../src/digest/sha256-constants.js';
import { createSimdSha256, padMessage } from '../../src/digest/simd-sha256.js';
import { clientTest } from '../support/clients.js';
import { python } from '../support/python.js';

const hasher = (await createSimdSha256())!;

/** Bytes of which no two blocks, and no two groups of four, are equal. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 131) ^ (i >> 6) ^ ((i >> 14) * 7));
}

function hashOf(...parts: readonly Uint8Array[]): string {
  hasher.init();
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}

/** All lengths up to more than a group of four blocks, and those around the edges of larger groups and of the input area. */
const EDGES = [512, 1024, 4096, LAYOUT.inputBytes, 2 * LAYOUT.inputBytes];
const LENGTHS = [
  ...Array.from({ length: 330 }, (_, length) => length),
  ...EDGES.flatMap((edge) => [-256, -65, -64, -63, -9, -8, -1, 0, 1, 55, 56, 63, 64, 65, 256].map((by) => edge + by)),
];

clientTest('python3')("agrees with Python's hashlib at every edge", () => {
  const all = pattern(Math.max(...LENGTHS));
  const program = `
import hashlib, json, sys
all = sys.stdin.buffer.read()
print(json.dumps([hashlib.sha256(all[:int(length)]).hexdigest() for length in sys.argv[1:]]))`;
  const expected = python<string[]>(program, LENGTHS.map(String), all);
  expect(LENGTHS.map((length) => hashOf(all.subarray(0, length)))).toEqual(expected);
});

test('agrees with node:crypto and hash-wasm in whatever pieces the bytes come', async () => {
  const witness = await createSHA256();
  // At any address, of memory that is shared: layers come so.
  const shared = new Uint8Array(new SharedArrayBuffer(3 * LAYOUT.inputBytes));
  shared.set(pattern(shared.length));
  const size = fc.oneof(
    fc.nat(300),
    fc.constantFrom(...EDGES).chain((edge) => fc.integer({ min: edge - 66, max: edge + 66 })),
  );
  fc.assert(
    fc.property(fc.nat(100), fc.array(size, { maxLength: 8 }), (start, sizes) => {
      const parts: Uint8Array[] = [];
      let at = start;
      for (const length of sizes) {
        parts.push(shared.subarray(at, at + length));
        at = Math.min(at + length, shared.length);
      }
      const message = Buffer.from(shared.subarray(start, at));
      const hash = hashOf(...parts);
      expect(hash).toBe(createHash('sha256').update(message).digest('hex'));
      expect(hash).toBe(witness.init().update(message).digest());
    }),
    { seed: 3, numRuns: 300 },
  );
});

test('takes a saved state out of one hasher and into another', async () => {
  const other = (await createSimdSha256())!;
  const bytes = pattern(1000);
  for (const cut of [0, 1, 63, 64, 65, 500, 1000]) {
    hasher.init();
    hasher.update(bytes.subarray(0, cut));
    other.load(hasher.save());
    hasher.update(pattern(77));
    other.update(bytes.subarray(cut));
    expect(other.digest(), `cut at ${cut}`).toBe(createHash('sha256').update(bytes).digest('hex'));
  }
});

describe('the padding', () => {
  const lengths = [0, 1, 54, 55, 56, 57, 63, 64, 119, 120, 2 ** 29 - 1, 2 ** 29, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 55];
  test.each([...lengths, 2 ** 50 + 56, Number.MAX_SAFE_INTEGER])('of %d bytes is as short as may be', (length) => {
    const memory = Buffer.alloc(256, 0x5a);
    const kept = Number(BigInt(length) % 64n);
    const end = padMessage(new DataView(memory.buffer, memory.byteOffset), 64, length);
    const size = end - 64 - kept;
    expect(end % 64).toBe(0);
    expect(size).toBeGreaterThanOrEqual(9);
    expect(size).toBeLessThan(9 + 64);
    const bits = (BigInt(length) * 8n).toString(16).padStart(16, '0');
    expect(memory.toString('hex', 64 + kept, end)).toBe(`80${'00'.repeat(size - 9)}${bits}`);
    expect(memory.toString('hex', 0, 64 + kept) + memory.toString('hex', end)).toMatch(/^(5a)+$/);
  });
});
