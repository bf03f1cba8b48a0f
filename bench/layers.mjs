// Images of layers of many kinds, built with each hash engine by one thread and by two, in turn: what a second thread brings,
// and what it would bring at best, if one thread hashed all layers and if each layer were hashed by whichever is free.
//
//   node bench/layers.mjs [--quick] [--only MIX]... [--dir DIRECTORY] [--save]

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseParent, FULL, makeCorpus, QUICK, removeCorpus } from './corpora.mjs';
import { describeMachine } from './machine.mjs';
import { run } from './measure.mjs';
import { buildProject, ENV, startUpSeconds } from './ours.mjs';
import { saveInReadme } from './readme.mjs';
import { median } from './section.mjs';
import { table } from './table.mjs';

/** Mixes of layers by name: what they are, and the corpus whose items they are made of. */
const MIXES = {
  one: { what: 'one', corpus: 'store', layering: '--layers single' },
  twins: { what: 'two of one size', corpus: 'twins' },
  store: { what: '32 by Zipf’s law', corpus: 'store' },
  many: { what: '32 of small files', corpus: 'many' },
  small: { what: '120 small ones', corpus: 'small' },
  giant: { what: '60 small ones and a huge one', corpus: 'giant' },
};
const ENGINES = ['native', 'wasm'];
const JOBS = [1, 2];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    dir: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});
const ROUNDS = options.quick ? 2 : 5;

/** @returns seconds that hashing a byte takes by itself */
function hashByte(engine) {
  const block = Buffer.alloc(1 << 20, 1);
  const blocks = options.quick ? 16 : 64;
  const hash = engine.createSha256();
  const begin = performance.now();
  for (let index = 0; index < blocks; index++) hash.update(block);
  return (performance.now() - begin) / 1000 / (blocks * block.length);
}

async function build(directory, layering, engine, jobs) {
  const out = join(directory, 'out');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const script = `"$NODE" "$TARSEAL" build tree/nix/store/* --store tree/nix/store=/nix/store ${layering} --hash-engine ${engine} -j ${jobs} -t bench:1 -o out/image.tar --json`;
  const { failure, output, ...times } = await run(script, directory, { env: ENV });
  if (failure !== undefined) throw new Error(`${layering} --hash-engine ${engine} -j ${jobs}: ${failure}`);
  return { ...times, layers: JSON.parse(output).layers };
}

/** @returns a row of the table for each engine */
async function measure({ what, layering = '--max-layers 125' }, directory, engines) {
  const samples = new Map(ENGINES.map((engine) => [engine, { perByte: [], 1: [], 2: [] }]));
  let sizes;
  const turns = ENGINES.flatMap((engine) => JOBS.map((jobs) => [engine, jobs]));
  for (let round = 0; round < ROUNDS; round++) {
    for (let index = 0; index < turns.length; index++) {
      const [engine, jobs] = turns[(index + round) % turns.length];
      const result = await build(directory, layering, engine, jobs);
      samples.get(engine)[jobs].push(result);
      sizes = result.layers.map(({ sizeBytes }) => sizeBytes);
    }
    for (const [name, engine] of engines) samples.get(name).perByte.push(hashByte(engine));
  }
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const largest = Math.max(...sizes);
  return ENGINES.map((engine) => {
    const { perByte, 1: alone, 2: both } = samples.get(engine);
    const seconds = (results) => median(results.map((result) => result.seconds)).toFixed(2);
    // After the start, for as long as both cores have work, or the longest chain of hashes.
    const atBest = (chainBytes) =>
      median(
        both.map(({ cpuSeconds }, round) => {
          const start = starts[round % starts.length];
          return start + Math.max((cpuSeconds - start) / 2, chainBytes * perByte[round]);
        }),
      ).toFixed(2);
    return [
      what,
      Math.round(total / 1e6),
      Math.round(largest / 1e6),
      engine,
      seconds(alone),
      seconds(both),
      median(both.map((result, round) => result.seconds / alone[round].seconds)).toFixed(2),
      median(both.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
      median(both.map((result) => result.cpuSeconds / result.seconds)).toFixed(2),
      (total * median(perByte)).toFixed(2),
      atBest(total),
      atBest(largest),
    ];
  });
}

buildProject();
const { loadHashEngine } = await import('../dist/digest/index.js');
const engines = new Map();
for (const engine of ENGINES) engines.set(engine, await loadHashEngine(engine));

const starts = await startUpSeconds();
const parent = chooseParent(options.dir);
const rows = [];
for (const [name, mix] of Object.entries(MIXES)) {
  if (options.only !== undefined && !options.only.includes(name)) continue;
  process.stderr.write(`${name}\n`);
  const { directory } = makeCorpus(mix.corpus, options.quick ? QUICK : FULL, parent);
  try {
    rows.push(...(await measure(mix, directory, engines)));
  } finally {
    removeCorpus(directory);
  }
}
const { date, commit, processors, memoryGiB } = describeMachine(parent);
const columns = ['layers', 'MB', 'the largest', 'hash engine', '1 job, s', '2 jobs, s', '2 : 1', 'CPU s', 'busy'];
const text = `${date}, commit ${commit}, ${processors}, ${memoryGiB} GiB, ${ROUNDS} rounds:

${table([...columns, 'hash alone, s', 'at best, hashing on one', 'at best, on both'], rows)}`;
console.log(text);
if (options.save) saveInReadme('layers', text);
