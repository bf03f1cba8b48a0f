// Where the time goes: packs each corpus under the CPU profiler, sums the time of all threads by category, and measures the floor: what the
// system calls, the hash and the writing take by themselves, each alone on one thread of a plain Node program.
//
//   node bench/profile.mjs [--quick] [--only CORPUS]... [--dir DIRECTORY] [--save]

import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chooseParent, FULL, makeCorpus, QUICK, removeCorpus, warm } from './corpora.mjs';
import { run } from './measure.mjs';
import { WORKS } from './programs.mjs';
import { saveInReadme } from './readme.mjs';
import { median } from './section.mjs';
import { table } from './table.mjs';

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
/** What is profiled on each corpus: the work, and which of its programs that are ours. */
const PROFILES = {
  tiny: [['start', 'tarseal tar']],
  many: [
    ['tar', 'tarseal tar'],
    ['image', 'tarseal build, 32 layers'],
  ],
  big: [
    ['tar', 'tarseal tar'],
    ['tar', 'tarseal tar --hash-engine wasm'],
  ],
  mixed: [
    ['tar', 'tarseal tar'],
    ['gzip', 'tarseal build, gzip layer'],
  ],
  deep: [['tar', 'tarseal tar']],
  store: [['image', 'tarseal build, 32 layers']],
};

/** Bindings of node:fs: their time is that of system calls, and of copying to and from them. */
const SYSTEM_CALLS =
  /^(open|close|read|write|f?l?stat|readlink|ftruncate|rename|unlink|mkdir|rmdir|f?chmod|openFileHandle|internalModuleStat)/i;

/** The category of a frame is the first whose rule holds. Native functions have no source, and so no `url`. */
const CATEGORIES = {
  idle: ({ functionName }) => ['(idle)', 'wait', 'waitAsync'].includes(functionName),
  gc: ({ functionName }) => functionName === '(garbage collector)',
  runtime: ({ functionName }) => functionName === '(program)',
  calls: ({ functionName, url }) =>
    (url === '' && SYSTEM_CALLS.test(functionName)) || /^node:(internal\/)?fs/.test(url),
  gzip: ({ url }, work) =>
    /fflate|libdeflate|\/dist\/compress\//.test(url) || (work === 'gzip' && url.startsWith('wasm:')),
  // The native hash has no frame of its own: its time is counted to the function that calls it.
  hash: ({ url }) => /^wasm:|hash-wasm|\/dist\/digest\/|internal\/crypto/.test(url),
  ours: ({ url }) => /\/dist\/(?!cli\/)/.test(url),
  start: () => true,
};

/** Milliseconds by category in the profiles of one run, of which there is one for each thread. */
function sumProfiles(directory, work) {
  const sums = Object.fromEntries(Object.keys(CATEGORIES).map((category) => [category, 0]));
  for (const file of readdirSync(directory)) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(directory, file), 'utf8'));
    const categories = new Map(
      nodes.map(({ id, callFrame }) => [id, Object.keys(CATEGORIES).find((name) => CATEGORIES[name](callFrame, work))]),
    );
    // A delta is the time before its sample: what a sample saw went on until the next.
    samples.forEach((id, index) => {
      sums[categories.get(id)] += (timeDeltas[index + 1] ?? 0) / 1000;
    });
  }
  return sums;
}

/** @returns milliseconds that `work` takes */
function timed(work) {
  const begin = performance.now();
  work();
  return performance.now() - begin;
}

const block = Buffer.alloc(1 << 20, 1);

/** What cannot be saved, in milliseconds on one thread: the calls for each file, hashing the archive, and writing it. */
function measureFloor(directory, archiveBytes) {
  const blocks = Math.ceil(archiveBytes / block.length);
  const hash = createHash('sha256');
  const fd = openSync(join(directory, 'floor'), 'wx');
  const floor = {
    read: timed(() => warm(directory)),
    hash: timed(() => {
      for (let index = 0; index < blocks; index++) hash.update(block);
    }),
    write: timed(() => {
      for (let index = 0; index < blocks; index++) writeSync(fd, block);
    }),
  };
  closeSync(fd);
  rmSync(join(directory, 'floor'));
  return floor;
}

async function profile(corpus, work, name) {
  const { directory } = corpus;
  const { script } = WORKS[work].find((program) => program.name === name);
  const [out, profiles] = [join(directory, 'out'), join(directory, 'profiles')];
  const runEmpty = async (text, program) => {
    const env = { NODE: process.execPath, TARSEAL: join(PROJECT, program) };
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
    const { failure, seconds, output } = await run(text, directory, { env });
    if (failure !== undefined) throw new Error(`${name}: ${failure}`);
    return { milliseconds: seconds * 1000, output };
  };
  const { output } = await runEmpty(script, bin.tarseal);
  const runs = [];
  for (let index = 0; index < 3; index++) runs.push((await runEmpty(script, bin.tarseal)).milliseconds);
  rmSync(profiles, { recursive: true, force: true });
  // The bundle's functions have lost the names of their modules; the modules that it is made of have them.
  const underProfiler = `"$NODE" --cpu-prof --cpu-prof-interval 500 --cpu-prof-dir ${profiles}`;
  await runEmpty(script.replace('"$NODE"', underProfiler), 'dist/cli/main.js');
  return {
    milliseconds: median(runs),
    sums: sumProfiles(profiles, work),
    floor: measureFloor(directory, JSON.parse(output).sizeBytes ?? 0),
  };
}

const { bin } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    dir: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});

const rows = [];
for (const [name, programs] of Object.entries(PROFILES)) {
  if (options.only !== undefined && !options.only.includes(name)) continue;
  const corpus = makeCorpus(name, options.quick ? QUICK : FULL, chooseParent(options.dir));
  try {
    for (const [work, program] of programs) {
      process.stderr.write(`${name}: ${program}\n`);
      const { milliseconds, sums, floor } = await profile(corpus, work, program);
      const { read, hash, write } = floor;
      const least = Math.max(hash, (read + hash + write) / 2);
      const figures = [milliseconds, ...Object.values(sums), read, hash, write, least];
      rows.push([name, program, ...figures.map((figure) => Math.round(figure).toLocaleString('en'))]);
    }
  } finally {
    removeCorpus(corpus.directory);
  }
}
const TITLES = { calls: 'system calls', gc: 'GC', ours: 'plan, headers, other', start: 'start-up, loading' };
const columns = Object.keys(CATEGORIES).map((category) => TITLES[category] ?? category);
const floors = ['floor: read', 'floor: hash', 'floor: write', 'floor on two threads'];
const text = table(['corpus', 'program', 'ms', ...columns, ...floors], rows);
console.log(text);
if (options.save) saveInReadme('profiles', text);
