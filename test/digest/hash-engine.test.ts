import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  DigestError,
  digestHex,
  HASH_ENGINE_CHOICES,
  type HashEngine,
  type HashEngineChoice,
  loadHashEngine,
  sha256Of,
} from '../../src/digest/index.js';
import { clientTest } from '../support/clients.js';
import { WebAssembly } from '../support/web-assembly.js';
import { MONTE_CARLO, VECTORS } from './vectors.js';

/** The `wasm` engine as it is where WebAssembly has no vectors. */
async function loadWithoutVectors(): Promise<HashEngine> {
  const validate = vi.spyOn(WebAssembly, 'validate').mockReturnValueOnce(false);
  try {
    return await loadHashEngine('wasm');
  } finally {
    validate.mockRestore();
  }
}

const ENGINES = {
  wasm: await loadHashEngine('wasm'),
  'wasm, without vectors': await loadWithoutVectors(),
  native: await loadHashEngine('native'),
};
const NAMES = ['wasm', 'wasm, without vectors', 'native'] as const;

/** Bytes in which no block equals another, so that a block taken twice or left out shows. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 131 + (i >> 8) * 7 + 3) & 0xff;
  return bytes;
}

function oracle(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

describe.each(NAMES)('the %s engine', (name) => {
  const engine = ENGINES[name];

  test('says its name', () => {
    expect(engine.name).toBe(name.split(',')[0]);
  });

  test.each(VECTORS)('gives the published digest: $name', ({ message, digest }) => {
    const sha256 = engine.createSha256();
    for (const [hex, times] of message) {
      const unit = Buffer.from(hex, 'hex');
      const chunk = Buffer.alloc(Math.min(unit.length * times, 1 << 20), unit);
      for (let left = unit.length * times; left > 0; left -= chunk.length) {
        sha256.update(chunk.subarray(0, Math.min(left, chunk.length)));
      }
    }
    expect(sha256.digest()).toBe(`sha256:${digest}`);
  });

  test('gives the published digest of the CAVP Monte Carlo test', () => {
    let [a, b, c] = Array.from({ length: 3 }, () => Buffer.from(MONTE_CARLO.seed, 'hex'));
    for (let i = 3; i < 1003; i++) {
      const next = Buffer.from(digestHex(sha256Of(engine, Buffer.concat([a!, b!, c!]))), 'hex');
      [a, b, c] = [b, c, next];
    }
    expect(c!.toString('hex')).toBe(MONTE_CARLO.digest);
  });

  clientTest('sha256sum')('agrees with coreutils sha256sum at every length from 0 to 260', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tarseal-digest-'));
    try {
      const lengths = Array.from({ length: 261 }, (_, length) => length);
      for (const length of lengths) writeFileSync(join(directory, String(length)), pattern(length));
      const lines = execFileSync('sha256sum', lengths.map(String), { cwd: directory, encoding: 'utf8' });
      const ours = lengths.map((length) => `${digestHex(sha256Of(engine, pattern(length)))}  ${length}\n`);
      expect(ours.join('')).toBe(lines);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test('agrees with node:crypto at every length from 0 to 260, whole and in two parts', () => {
    for (let length = 0; length <= 260; length++) {
      const bytes = pattern(length);
      expect(sha256Of(engine, bytes), `length ${length}`).toBe(oracle(bytes));
      const sha256 = engine.createSha256();
      sha256.update(bytes.subarray(0, length >> 1));
      sha256.update(bytes.subarray(length >> 1));
      expect(sha256.digest(), `length ${length} in two parts`).toBe(oracle(bytes));
    }
  });

  test('gives one digest for any chunking', () => {
    fc.assert(
      fc.property(fc.nat(70_000), fc.array(fc.nat(20_000), { maxLength: 20 }), (length, cuts) => {
        const bytes = pattern(length);
        const sha256 = engine.createSha256();
        let position = 0;
        for (const size of cuts) {
          sha256.update(bytes.subarray(position, position + size));
          position = Math.min(length, position + size);
        }
        sha256.update(bytes.subarray(position));
        expect(sha256.digest()).toBe(oracle(bytes));
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  test('keeps interleaved instances apart, whatever is called on them in whatever order', () => {
    const command = fc.record({
      instance: fc.nat(4),
      action: fc.constantFrom('update', 'update', 'update', 'digest', 'init', 'replace'),
      length: fc.oneof(fc.nat(130), fc.nat(20_000)),
    });
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 60 }), (commands) => {
        const instances = Array.from({ length: 5 }, () => ({
          sha256: engine.createSha256(),
          input: [] as Uint8Array[],
        }));
        for (const [i, { instance, action, length }] of commands.entries()) {
          const slot = instances[instance]!;
          if (action === 'update') {
            const bytes = pattern(length).map((byte) => byte ^ i);
            slot.sha256.update(bytes);
            slot.input.push(bytes);
          } else if (action === 'digest') {
            expect(slot.sha256.digest()).toBe(oracle(Buffer.concat(slot.input)));
            slot.sha256.init();
            slot.input = [];
          } else if (action === 'init') {
            slot.sha256.init();
            slot.input = [];
          } else {
            // The old one is dropped in the middle of its input, as after an error.
            slot.sha256 = engine.createSha256();
            slot.input = [];
          }
        }
        for (const { sha256, input } of instances) expect(sha256.digest()).toBe(oracle(Buffer.concat(input)));
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  test('takes a hundred instances byte by byte in turn', () => {
    const instances = Array.from({ length: 100 }, () => engine.createSha256());
    for (let i = 0; i < 130; i++) {
      for (const [n, sha256] of instances.entries()) sha256.update(Uint8Array.of(i, n));
    }
    for (const [n, sha256] of instances.entries()) {
      expect(sha256.digest()).toBe(oracle(Uint8Array.from({ length: 260 }, (_, i) => (i % 2 ? n : i >> 1))));
    }
  });

  test('has read the bytes when update returns, and reads views of larger buffers', () => {
    const buffer = pattern(300);
    const sha256 = engine.createSha256();
    sha256.update(buffer.subarray(17, 217));
    const expected = oracle(pattern(300).subarray(17, 217));
    buffer.fill(0);
    expect(sha256.digest()).toBe(expected);
  });

  test.each(['update', 'digest'] as const)('refuses %s after digest until init', (method) => {
    const sha256 = engine.createSha256();
    sha256.update(pattern(3));
    const first = sha256.digest();
    const call = (): unknown => (method === 'update' ? sha256.update(pattern(1)) : sha256.digest());
    expect(call).toThrowError(DigestError);
    expect(call).toThrowError(
      expect.objectContaining({
        code: 'DIGEST_FINISHED',
        message: `Cannot ${method} SHA-256: its digest was already taken, and init() must come first`,
      }),
    );
    sha256.init();
    sha256.update(pattern(3));
    expect(sha256.digest()).toBe(first);
  });

  test('a refused call leaves the others as they were', () => {
    const finished = engine.createSha256();
    const other = engine.createSha256();
    other.update(pattern(100));
    finished.digest();
    expect(() => finished.update(pattern(5))).toThrowError(DigestError);
    other.update(pattern(7));
    expect(other.digest()).toBe(oracle(Buffer.concat([pattern(100), pattern(7)])));
  });
});

test('two WASM engines do not share a state', async () => {
  const [a, b] = [await loadHashEngine('wasm'), await loadHashEngine('wasm')].map((engine) => engine.createSha256());
  a!.update(pattern(10));
  b!.update(pattern(20));
  a!.update(pattern(30));
  expect(a!.digest()).toBe(oracle(Buffer.concat([pattern(10), pattern(30)])));
  expect(b!.digest()).toBe(oracle(pattern(20)));
});

describe('loadHashEngine', () => {
  afterEach(() => {
    vi.doUnmock('node:crypto');
    vi.doUnmock('hash-wasm');
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  test('takes native for auto where the runtime has it', async () => {
    expect((await loadHashEngine('auto')).name).toBe('native');
    expect(HASH_ENGINE_CHOICES).toEqual(['auto', 'wasm', 'native']);
  });

  test.each<[string, () => object]>([
    [
      'no node:crypto',
      () => {
        throw new Error('no such module');
      },
    ],
    ['no createHash', () => ({ createHash: undefined })],
    [
      'no SHA-256',
      () => ({
        createHash: () => {
          throw new Error('Digest method not supported');
        },
      }),
    ],
  ])('takes WASM for auto, and refuses native, where there is %s', async (_name, factory) => {
    vi.resetModules();
    vi.doMock('node:crypto', factory);
    const fresh = await import('../../src/digest/index.js');
    const engine = await fresh.loadHashEngine('auto');
    expect(engine.name).toBe('wasm');
    expect(fresh.sha256Of(engine, new TextEncoder().encode('abc'))).toBe(`sha256:${VECTORS[0]!.digest}`);
    await expect(fresh.loadHashEngine('native')).rejects.toMatchObject({
      code: 'DIGEST_ENGINE_UNAVAILABLE',
      message: 'Cannot load hash engine "native": it needs node:crypto with SHA-256, which this runtime has not',
    });
  });

  test('takes hash-wasm for wasm only where WebAssembly has no vectors', async () => {
    vi.resetModules();
    const load = vi.fn(() => ({ createSHA256: () => Promise.reject(new Error('hash-wasm is asked')) }));
    vi.doMock('hash-wasm', load);
    const fresh = await import('../../src/digest/index.js');
    expect((await fresh.loadHashEngine('wasm')).name).toBe('wasm');
    expect(load).not.toHaveBeenCalled();
    vi.spyOn(WebAssembly, 'validate').mockReturnValueOnce(false);
    await expect(fresh.loadHashEngine('wasm')).rejects.toThrow('hash-wasm is asked');
  });

  test('refuses wasm where there is no WebAssembly', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    await expect(loadHashEngine('wasm')).rejects.toMatchObject({ code: 'DIGEST_ENGINE_UNAVAILABLE' });
  });

  test('refuses an unknown choice, naming those there are', async () => {
    await expect(loadHashEngine('openssl' as HashEngineChoice)).rejects.toMatchObject({
      code: 'DIGEST_ENGINE_UNKNOWN',
      message: 'Cannot load hash engine: it must be one of auto, wasm, native, and is "openssl"',
    });
  });
});
