import { once } from 'node:events';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { loadCodec } from '../../src/compress/index.js';
import { loadHashEngine } from '../../src/digest/index.js';
import { createSealer, type LayerCompression } from '../../src/layer/index.js';
import { leaveSharedMemory, takeSharedMemory } from '../../src/layer/shared-memory.js';
import { scratchDirectory } from '../support/scratch.js';
import { bytes, entry, fileSource } from '../tar/entries.js';

const engine = await loadHashEngine('auto');
const WORKER = new URL('../../dist/layer/slab-worker.js', import.meta.url);

/** The collector may have what nobody uses: here it must not. */
const kept: SharedArrayBuffer[] = [];
let madeBytes = 0;
globalThis.SharedArrayBuffer = class extends SharedArrayBuffer {
  constructor(sizeBytes = 0) {
    super(sizeBytes);
    kept.push(this);
    madeBytes += sizeBytes;
  }
};

test('what is left is what the next has that wants as much', () => {
  const [one, two] = [takeSharedMemory(12_345), takeSharedMemory(12_345)];
  expect(two).not.toBe(one);
  leaveSharedMemory(one, two, new ArrayBuffer(12_345));
  expect(takeSharedMemory(12_346)).toHaveProperty('byteLength', 12_346);
  expect(new Set([takeSharedMemory(12_345), takeSharedMemory(12_345)])).toEqual(new Set([one, two]));
  expect([one, two]).not.toContain(takeSharedMemory(12_345));
});

const GZIP: LayerCompression = { codec: await loadCodec('gzip-libdeflate-1'), level: 1 };

test.each<[name: string, compression: LayerCompression | undefined]>([
  ['as it is', undefined],
  ['compressed', GZIP],
])('one layer after another, %s, shares the memory of the first', async (_name, compression) => {
  const path = join(scratchDirectory(), 'file');
  writeFileSync(path, '');
  truncateSync(path, 50 << 20);
  const { mtimeMs } = statSync(path);
  const source = fileSource(path, mtimeMs);
  const entries = [entry({ path: bytes('file'), body: { type: 'file', sizeBytes: 50 << 20, source } })];

  const ends: Promise<unknown>[] = [];
  const onWorker = (worker: Worker): void => void ends.push(once(worker, 'exit'));
  process.on('worker', onWorker);
  onTestFinished(() => void process.off('worker', onWorker));

  const digests = new Set<string>();
  const made: number[] = [];
  for (let round = 0; round < 4; round++) {
    madeBytes = 0;
    const sealer = createSealer({ engine, jobs: 3, compression, workerUrl: WORKER });
    const tar = { format: 'ustar', strict: false } as const;
    const { digest } = await sealer.seal({ entries, tar, tarSizeBytes: 52_439_040, output: undefined });
    sealer.close();
    await Promise.all(ends);
    digests.add(digest);
    made.push(madeBytes);
  }
  expect(ends.length).toBe(8);
  expect(digests.size).toBe(1);
  expect(Math.max(...kept.map(({ byteLength }) => byteLength))).toBeGreaterThan(8 << 20);
  for (const later of made.slice(1)) expect(later).toBeLessThan(1 << 10);
});
