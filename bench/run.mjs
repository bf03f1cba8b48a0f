// Benchmarks: makes the corpora, holds what the programs make to what ours makes, times them in turn, and prints tables.
//
//   node bench/run.mjs [--quick] [--only CORPUS[/WORK]]... [--json FILE] [--dir DIRECTORY] [--keep] [--save]

import { execFileSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseParent, FULL, makeCorpus, QUICK, removeCorpus } from './corpora.mjs';
import { goalRows } from './goals.mjs';
import { describeMachine } from './machine.mjs';
import { secondsOfPrograms } from './measure.mjs';
import { buildProject, ENV, PROJECT } from './ours.mjs';
import { drawPlot } from './plot.mjs';
import { LONG_CORPORA, SECTIONS } from './programs.mjs';
import { format, saveInReadme } from './readme.mjs';
import { measureWork } from './section.mjs';
import { goalTable, machineText, sectionTables } from './table.mjs';

const BENCH = join(PROJECT, 'bench');

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    json: { type: 'string' },
    dir: { type: 'string' },
    keep: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});

const sizes = options.quick ? QUICK : FULL;
const pace = options.quick
  ? { rounds: 2, longRounds: 1, longSeconds: 2, limitSeconds: 2, leastLimit: 5, secondsOfRun: 45 }
  : { rounds: 5, longRounds: 3, longSeconds: 4, limitSeconds: 8, leastLimit: 5, secondsOfRun: 565 };
const begin = performance.now();
const report = (text) =>
  process.stderr.write(`${((performance.now() - begin) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);

/** The share of the whole time by which a work may be late before it loses rounds. */
const LATENESS = 0.06;

function prepare() {
  const installed = statSync(join(BENCH, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  const wanted = statSync(join(BENCH, 'package-lock.json'));
  if (installed === undefined || installed.mtimeMs < wanted.mtimeMs)
    execFileSync('npm', ['ci', '--silent', '--no-audit', '--no-fund'], { cwd: BENCH });
  buildProject();
}

function isWanted(corpus, work) {
  if (options.quick && LONG_CORPORA.includes(corpus)) return false;
  const names = [corpus, `${corpus}/${work}`, corpus.split('-')[0]];
  return options.only === undefined || names.some((name) => options.only.includes(name));
}

/** Makes one corpus and measures the works on it. @returns a result for each work */
async function measureCorpus(name, works) {
  report(`${name}: making it`);
  const corpus = makeCorpus(name, sizes, parent);
  const { directory, ...contents } = corpus;
  const results = [];
  try {
    for (const [work, { without, until, ...own }] of works) {
      const shares = [until, Math.min(until + LATENESS, 1), 1];
      const [deadline, latest, end] = shares.map((share) => prepared + share * pace.secondsOfRun * 1000);
      const programs = await measureWork(corpus, work, {
        without,
        env: ENV,
        pace: { ...pace, ...(options.quick ? {} : own), deadline, latest, end },
        report: (text) => report(`${name}: ${work}: ${text}`),
      });
      results.push({ corpus: name, work, ...contents, programs });
    }
  } finally {
    if (options.keep) report(`${name}: kept in ${directory}`);
    else removeCorpus(directory);
  }
  return results;
}

prepare();
const prepared = performance.now();
const parent = chooseParent(options.dir);
const results = [];
for (const { corpus, works } of SECTIONS) {
  const wanted = Object.entries(works).filter(([work]) => isWanted(corpus, work));
  if (wanted.length === 0) continue;
  results.push(...(await measureCorpus(corpus, wanted)));
}

const machine = {
  ...describeMachine(parent),
  seconds: Math.round((performance.now() - begin) / 1000),
  secondsOfPrograms: Math.round(secondsOfPrograms()),
  quick: options.quick,
};
const text = [machineText(machine), `### Goals\n\n${goalTable(results)}`, sectionTables(results)].join('\n\n');
console.log(text);

const json = `${JSON.stringify({ machine, goals: goalRows(results), results }, undefined, 2)}\n`;
if (options.json) writeFileSync(options.json, json);
if (options.save) {
  writeFileSync(join(BENCH, 'results.json'), json);
  writeFileSync(join(BENCH, 'results.svg'), drawPlot(results, machine));
  saveInReadme('last full run', text);
  format(join(BENCH, 'results.json'));
}
