// One work on one corpus: every program once, for the comparison and its memory, and then in turn, timed.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createAgreement } from './agree.mjs';
import { warm } from './corpora.mjs';
import { run } from './measure.mjs';
import { NIX_DIALECT, WORKS } from './programs.mjs';

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * A program's first run tells how many timed ones there are: as many as fit into `secondsEach`, at most `rounds`, or two where
 * it is dear. A rival whose first run is longer than that is not run again: that run, its memory being watched, is its figure.
 */
function roundsFor({ ours = false, dear = false }, seconds, { rounds, secondsEach }) {
  return Math.max(ours ? 2 : 0, Math.min(dear ? 2 : rounds, Math.floor(secondsEach / seconds)));
}

/**
 * @param pace `rounds` at most for each program, `secondsEach` for all rounds of one program, `secondsAll` after which no round
 *   but the first is begun, nor after `deadline` (as performance.now() tells it), when dear rivals are not run any more either
 * @returns one result for each program, in the order of WORKS
 */
export async function measureWork(corpus, work, { without = [], env, pace, report }) {
  const { directory } = corpus;
  const out = join(directory, 'out');
  const runEmpty = (script, options = {}) => {
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
    return run(script, directory, { env, ...options });
  };
  const nixLayers = async () => (await runEmpty(NIX_DIALECT)).output;
  const check = createAgreement(directory, nixLayers);

  const results = [];
  for (const program of WORKS[work].filter(({ name }) => !without.includes(name))) {
    if (program.dear && performance.now() > pace.deadline) {
      results.push({ program: program.name, fails: 'not run: the time was up', planned: 0 });
      continue;
    }
    report(program.name);
    const first = await runEmpty(program.script, { watchMemory: true });
    const result = { program: program.name, ours: program.ours ?? false, samples: [], cpuSamples: [], planned: 0 };
    results.push(result);
    try {
      if (first.failure !== undefined) throw new Error(first.failure);
      const { words, sizeBytes, gzipBytes } = await check(program, first.output);
      Object.assign(result, { agrees: words, sizeBytes, gzipBytes, peakBytes: first.peakBytes, first });
      result.planned = roundsFor(program, first.seconds, pace);
    } catch (error) {
      // Ours has to be right. A rival that fails is a row of the table.
      if (program.ours) throw new Error(`${program.name}: ${error.message}`, { cause: error });
      result.fails = error.message;
    }
  }

  const begin = performance.now();
  for (let round = 0; round < pace.rounds; round++) {
    if (round > 0 && performance.now() > Math.min(begin + pace.secondsAll * 1000, pace.deadline)) break;
    const turn = results.filter(({ planned }) => planned > round);
    if (turn.length === 0) break;
    report(`round ${round + 1}`);
    warm(directory);
    // Nobody always runs after the same one.
    for (let index = 0; index < turn.length; index++) {
      const result = turn[(index + round) % turn.length];
      const { script } = WORKS[work].find(({ name }) => name === result.program);
      const { failure, seconds, cpuSeconds } = await runEmpty(script);
      if (failure !== undefined) throw new Error(`${result.program}, round ${round + 1}: ${failure}`);
      result.samples[round] = seconds;
      result.cpuSamples[round] = cpuSeconds;
    }
  }
  rmSync(out, { recursive: true, force: true });
  return results.map((result) => summary(result, corpus, results[0].sizeBytes));
}

/** A result as it goes to the table and to JSON. */
function summary({ first, planned, ...result }, corpus, sizeBytes) {
  if (result.fails !== undefined) return { program: result.program, ours: false, fails: result.fails };
  const timedOnce = result.samples.length === 0;
  const samples = timedOnce ? [first.seconds] : result.samples;
  const seconds = median(samples);
  return {
    ...result,
    samples,
    timedOnce,
    seconds,
    cpuSeconds: median(timedOnce ? [first.cpuSeconds] : result.cpuSamples),
    megabytesPerSecond: sizeBytes && sizeBytes / 1e6 / seconds,
    filesPerSecond: corpus.files / seconds,
  };
}

/** The median of the ratios within each round of both; of one that was timed once, the ratio to it. */
export function ratio(ours, theirs) {
  if (ours.timedOnce || theirs.timedOnce) return ours.seconds / theirs.seconds;
  const rounds = Math.min(ours.samples.length, theirs.samples.length);
  return median(Array.from({ length: rounds }, (_, round) => ours.samples[round] / theirs.samples[round]));
}
