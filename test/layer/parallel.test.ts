import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadCodec } from '../../src/compress/index.js';
import { loadHashEngine } from '../../src/digest/index.js';
import type { ArchiveEntry } from '../../src/entry/index.js';
import type { TarsealError } from '../../src/index.js';
import {
  createSealer,
  type FileRegion,
  type LayerCompression,
  type SealedLayer,
  type Sealer,
  type StreamOutput,
} from '../../src/layer/index.js';
import { measureArchive } from '../../src/tar/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { run, sha256 } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { bytes, entry, fileOf, fileSource } from '../tar/entries.js';

const engine = await loadHashEngine('auto');
const codec = await loadCodec('gzip-libdeflate-1');
const TAR = { format: 'posix', strict: false } as const;
const MIB = 1 << 20;
/** More than any number of workers needs: work is shared out by the size that is told. */
const MUCH = 2 ** 40;

const HINDERED = new URL('../support/hindered-worker.mjs', import.meta.url).href;

/** The program of a worker that something happens to; it runs what was built. */
function hindered(how: { delay?: number; dieAt?: number; throwAt?: number }): URL {
  const program = `import { serveHindered } from '${HINDERED}'; await serveHindered(${JSON.stringify(how)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

function sealerOf(jobs: number, more: Partial<Parameters<typeof createSealer>[0]> = {}): Sealer {
  const sealer = createSealer({ engine, jobs, workerUrl: hindered({}), ...more });
  onTestFinished(sealer.close);
  return sealer;
}

function fileEntry(path: string): ArchiveEntry {
  const { size, mtimeMs } = statSync(path);
  const source = fileSource(path, mtimeMs);
  return entry({ path: bytes(path.slice(1)), body: { type: 'file', sizeBytes: size, source } });
}

/** Files whose bytes differ from place to place, so that no two parts can be mistaken for each other. */
function writeNumbered(path: string, sizeBytes: number, seed: number): string {
  const content = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let i = 0, state = seed; i < content.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    content[i] = i % 3 === 0 ? state : seed;
  }
  writeFileSync(path, new Uint8Array(content.buffer, 0, sizeBytes));
  return path;
}

/** Layers of every mix: small files, one huge file among them, empty ones, contents in memory, nothing at all. */
function makeLayers(): ArchiveEntry[][] {
  const root = scratchDirectory();
  const small = (layer: string, count: number): ArchiveEntry[] => {
    mkdirSync(join(root, layer));
    return Array.from({ length: count }, (_, index) =>
      fileEntry(writeNumbered(join(root, layer, `file-${index}`), (index * 7919) % 9000, index + 1)),
    );
  };
  const huge = fileEntry(writeNumbered(join(root, 'huge'), 5 * MIB + 77, 5));
  // Headers, and more names than a worker is told at once.
  mkdirSync(join(root, 'n'.repeat(200)));
  const empty = Array.from({ length: 1100 }, (_, index) =>
    fileEntry(writeNumbered(join(root, 'n'.repeat(200), `empty-${index}`), 0, 1)),
  );
  return [
    [...small('a', 200), huge, ...small('b', 100)],
    [],
    empty,
    small('c', 40),
    [entry({ path: bytes('memory'), body: fileOf(new Uint8Array(3 * MIB).fill(7)) })],
  ];
}

interface Sealed {
  readonly layers: SealedLayer[];
  readonly blobs: Buffer[];
}

/** Seals layers at once, into sinks or to places in one file. */
async function sealLayers(layers: readonly ArchiveEntry[][], sealer: Sealer, to: 'sinks' | 'regions'): Promise<Sealed> {
  const path = join(scratchDirectory(), 'out');
  const fd = openSync(path, 'w+');
  const chunks: Buffer[][] = layers.map(() => []);
  const distance = 16 * MIB;
  const failed = (cause: unknown): Error => new Error('output failed', { cause });
  const sealed = await Promise.all(
    layers.map((entries, index) => {
      const output: StreamOutput =
        to === 'regions'
          ? { fd, position: index * distance, failed }
          : (chunk) => {
              chunks[index]!.push(Buffer.from(chunk));
            };
      return sealer.seal({ entries, tar: TAR, tarSizeBytes: MUCH, output });
    }),
  ).finally(() => closeSync(fd));
  const file = to === 'regions' ? readFileSync(path) : undefined;
  const blobs = sealed.map(
    ({ sizeBytes }, index) =>
      file?.subarray(index * distance, index * distance + sizeBytes) ?? Buffer.concat(chunks[index]!),
  );
  return { layers: sealed, blobs };
}

const COMPRESSIONS: readonly (readonly [string, LayerCompression | undefined])[] = [
  ['as they are', undefined],
  ['compressed', { codec, level: 1 }],
];

describe.each(COMPRESSIONS)('layers %s have the same bytes', (_, compression) => {
  test('for any number of threads, whatever delays them, wherever they go', async () => {
    const layers = makeLayers();
    const expected = await sealLayers(layers, sealerOf(1, { compression }), 'sinks');
    for (const [index, { diffId, digest, sizeBytes, tarSizeBytes, members }] of expected.layers.entries()) {
      const blob = expected.blobs[index]!;
      const tar = compression === undefined ? blob : gunzipSync(blob);
      expect({ diffId, digest, sizeBytes, tarSizeBytes, members }).toEqual({
        diffId: sha256(tar),
        digest: sha256(blob),
        sizeBytes: blob.length,
        tarSizeBytes: measureArchive(layers[index]!, TAR),
        members: layers[index]!.length,
      });
    }
    for (const [jobs, seed, to] of [
      [1, 1, 'regions'],
      [2, 2, 'regions'],
      [3, 3, 'sinks'],
      [8, 4, 'regions'],
      [8, 5, 'sinks'],
    ] as const) {
      const sealer = sealerOf(jobs, { compression, workerUrl: hindered({ delay: seed }) });
      const actual = await sealLayers(layers, sealer, to);
      sealer.close();
      expect(actual.layers).toEqual(expected.layers);
      for (const [index, blob] of actual.blobs.entries())
        expect(describeDifference(expected.blobs[index]!, blob), `layer ${index}, ${jobs} jobs`).toBeUndefined();
    }
  });
});

test('a layer that is asked for at any moment after the last one is sealed', async () => {
  for (let microtasks = 0; microtasks < 24; microtasks++) {
    const sealer = sealerOf(1);
    const seal = (): Promise<SealedLayer> =>
      sealer.seal({ entries: [entry()], tar: TAR, tarSizeBytes: 0, output: undefined });
    const first = await seal();
    for (let i = 0; i < microtasks; i++) await undefined;
    expect(await seal()).toEqual(first);
  }
});

interface Failing {
  readonly entries?: (root: string) => Iterable<ArchiveEntry>;
  readonly output?: (root: string) => StreamOutput;
  readonly code: string;
  readonly message: RegExp;
}

/** Files of 300 KB, so that each slab has parts of a few. */
function someFiles(root: string, count = 40): ArchiveEntry[] {
  return Array.from({ length: count }, (_, index) =>
    fileEntry(writeNumbered(join(root, `f${index}`), 300_000, index + 1)),
  );
}

function regionOn(path: string, flags: string): FileRegion {
  const fd = openSync(path, flags);
  onTestFinished(() => closeSync(fd));
  return {
    fd,
    position: 0,
    failed: (cause) => Object.assign(new Error(`output: ${(cause as Error).message}`, { cause }), { code: 'OUTPUT' }),
  };
}

const FAILURES: Readonly<Record<string, Failing>> = {
  'a file that vanishes once it was asked for': {
    *entries(root) {
      for (const [index, file] of someFiles(root).entries()) {
        yield file;
        if (index === 20) unlinkSync(join(root, 'f20'));
      }
    },
    code: 'SOURCE_CHANGED',
    message: /^Cannot seal ".*\/f20": it changed during the build: it vanished$/,
  },
  'a file that is shorter than it was': {
    *entries(root) {
      const files = someFiles(root);
      writeFileSync(join(root, 'f9'), 'short');
      yield* files;
    },
    code: 'SOURCE_CHANGED',
    message: /^Cannot seal ".*\/f9": it changed during the build: it should have 300000 bytes, and ends after 5$/,
  },
  'EIO of a file': {
    entries: (root) => [
      ...someFiles(root),
      entry({
        body: {
          type: 'file',
          sizeBytes: 4096,
          source: fileSource('/proc/self/mem', 0),
        },
      }),
    ],
    code: 'READ_FAILED',
    message: /^Cannot read "\/proc\/self\/mem": .*\(EIO\)$/,
  },
  'ENOSPC of the output': {
    output: () => regionOn('/dev/full', 'w'),
    code: 'OUTPUT',
    message: /^output: ENOSPC: no space left on device, write$/,
  },
  'EBADF of the output': {
    output: (root) => regionOn(writeNumbered(join(root, 'readable'), 1, 1), 'r'),
    code: 'OUTPUT',
    message: /^output: EBADF: bad file descriptor, write$/,
  },
  'what a sink throws': {
    output: () => {
      let chunks = 0;
      return () => {
        if (++chunks === 5) throw Object.assign(new Error('the reader is gone'), { code: 'EPIPE' });
      };
    },
    code: 'EPIPE',
    message: /^the reader is gone$/,
  },
  'a sink whose promise fails': {
    output: () => {
      let chunks = 0;
      return async () => {
        if (++chunks === 5) throw Object.assign(new Error('the reader is gone'), { code: 'EPIPE' });
      };
    },
    code: 'EPIPE',
    message: /^the reader is gone$/,
  },
};

async function failureOf(work: Promise<unknown>): Promise<TarsealError> {
  return work.then(
    () => {
      throw new Error('nothing failed');
    },
    (error: unknown) => error as TarsealError,
  );
}

describe.each(Object.entries(FAILURES))('%s is one error', (_, failing) => {
  test.each(COMPRESSIONS)('of layers %s, the same on one thread and on many', async (_name, compression) => {
    const messages: string[] = [];
    for (const jobs of [1, 2, 4]) {
      const root = scratchDirectory();
      const entries = failing.entries?.(root) ?? someFiles(root);
      const output = failing.output?.(root);
      const sealer = sealerOf(jobs, { compression, workerUrl: hindered({ delay: 9 }) });
      const error = await failureOf(sealer.seal({ entries, tar: TAR, tarSizeBytes: MUCH, output }));
      expect(error.message).toMatch(failing.message);
      expect(error.code).toBe(failing.code);
      messages.push(error.message.replace(root, ''));
      // Whoever seals on is told the same.
      const next = sealer.seal({ entries: [], tar: TAR, tarSizeBytes: MUCH, output: undefined });
      expect(await failureOf(next)).toBe(error);
    }
    expect(new Set(messages).size).toBe(1);
  });
});

test('a failure tells the path, wherever it was found', async () => {
  for (const jobs of [1, 3]) {
    const root = scratchDirectory();
    const entries = someFiles(root);
    unlinkSync(join(root, 'f30'));
    const sealed = sealerOf(jobs).seal({ entries, tar: TAR, tarSizeBytes: MUCH, output: undefined });
    expect((await failureOf(sealed)).data).toEqual({ path: join(root, 'f30') });
  }
});

describe('a worker that fails is one error', () => {
  const WORKERS: Readonly<Record<string, readonly [URL, RegExp]>> = {
    'that ends at its first slab': [hindered({ dieAt: 1 }), /^Cannot go on: a worker thread failed: .*exit code 7$/],
    'that ends at its third slab': [hindered({ dieAt: 3 }), /^Cannot go on: a worker thread failed: .*exit code 7$/],
    'whose program is missing': [
      pathToFileURL('/nowhere/worker.js'),
      /^Cannot go on: a worker thread failed: Cannot find module/,
    ],
  };
  test.each(Object.entries(WORKERS))('%s', async (_, [workerUrl, message]) => {
    const root = scratchDirectory();
    // A slow sink, so that the workers have their turn however busy the machine is.
    const output = (): Promise<void> => delay(100);
    const sealed = sealerOf(3, { workerUrl }).seal({
      entries: someFiles(root, 80),
      tar: TAR,
      tarSizeBytes: MUCH,
      output,
    });
    const error = await failureOf(sealed);
    expect(error.message).toMatch(message);
    expect(error.code).toBe('WORKER_FAILED');
  });

  test('that has a defect', async () => {
    const sealed = sealerOf(3, { workerUrl: hindered({ throwAt: 2 }) }).seal({
      entries: someFiles(scratchDirectory(), 80),
      tar: TAR,
      tarSizeBytes: MUCH,
      output: () => delay(100),
    });
    expect((await failureOf(sealed)).message).toBe('thrown on purpose');
  });
});

test('once an abort is told, no thread writes any more', async () => {
  for (const seed of [1, 2, 3, 4]) {
    const root = scratchDirectory();
    const controller = new AbortController();
    const region = regionOn(join(root, 'out'), 'w');
    const sealer = sealerOf(4, { signal: controller.signal, workerUrl: hindered({ delay: seed }) });
    let done = 0;
    const sealed = sealer.seal({
      entries: someFiles(root),
      tar: TAR,
      tarSizeBytes: MUCH,
      output: region,
      onProgress(sizeBytes) {
        done += sizeBytes;
        if (done > 3 * MIB) controller.abort();
      },
    });
    expect((await failureOf(sealed)).code).toBe('ABORTED');
    ftruncateSync(region.fd, 0);
    await delay(30);
    expect(fstatSync(region.fd).size).toBe(0);
  }
});

test('a program that is given as text starts workers as one in a file does', () => {
  const root = scratchDirectory();
  writeNumbered(join(root, 'file'), 8 * MIB, 1);
  const program = `
    import { buildImage } from '${new URL('../../dist/index.js', import.meta.url).href}';
    const spec = { add: [{ source: ${JSON.stringify(join(root, 'file'))}, destination: '/file' }], compression: 'gzip:1' };
    await buildImage({ ...spec, jobs: 2, output: ${JSON.stringify(join(root, 'out'))} }, { temporaryDirectory: ${JSON.stringify(root)} });`;
  run(process.execPath, ['--input-type=module', '--eval', program]);
  expect(gunzipSync(readFileSync(join(root, 'out'))).length).toBeGreaterThan(8 * MIB);
});
