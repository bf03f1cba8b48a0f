import { lstatSync } from 'node:fs';
import { type ByteString, toFsPath } from '../bytes/index.js';
import { takeSharedMemory } from './shared-memory.js';

/**
 * What the threads share that look at files. The walker puts paths into groups; any thread claims a group and writes what
 * it found into the group's numbers. The walker takes groups in their order, and the place of one is used again after that.
 */
export interface LookMemory {
  readonly control: SharedArrayBuffer;
  readonly texts: SharedArrayBuffer;
  readonly numbers: SharedArrayBuffer;
}

/** Groups that may be on their way at once, and the paths and bytes of paths of one. */
export const PLACES = 16;
export const MOST_PATHS = 128;
export const TEXT_SIZE: number = 128 << 10;

const EVENTS = 0;
const BEGUN = 1;
const CLAIMED = 2;
const STOPPED = 3;
const DONE = 4;
/** mode, size, mtimeMs, dev, ino, rdev. */
export const NUMBERS = 6;

export interface LookGroups {
  events(): number;
  /** Sleeps until something has happened since `events` said `seen`, or `timeoutMs` have passed. */
  wait(seen: number, timeoutMs?: number): void;
  /** @returns the group's number, or -1 when there is no room for so much */
  begin(paths: readonly ByteString[]): number;
  /** Takes the oldest group that nobody has; -1 when there is none. */
  claim(): number;
  /** Looks at a group's paths, and says that it is done. */
  look(group: number): void;
  isDone(group: number): boolean;
  /** What was found of a group that is done; a mode of 0 where the system refused. */
  numbers(group: number): Float64Array;
  stop(): void;
  isStopped(): boolean;
}

export function allocateLookMemory(): LookMemory {
  return {
    control: new SharedArrayBuffer(4 * (DONE + PLACES)),
    texts: takeSharedMemory(PLACES * TEXT_SIZE),
    numbers: new SharedArrayBuffer(8 * PLACES * (1 + NUMBERS * MOST_PATHS)),
  };
}

export function openLookMemory(memory: LookMemory): LookGroups {
  const control = new Int32Array(memory.control);
  const texts = Buffer.from(memory.texts);
  const perPlace = 1 + NUMBERS * MOST_PATHS;
  const numbersOf = (group: number): Float64Array =>
    new Float64Array(memory.numbers, 8 * (group % PLACES) * perPlace, perPlace);
  const load = (index: number): number => Atomics.load(control, index);
  const happened = (): void => {
    Atomics.add(control, EVENTS, 1);
    Atomics.notify(control, EVENTS);
  };
  return {
    events: () => load(EVENTS),
    wait: (seen, timeoutMs) => void Atomics.wait(control, EVENTS, seen, timeoutMs),
    begin(paths) {
      const text = paths.join('\0');
      if (text.length > TEXT_SIZE || paths.length > MOST_PATHS || paths.length === 0) return -1;
      const group = load(BEGUN);
      texts.write(text, (group % PLACES) * TEXT_SIZE, 'latin1');
      numbersOf(group)[0] = text.length;
      Atomics.store(control, DONE + (group % PLACES), 0);
      Atomics.store(control, BEGUN, group + 1);
      happened();
      return group;
    },
    claim() {
      for (;;) {
        const group = load(CLAIMED);
        if (group >= load(BEGUN)) return -1;
        if (Atomics.compareExchange(control, CLAIMED, group, group + 1) === group) return group;
      }
    },
    look(group) {
      const numbers = numbersOf(group);
      const start = (group % PLACES) * TEXT_SIZE;
      let at = 1;
      for (const path of texts.toString('latin1', start, start + numbers[0]!).split('\0')) {
        lookAt(path as ByteString, numbers, at);
        at += NUMBERS;
      }
      Atomics.store(control, DONE + (group % PLACES), 1);
      happened();
    },
    isDone: (group) => load(DONE + (group % PLACES)) === 1,
    numbers: (group) => numbersOf(group).subarray(1),
    stop() {
      Atomics.store(control, STOPPED, 1);
      happened();
    },
    isStopped: () => load(STOPPED) === 1,
  };
}

function lookAt(path: ByteString, numbers: Float64Array, at: number): void {
  try {
    const { mode, size, mtimeMs, dev, ino, rdev } = lstatSync(toFsPath(path));
    numbers[at + 1] = size;
    numbers[at + 2] = mtimeMs;
    numbers[at + 3] = dev;
    numbers[at + 4] = ino;
    numbers[at + 5] = rdev;
    numbers[at] = mode;
  } catch {
    // Whoever wants to know why looks again.
    numbers[at] = 0;
  }
}
