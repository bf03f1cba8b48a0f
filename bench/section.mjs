// One work on one corpus: every program once, for the comparison and its memory, and then those of the goals in turn.

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

/** Those that run in every round: what goals are made of, and of the contestants the one whose first run was the fastest. */
function inRounds(results) {
  const timed = results.filter(({ samples }) => samples !== undefined);
  const contestants = timed.filter(({ program }) => program.contest);
  const best = contestants.sort((a, b) => a.samples[0] - b.samples[0]).slice(0, 1);
  return [...timed.filter(({ program: { once, dear } }) => !once && !dear), ...best];
}

function roundsOf({ samples: [first] }, { rounds, longRounds, longSeconds }) {
  return first > longSeconds ? longRounds : rounds;
}

/**
 * In the first round each program is held to ours, and its memory watched: those of the goals first, then those that run
 * only `once`, then the `dear` ones. A dear one is stopped when its share of the time is over that the rounds to come leave.
 *
 * @param pace `rounds` for each program, `longRounds` for one that takes more than `longSeconds`; `limitSeconds` for a dear
 *   one at most, but `leastLimit` times our first run however late it is, as less would say nothing; `deadline` of the first
 *   round, `latest`, after which there are no more rounds than `longRounds`, and `end`, after which there are none, as
 *   performance.now() tells them
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
  const programs = WORKS[work].filter(({ name }) => !without.includes(name));
  const check = createAgreement(directory, {
    nixLayers: async () => (await runEmpty(NIX_DIALECT)).output,
    comparesMembers: programs.some(({ agree }) => agree === 'members'),
  });

  const runFirst = async (program, limitSeconds) => {
    report(program.name);
    const { failure, stopped, seconds, cpuSeconds, peakBytes, output } = await runEmpty(program.script, {
      watchMemory: true,
      limitSeconds,
    });
    if (stopped) return { program, stoppedAfter: limitSeconds };
    try {
      if (failure !== undefined) throw new Error(failure);
      const { words, ...sizes } = await check(program, output);
      return { program, agrees: words, ...sizes, peakBytes, samples: [seconds], cpuSamples: [cpuSeconds] };
    } catch (error) {
      // Ours has to be right. A rival that fails is a row of the table.
      if (program.ours) throw new Error(`${program.name}: ${error.message}`, { cause: error });
      return { program, fails: error.message };
    }
  };
  const results = [];
  for (const late of [false, true])
    for (const program of programs)
      if (!program.dear && Boolean(program.once) === late) results.push(await runFirst(program));
  const ours = results[0];
  const dear = programs.filter((program) => program.dear);
  for (const [index, program] of dear.entries()) {
    const reserved = inRounds(results).map((result) => result.samples[0] * (roundsOf(result, pace) - 1));
    const left = (pace.deadline - performance.now()) / 1000 - reserved.reduce((sum, seconds) => sum + seconds, 0);
    const share = Math.min(pace.limitSeconds, left / (dear.length - index));
    results.push(await runFirst(program, Number(Math.max(share, pace.leastLimit * ours.samples[0]).toFixed(1))));
  }

  const entrants = inRounds(results).map((result) => ({ result, rounds: roundsOf(result, pace) }));
  for (let round = 1; performance.now() < (round < pace.longRounds ? pace.end : pace.latest); round++) {
    const turn = entrants.filter(({ rounds }) => rounds > round);
    if (turn.length === 0) break;
    report(`round ${round + 1}`);
    warm(directory);
    // Nobody always runs after the same one.
    for (let index = 0; index < turn.length; index++) {
      const { program, samples, cpuSamples } = turn[(index + round) % turn.length].result;
      const { failure, seconds, cpuSeconds } = await runEmpty(program.script);
      if (failure !== undefined) throw new Error(`${program.name}, round ${round + 1}: ${failure}`);
      samples.push(seconds);
      cpuSamples.push(cpuSeconds);
    }
  }
  rmSync(out, { recursive: true, force: true });
  results.sort((a, b) => programs.indexOf(a.program) - programs.indexOf(b.program));
  return results.map((result) => summary(result, corpus, ours.sizeBytes));
}

/** A result as it goes to the table and to JSON. Of a program that was stopped, `seconds` is less than what it takes, and rates are more. */
function summary({ program: { name, ours = false }, stoppedAfter, cpuSamples, ...result }, corpus, sizeBytes) {
  if (result.fails !== undefined) return { program: name, ours, fails: result.fails };
  const seconds = stoppedAfter ?? median(result.samples);
  return {
    program: name,
    ours,
    ...(stoppedAfter === undefined ? { ...result, cpuSamples, cpuSeconds: median(cpuSamples) } : { stopped: true }),
    seconds,
    megabytesPerSecond: sizeBytes && sizeBytes / 1e6 / seconds,
    filesPerSecond: corpus.files / seconds,
  };
}

/** The median of the ratios within each round of both; to one that ran once, or was stopped, the ratio of our median. */
export function ratio(ours, theirs) {
  const rounds = Math.min(ours.samples.length, theirs.samples?.length ?? 0);
  if (rounds < 2) return ours.seconds / theirs.seconds;
  return median(Array.from({ length: rounds }, (_, round) => ours.samples[round] / theirs.samples[round]));
}
