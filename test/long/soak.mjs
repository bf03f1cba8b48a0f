// Builds one thing after another in one process, with workers, and looks whether memory, descriptors or threads are left
// over. Exits with 1 if they are. The log of the last run is in soak.log beside it.
//
//   npm run build && node --expose-gc test/long/soak.mjs [BUILDS]

import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { buildImage, createTar } from '../../dist/index.js';

const BUILDS = Number(process.argv[2] ?? 500);
/** What is compiled, cached and pooled once is there by then. */
const WARM_UP = Math.min(60, Math.floor(BUILDS / 3));
const MIB = 2 ** 20;
/**
 * What resident memory at rest may be above that after the warm-up: 0.15 MiB that each of 500 builds left would be more.
 * Allocators do not give back all that is free, and the collector does not count shared memory: when each build made its
 * own, 10 MiB, fifty of them lay about between two collections, in the heap of malloc, which then kept 300 MiB. (Fifty
 * SharedArrayBuffers of 10 MiB, filled and let go, are 500 MiB until `gc()`, and fifty ArrayBuffers 20.)
 */
const MEMORY_SLACK_MIB = 60;
/** What builds may leave to the collector, at the most. */
const UNCOLLECTED_MIB = 160;

const scratch = mkdtempSync(join(tmpdir(), 'tarseal-soak-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

/** Enough for a worker or two, as it is and compressed. */
const trees = { large: 52 * MIB, small: 7 * MIB };
for (const [name, sizeBytes] of Object.entries(trees)) {
  mkdirSync(join(scratch, name));
  for (let file = 0; file < 60; file++) writeFileSync(join(scratch, name, `file-${file}`), `${file}`.repeat(file * 97));
  writeFileSync(join(scratch, name, 'sparse'), 'sparse');
  truncateSync(join(scratch, name, 'sparse'), sizeBytes);
}

const large = join(scratch, 'large');
const small = join(scratch, 'small');
const output = join(scratch, 'out');
const image = (root, more) => ({ root, tag: ['soak'], output, jobs: 3, ...more });
const KINDS = {
  tar: () => createTar({ members: [{ name: '.', directory: large }], output }, { jobs: 3 }),
  image: () => buildImage(image(large)),
  'gzip layers': () => buildImage(image(small, { layerCompression: 'gzip:1' })),
  'gzip archive': () => buildImage(image(small, { compression: 'gzip:1' })),
  aborted: () => {
    const controller = new AbortController();
    const context = {
      signal: controller.signal,
      onProgress: (done) => done > 8 * MIB && controller.abort(),
    };
    return buildImage(image(large), context).then(
      () => Promise.reject(new Error('nothing was aborted')),
      (error) => (error.code === 'ABORTED' ? undefined : Promise.reject(error)),
    );
  },
};

/** Read a part at a time: large buffers of our own would hide what others leave. */
const buffer = Buffer.alloc(MIB);
function digestOf(path) {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  for (let size = readSync(fd, buffer); size > 0; size = readSync(fd, buffer)) hash.update(buffer.subarray(0, size));
  closeSync(fd);
  return hash.digest('hex');
}

const count = (directory) => readdirSync(`/proc/self/${directory}`).length;

let threadsAtRest = Infinity;

/** After workers had the time to end: as much as they need, on a busy machine. */
async function measure() {
  for (let i = 0; i < 4 || (i < 100 && count('task') > threadsAtRest); i++) {
    await delay(150);
    globalThis.gc();
  }
  threadsAtRest = Math.min(threadsAtRest, count('task'));
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return {
    threads: count('task'),
    descriptors: count('fd'),
    rssMiB: Math.round(rss / MIB),
    heapMiB: Math.round(heapUsed / MIB),
    buffersMiB: Math.round(arrayBuffers / MIB),
  };
}

const digests = new Map();
const line = (builds, state) =>
  console.log(
    `${String(builds).padStart(6)}  ${Object.entries(state)
      .map(([key, value]) => `${key} ${value}`)
      .join('  ')}`,
  );

console.log(
  `${new Date().toISOString()}  node ${process.version}  ${availableParallelism()} processors  ${BUILDS} builds`,
);
let warm;
/** The most resident memory at rest after the warm-up, and what there was above that after builds. */
let mostMiB = 0;
let mostUncollectedMiB = 0;
for (let build = 0; build < BUILDS; build++) {
  const [kind, work] = Object.entries(KINDS)[build % Object.keys(KINDS).length];
  await work();
  if (kind !== 'aborted') {
    const digest = digestOf(output);
    if ((digests.get(kind) ?? digest) !== digest) throw new Error(`${kind}: build ${build} has other bytes`);
    digests.set(kind, digest);
  }
  const { rss } = process.memoryUsage();
  if (build % 50 !== 0 && build !== WARM_UP) continue;
  const state = await measure();
  line(build, { ...state, uncollectedMiB: Math.round(rss / MIB) - state.rssMiB });
  if (build < WARM_UP) continue;
  warm ??= state;
  mostMiB = Math.max(mostMiB, state.rssMiB);
  mostUncollectedMiB = Math.max(mostUncollectedMiB, Math.round(rss / MIB) - state.rssMiB);
}
const end = await measure();
mostMiB = Math.max(mostMiB, end.rssMiB);
line(BUILDS, end);
const left = readdirSync(scratch).filter((name) => !['large', 'small', 'out'].includes(name));
const problems = [
  ...(end.threads > warm.threads ? ['threads are left'] : []),
  ...(end.descriptors > warm.descriptors ? ['descriptors are left'] : []),
  ...(mostMiB > warm.rssMiB + MEMORY_SLACK_MIB ? ['memory grew'] : []),
  ...(mostUncollectedMiB > UNCOLLECTED_MIB ? ['too much is left to the collector'] : []),
  ...(end.heapMiB > warm.heapMiB + 4 ? ['the heap grew'] : []),
  ...(left.length > 0 ? [`files are left: ${left.join(', ')}`] : []),
];
for (const problem of problems) console.log(problem);
console.log(problems.length === 0 ? 'nothing is left over' : 'FAILED');
process.exitCode = problems.length === 0 ? 0 : 1;
