import { type ByteString, READ_OFFSET } from '../bytes/index.js';
import type { Piece } from './content.js';
import { takeSharedMemory } from './shared-memory.js';
import type { SlabJob } from './slab-job.js';

/**
 * A ring of slabs in memory that threads share. No byte of a slab goes from thread to thread by a copy; what goes is who
 * owns it, and its slot's state says who that is:
 *
 *     free ──planner──> planned ──claim──> claimed by a thread ──> filled ──planner──> free
 *                                                             └──> failed
 *
 * The planner (the thread that made the ring) owns slabs that are free, filled or failed: it lays them out and takes
 * them in order, hashes them and passes them on. A planned one is nobody's: the thread whose compare-and-exchange takes
 * it fills it.
 *
 * Workers sleep until something is planned, the planner until something is done. Each of these events is a count that
 * goes up after the state has changed, before a sleeper is woken; who reads the count first and looks at states after
 * that, and then sleeps only while the count is still the same, sleeps through nothing.
 */
export interface RingMemory {
  readonly slots: number;
  readonly slabSizeBytes: number;
  /** Room for a slab's compressed block; 0 where nothing is compressed. */
  readonly resultSizeBytes: number;
  /** The control words, then the state of each slot. */
  readonly control: ArrayBufferLike;
  readonly slabs: ArrayBufferLike;
  readonly results: ArrayBufferLike;
  /** Each slot's job: its numbers, and the paths of its pieces. */
  readonly numbers: ArrayBufferLike;
  readonly paths: ArrayBufferLike;
}

export const FREE = 0;
export const PLANNED = 1;
export const FILLED = 2;
export const FAILED = 3;
/** Claimed by thread 0, which is the planner; by thread n it is n more. */
export const CLAIMED = 4;

const WORK = 0;
const DONE = 1;
const OLDEST = 2;
const STOPPED = 3;
const WRITING = 4;
const STATES = 5;

/** How long a thread waits for another one's write before it writes all the same. */
const WRITE_WAIT_MS = 20;

const JOB_NUMBERS = 6;
const PIECE_NUMBERS = 5;
/** Room for the paths of a slab's pieces, in bytes; a slab whose paths need more is filled by the planner. */
const PATHS_SIZE = 128 << 10;

export interface SlabRing extends RingMemory {
  /** How often something was planned, or the ring stopped; to be read before states are. */
  workCount(): number;
  /** Sleeps until the count is not `seen` any more. */
  waitForWork(seen: number): void;
  /** How often something was filled or failed; to be read before states are. */
  doneCount(): number;
  /** Sleeps until the count is not `seen` any more, or `timeoutMs` have passed. */
  waitForDone(seen: number, timeoutMs: number): void;
  state(slot: number): number;
  setState(slot: number, state: number): void;
  /** Takes the oldest planned slab for a thread; -1 when there is none. */
  claim(thread: number): number;
  /** Tells the claimers which slot to look at first. */
  setOldest(slot: number): void;
  /**
   * Writes when no other thread does: systems let one thread at a time write to a file, and those that wait for it spin,
   * which took two thirds of the processor time of large files. No more than that depends on it.
   */
  writeAlone(write: () => void): void;
  stop(): void;
  isStopped(): boolean;
  slab(slot: number): Uint8Array;
  /** Where the compressed block goes. */
  result(slot: number): Uint8Array;
  resultLength(slot: number): number;
  setResultLength(slot: number, sizeBytes: number): void;
  /** Describes a job for other threads. @returns false when there is no room: then only this thread can do it */
  putJob(slot: number, job: SlabJob): boolean;
  getJob(slot: number): SlabJob;
}

/** @param shared whether other threads will use it */
export function allocateRing(
  slots: number,
  slabSizeBytes: number,
  resultSizeBytes: number,
  shared: boolean,
): RingMemory {
  const allocate = (size: number): ArrayBufferLike => (shared ? takeSharedMemory(size) : new ArrayBuffer(size));
  return {
    slots,
    slabSizeBytes,
    resultSizeBytes,
    // By itself and new: it says that nothing is planned.
    control: shared ? new SharedArrayBuffer(4 * (STATES + slots)) : new ArrayBuffer(4 * (STATES + slots)),
    slabs: allocate(READ_OFFSET + slots * slabSizeBytes),
    results: allocate(slots * resultSizeBytes),
    numbers: allocate(slots * numbersPerSlot(slabSizeBytes) * 8),
    paths: allocate(shared ? slots * PATHS_SIZE : 0),
  };
}

/** A header is a block, and so pieces are no more than blocks, but for the first. */
function maxPieces(slabSizeBytes: number): number {
  return slabSizeBytes / 512 + 1;
}

function numbersPerSlot(slabSizeBytes: number): number {
  return JOB_NUMBERS + PIECE_NUMBERS * maxPieces(slabSizeBytes);
}

