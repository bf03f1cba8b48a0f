// Times `tarseal verify` of an image of 1.6 GB, as a whole process, against `sha256sum` of the same file, interleaved in one
// run, and says its peak memory. `verify` computes with the hash engine that builds do not take, in WebAssembly.
//
//   node bench/verify.mjs [--quick] [--dir DIRECTORY] [--save]

import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseParent, FULL, makeCorpus, QUICK, removeCorpus } from './corpora.mjs';
import { describeMachine } from './machine.mjs';
import { run } from './measure.mjs';
import { ENV } from './ours.mjs';
import { saveInReadme } from './readme.mjs';
import { median } from './section.mjs';
import { table } from './table.mjs';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, dir: { type: 'string' }, save: { type: 'boolean' } },
});
const ROUNDS = options.quick ? 3 : 5;
const TARSEAL = `'${ENV.NODE}' '${ENV.TARSEAL}'`;

const PROGRAMS = {
  'tarseal verify': `${TARSEAL} verify image.tar`,
  'tarseal verify --hash-engine native': `${TARSEAL} verify --hash-engine native image.tar`,
  'sha256sum image.tar': 'sha256sum image.tar',
};

const parent = chooseParent(options.dir);
const { directory } = makeCorpus('big', options.quick ? QUICK : FULL, parent);
try {
  const build = spawnSync('bash', [
    '-c',
    `cd '${directory}' && ${TARSEAL} build --add tree=/a --add tree=/b -o image.tar -t big`,
  ]);
  if (build.status !== 0) throw new Error(String(build.stderr));
  const sizeBytes = statSync(join(directory, 'image.tar')).size;
  const results = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, []]));
  const peaks = {};
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, script] of Object.entries(PROGRAMS)) {
      const result = await run(script, directory, { watchMemory: round === 0 });
      if (result.failure !== undefined) throw new Error(`${name}: ${result.failure}`);
      if (round === 0) peaks[name] = result.peakBytes;
      else results[name].push(result);
    }
  }
  const rival = results['sha256sum image.tar'];
  const rows = Object.entries(results).map(([name, runs]) => [
    `\`${name}\``,
    median(runs.map(({ seconds }) => seconds)).toFixed(2),
    median(runs.map(({ seconds }, round) => seconds / rival[round].seconds)).toFixed(2),
    Math.round(sizeBytes / 1e6 / median(runs.map(({ seconds }) => seconds))),
    median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
    Math.round(peaks[name] / 1e6),
  ]);
  const { date, processors, memoryGiB, commit, versions } = describeMachine(parent);
  const text = `${date}, commit ${commit}, ${processors}, ${memoryGiB} GiB, ${versions[0]}, ${versions[3]}; an image of ${(sizeBytes / 1e9).toFixed(2)} GB, ${ROUNDS} rounds:

${table(['program', 's', 'to sha256sum', 'MB/s', 'CPU s', 'peak MB'], rows)}`;
  console.log(text);
  if (options.save) saveInReadme('verify', text);
} finally {
  removeCorpus(directory);
}
