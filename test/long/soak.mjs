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
/** Allocators do not give back all that is free. */
const MEMORY_SLACK_MIB = 24;

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

/** After workers had the time to end. */
async function measure() {
  for (let i = 0; i < 4; i++) {
    await delay(150);
    globalThis.gc();
  }
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
/** Peaks of resident memory that were seen in each half: allocators of ended threads keep what they had, up to a point. */
const peaks = [0, 0];
for (let build = 0; build < BUILDS; build++) {
  const [kind, work] = Object.entries(KINDS)[build % Object.keys(KINDS).length];
  await work();
  if (kind !== 'aborted') {
    const digest = digestOf(output);
    if ((digests.get(kind) ?? digest) !== digest) throw new Error(`${kind}: build ${build} has other bytes`);
    digests.set(kind, digest);
  }
  if (build === WARM_UP) warm = await measure();
  if (build % 50 !== 0 && build !== WARM_UP) continue;
  const state = await measure();
  const half = build < BUILDS / 2 ? 0 : 1;
  peaks[half] = Math.max(peaks[half], state.rssMiB);
  line(build, state);
}
const end = await measure();
peaks[1] = Math.max(peaks[1], end.rssMiB);
line(BUILDS, end);
const left = readdirSync(scratch).filter((name) => !['large', 'small', 'out'].includes(name));
const problems = [
  ...(end.threads > warm.threads ? ['threads are left'] : []),
  ...(end.descriptors > warm.descriptors ? ['descriptors are left'] : []),
  ...(peaks[1] > peaks[0] + MEMORY_SLACK_MIB ? ['memory grew'] : []),
  ...(end.heapMiB > warm.heapMiB + 4 ? ['the heap grew'] : []),
  ...(left.length > 0 ? [`files are left: ${left.join(', ')}`] : []),
];
for (const problem of problems) console.log(problem);
console.log(problems.length === 0 ? 'nothing is left over' : 'FAILED');
process.exitCode = problems.length === 0 ? 0 : 1;
