// Where the time goes: packs each corpus with the installed command under the CPU profiler, sums the time of all threads by
// category, and holds what it takes to what cannot be saved.
//
//   node bench/profile.mjs [--quick] [--only CORPUS]... [--dir DIRECTORY] [--save]

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseParent, FULL, makeCorpus, QUICK, removeCorpus } from './corpora.mjs';
import { describeMachine } from './machine.mjs';
import { run } from './measure.mjs';
import { buildProject, bundleProject, ENV, startUpSeconds } from './ours.mjs';
import { WORKS } from './programs.mjs';
import { saveInReadme } from './readme.mjs';
import { median } from './section.mjs';
import { table } from './table.mjs';
import { sumProfiles } from './where.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    dir: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});

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
  mixed: [['tar', 'tarseal tar']],
  layer: [['gzip', 'tarseal build, gzip layer']],
  deep: [['tar', 'tarseal tar']],
  store: [
    ['tar', 'tarseal tar'],
    ['image', 'tarseal build, 32 layers'],
  ],
  [options.quick ? 'grow-10000' : 'grow-300000']: [['growth', 'tarseal tar']],
};
/** A run that takes so long is not made again to have a median. */
const LONG_SECONDS = 3;

/** Runs a script of ours, from an empty output directory. */
async function runEmpty(name, script, directory) {
  const out = join(directory, 'out');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const { failure, seconds, output } = await run(script, directory, { env: ENV });
  if (failure !== undefined) throw new Error(`${name}: ${failure}`);
  return { seconds, output };
}

async function profile({ directory }, work, name) {
  const { script } = WORKS[work].find((program) => program.name === name);
  const samples = [];
  let output;
  for (let index = 0; index < 3 && (index === 0 || samples[0] < LONG_SECONDS); index++) {
    const result = await runEmpty(name, script, directory);
    samples.push(result.seconds);
    output = JSON.parse(result.output);
  }
  const profiles = join(directory, 'profiles');
  const underProfiler = `"$NODE" --cpu-prof --cpu-prof-interval 500 --cpu-prof-dir ${profiles}`;
  await runEmpty(name, script.replace('"$NODE"', underProfiler), directory);
  const sums = sumProfiles(profiles, work);
  rmSync(profiles, { recursive: true });

  const engine = name.includes('wasm') ? 'wasm' : 'native';
  let layers = output.layers?.map(({ sizeBytes }) => sizeBytes) ?? [output.sizeBytes];
  let tar;
  if (work === 'gzip') {
    // A layer's size is that of what it was compressed to.
    const { output: text } = await runEmpty(name, WORKS.tar[0].script, directory);
    layers = [JSON.parse(text).sizeBytes];
    tar = join(directory, 'out/archive.tar');
  }
  // It needs what has just been built.
  const { measureFloor } = await import('./floor.mjs');
  return { milliseconds: median(samples) * 1000, sums, floor: await measureFloor(directory, layers, { engine, tar }) };
}

const parent = chooseParent(options.dir);
const rows = [];
let columns;
buildProject();
bundleProject('--source-maps');
try {
  const start = median(await startUpSeconds()) * 1000;
  for (const [name, programs] of Object.entries(PROFILES)) {
    if (options.only !== undefined && !options.only.includes(name)) continue;
    const corpus = makeCorpus(name, options.quick ? QUICK : FULL, parent);
    try {
      for (const [work, program] of programs) {
        process.stderr.write(`${name}: ${program}\n`);
        const { milliseconds, sums, floor } = await profile(corpus, work, program);
        const { least, ...parts } = floor;
        const rest = { start, floor: least, left: milliseconds - start - least };
        const figures = { ms: milliseconds, ...rest, ...sums };
        for (const [part, figure] of Object.entries(parts)) figures[`floor: ${part}`] = figure;
        columns = Object.keys(figures);
        rows.push([name, program, ...Object.values(figures).map((figure) => Math.round(figure).toLocaleString('en'))]);
      }
    } finally {
      removeCorpus(corpus.directory);
    }
  }
} finally {
  bundleProject();
}
const { date, commit, processors, memoryGiB } = describeMachine(parent);
const text = `${date}, commit ${commit}, ${processors}, ${memoryGiB} GiB:

${table(['corpus', 'program', ...columns], rows)}`;
console.log(text);
if (options.save) saveInReadme('profiles', text);
