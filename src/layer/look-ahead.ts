import type { LookAhead, StatNumbers } from '../tree/index.js';
import { allocateLookMemory, type LookGroups, NUMBERS, openLookMemory, PLACES } from './look-memory.js';
import { leaveSharedMemory } from './shared-memory.js';
import { canShareMemory, startWorkers } from './worker-pool.js';

/** More threads than these find nothing to do: one thread lists directories for them. */
const MOST_WORKERS = 3;
/** Paths that are worth workers: to start one costs as much processor time as looking at so many. */
const WORKERS_PATHS = 4000;
/** A worker that nothing is heard of for so long may have been ended: then all the rest is looked at by who walks. */
const WAIT_MS = 200;

/**
 * Looks at files in workers while the walk goes on: of a tree of small files, half of the time before anything is packed.
 *
 * @param jobs the most threads, this one included; 1 starts none
 * @returns `undefined` where there are to be no workers; who has it stops it at the end
 */
export function createLookAhead(jobs: number, workerUrl?: URL): (LookAhead & { stop(): void }) | undefined {
  if (jobs < 2 || !canShareMemory()) return undefined;
  let groups: LookGroups | undefined;
  let begunPaths = 0;
  let taken = 0;
  let isGivenUp = false;

  const start = (): LookGroups => {
    const memory = allocateLookMemory();
    const opened = openLookMemory(memory);
    const url = workerUrl ?? new URL('./look-worker.js', import.meta.url);
    const pool = startWorkers(Math.min(jobs - 1, MOST_WORKERS), url, () => memory, opened.isStopped);
    void pool?.ended.then(() => leaveSharedMemory(memory.texts));
    return opened;
  };
  /** @returns whether it is done */
  const settle = (opened: LookGroups, group: number): boolean => {
    for (;;) {
      const seen = opened.events();
      if (opened.isDone(group)) return true;
      const claimed = opened.claim();
      if (claimed >= 0) opened.look(claimed);
      else {
        opened.wait(seen, WAIT_MS);
        if (opened.events() === seen) return opened.isDone(group);
      }
    }
  };

  return {
    begin(paths) {
      begunPaths += paths.length;
      if (begunPaths >= WORKERS_PATHS) groups ??= start();
      const opened = groups;
      const group = isGivenUp ? -1 : (opened?.begin(paths) ?? -1);
      if (opened === undefined || group < 0) return () => () => undefined;
      if (group - taken >= PLACES) throw new RangeError('too many groups are on their way');
      return () => {
        taken = group + 1;
        if (!settle(opened, group)) {
          // Whoever has it could write to its place when that is another's.
          isGivenUp = true;
          return () => undefined;
        }
        const numbers = opened.numbers(group);
        return (index) => statNumbers(numbers, index * NUMBERS);
      };
    },
    stop: () => groups?.stop(),
  };
}

function statNumbers(numbers: Float64Array, at: number): StatNumbers | undefined {
  const mode = numbers[at]!;
  if (mode === 0) return undefined;
  return {
    mode,
    size: numbers[at + 1]!,
    mtimeMs: numbers[at + 2]!,
    dev: numbers[at + 3]!,
    ino: numbers[at + 4]!,
    rdev: numbers[at + 5]!,
  };
}