/** The ring in some memory, on any thread. */
export function openRing(memory: RingMemory): SlabRing {
  const { slots, slabSizeBytes, resultSizeBytes } = memory;
  const control = new Int32Array(memory.control);
  const perSlot = numbersPerSlot(slabSizeBytes);
  const numbersOf = parts(slots, (slot) => new Float64Array(memory.numbers, slot * perSlot * 8, perSlot));
  const slabOf = parts(
    slots,
    (slot) => new Uint8Array(memory.slabs, READ_OFFSET + slot * slabSizeBytes, slabSizeBytes),
  );
  const resultOf = parts(slots, (slot) => new Uint8Array(memory.results, slot * resultSizeBytes, resultSizeBytes));
  const paths = Buffer.from(memory.paths);

  const wake = (event: typeof WORK | typeof DONE, sleepers?: number): void => {
    Atomics.add(control, event, 1);
    Atomics.notify(control, event, sleepers);
  };
  return {
    ...memory,
    workCount: () => Atomics.load(control, WORK),
    waitForWork: (seen) => void Atomics.wait(control, WORK, seen),
    doneCount: () => Atomics.load(control, DONE),
    waitForDone: (seen, timeoutMs) => void Atomics.wait(control, DONE, seen, timeoutMs),
    state: (slot) => Atomics.load(control, STATES + slot),
    setState(slot, state) {
      Atomics.store(control, STATES + slot, state);
      // A slab is one thread's work: one is enough to wake, and whoever is awake looks again before sleeping.
      if (state === PLANNED) wake(WORK, 1);
      else if (state !== FREE) wake(DONE);
    },
    claim(thread) {
      const oldest = Atomics.load(control, OLDEST);
      for (let i = 0; i < slots; i++) {
        const slot = (oldest + i) % slots;
        if (Atomics.compareExchange(control, STATES + slot, PLANNED, CLAIMED + thread) === PLANNED) return slot;
      }
      return -1;
    },
    setOldest: (slot) => void Atomics.store(control, OLDEST, slot),
    writeAlone(write) {
      const enter = (): boolean => Atomics.compareExchange(control, WRITING, 0, 1) === 0;
      let entered = enter();
      if (!entered) {
        Atomics.wait(control, WRITING, 1, WRITE_WAIT_MS);
        entered = enter();
      }
      try {
        write();
      } finally {
        if (entered) {
          Atomics.store(control, WRITING, 0);
          Atomics.notify(control, WRITING, 1);
        }
      }
    },
    stop() {
      Atomics.store(control, STOPPED, 1);
      wake(WORK);
    },
    isStopped: () => Atomics.load(control, STOPPED) === 1,
    slab: (slot) => slabOf[slot]!,
    result: (slot) => resultOf[slot]!,
    resultLength: (slot) => numbersOf[slot]![5]!,
    setResultLength(slot, sizeBytes) {
      numbersOf[slot]![5] = sizeBytes;
    },
    putJob(slot, { sizeBytes, pieces, region, level }) {
      const text = pieces.map(({ source: { directory, name } }) => `${directory}\0${name}`).join('\0');
      if (text.length > PATHS_SIZE || pieces.length > maxPieces(slabSizeBytes)) return false;
      paths.write(text, slot * PATHS_SIZE, 'latin1');
      const numbers = numbersOf[slot]!;
      numbers.set([sizeBytes, pieces.length, region?.fd ?? -1, region?.position ?? 0, level ?? -1, text.length]);
      let at = JOB_NUMBERS;
      for (const piece of pieces) {
        numbers[at] = piece.fileSizeBytes;
        numbers[at + 1] = piece.source.mtimeMs;
        numbers[at + 2] = piece.position;
        numbers[at + 3] = piece.offset;
        numbers[at + 4] = piece.sizeBytes;
        at += PIECE_NUMBERS;
      }
      return true;
    },
    getJob(slot) {
      const numbers = numbersOf[slot]!;
      const [sizeBytes, count, fd, position, level, textLength] = numbers as unknown as [
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const start = slot * PATHS_SIZE;
      const names = count === 0 ? [] : paths.toString('latin1', start, start + textLength).split('\0');
      const pieces = parts(count, (index): Piece => {
        const at = JOB_NUMBERS + PIECE_NUMBERS * index;
        const [directory, name] = [names[2 * index] as ByteString, names[2 * index + 1] as ByteString];
        return {
          source: { from: 'file', directory, name, mtimeMs: numbers[at + 1]! },
          fileSizeBytes: numbers[at]!,
          position: numbers[at + 2]!,
          offset: numbers[at + 3]!,
          sizeBytes: numbers[at + 4]!,
        };
      });
      return {
        sizeBytes,
        pieces,
        region: fd < 0 ? undefined : { fd, position },
        level: level < 0 ? undefined : level,
      };
    },
  };
}

function parts<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
