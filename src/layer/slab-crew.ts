import type { GzipCodec } from '../compress/index.js';
import { throwIfAborted } from './layer-error.js';
import { nextTurn } from './next-turn.js';
import { leaveSharedMemory } from './shared-memory.js';
import { compressedBound, runJob, type SlabJob } from './slab-job.js';
import { allocateRing, CLAIMED, FAILED, FILLED, FREE, openRing, PLANNED, type SlabRing } from './slab-ring.js';
import { canShareMemory, startWorkers, type WorkerPool } from './worker-pool.js';
import type { WorkerStart } from './worker-protocol.js';

/** A frozen codec at one level. */
export interface LayerCompression {
  readonly codec: GzipCodec;
  readonly level: number;
}

export interface CrewOptions {
  /** Of every slab; `undefined` leaves them as they are. */
  readonly compression?: LayerCompression | undefined;
  /** The most threads, this one included; 1, the default, starts none. Never changes a byte. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The program of workers, where it is not this package's. */
  readonly workerUrl?: URL | undefined;
}

/**
 * Threads that do the work of slabs: this one and workers. Slabs are begun and released in a ring's order; whatever is
 * begun is done by whoever has time, this thread while it waits.
 */
export interface SlabCrew {
  /** Slabs that can be on their way at once. */
  readonly slots: number;
  readonly workers: number;
  /** The bytes of a slab that is free, or settled and not yet released. */
  slab(slot: number): Uint8Array;
  /** Gives a slab's work to whoever takes it; without workers it is done at once. */
  begin(slot: number, job: SlabJob): void;
  /**
   * Waits until a slab's work is done, and does what work there is meanwhile.
   *
   * @returns its compressed block, which is valid until the slab is released
   * @throws what its work throws; {LayerError} ABORTED, WORKER_FAILED
   */
  settle(slot: number): Promise<Uint8Array | undefined>;
  /** The oldest slab is free again. */
  release(slot: number): void;
  /** Gives up all work: once it has returned, no thread touches an output any more. */
  retreat(): Promise<void>;
  /** Ends the workers. */
  close(): void;
}

/** Large enough that a system call's cost vanishes, small enough for the processor's cache. */
const SLAB_SIZE = 512 << 10;
/** After so many bytes the event loop has a turn, in which signals, reports of failures and ends of workers arrive. */
const TURN_BYTES = 8 << 20;
/** The longest that this thread sleeps when it has nothing to do but wait for others, and what that counts as. */
const WAIT_MS = 20;
const WAIT_BYTES = TURN_BYTES / 4;
/**
 * Work in bytes that is worth one worker: to start one costs some 30 ms of processor time, as much as packing and
 * hashing so many bytes of small files, or compressing so many.
 */
const WORKER_BYTES = 24 << 20;
const WORKER_BYTES_COMPRESSED = 3 << 20;
/**
 * Slabs for each thread, so that none waits for another that is a few slabs behind, and in all. Compressed ones are
 * larger, and take so long that fewer do.
 */
const SLABS_PER_THREAD = 6;
const SLABS_PER_THREAD_COMPRESSED = 3;
const MAX_SLABS = 48;

/** Where nothing is compressed, a few workers have all that one thread can lay out and hash. */
const MAX_FILLERS = 4;

function maxWorkers({ jobs = 1, compression }: CrewOptions): number {
  return canShareMemory() ? Math.min(jobs - 1, compression === undefined ? MAX_FILLERS : Infinity) : 0;
}

/** Work in bytes that is worth one worker: no less is ever given to any. */
function workerBytes({ compression }: CrewOptions): number {
  return compression === undefined ? WORKER_BYTES : WORKER_BYTES_COMPRESSED;
}

/** Workers that are worth starting for so much work. */
export function workersFor(options: CrewOptions, workBytes: number): number {
  return Math.min(maxWorkers(options), Math.floor(workBytes / workerBytes(options)));
}

/** Work in bytes from which on more of it brings no more workers. */
export function enoughWork(options: CrewOptions): number {
  return Math.max(maxWorkers(options), 1) * workerBytes(options);
}

/** @param workBytes by which the number of workers is decided */
export function startCrew(options: CrewOptions, workBytes: number): SlabCrew {
  const { compression, signal } = options;
  const codec = compression?.codec;
  const slabSize = codec?.blockSizeBytes ?? SLAB_SIZE;
  const resultSize = codec === undefined ? 0 : compressedBound(slabSize);
  const workers = workersFor(options, workBytes);
  let ring: SlabRing | undefined;
  let pool: WorkerPool | undefined;
  if (workers > 0) {
    const perThread = codec === undefined ? SLABS_PER_THREAD : SLABS_PER_THREAD_COMPRESSED;
    const memory = allocateRing(Math.min(perThread * (workers + 1), MAX_SLABS), slabSize, resultSize, true);
    const url = options.workerUrl ?? new URL('./slab-worker.js', import.meta.url);
    ring = openRing(memory);
    const dataOf = (thread: number): WorkerStart => ({ ring: memory, thread, codec: codec?.name });
    pool = startWorkers(workers, url, dataOf, ring.isStopped);
  }
  if (ring === undefined || pool === undefined) ring = openRing(allocateRing(1, slabSize, resultSize, false));
  return crewOf(ring, pool, codec, signal);
}

function crewOf(
  ring: SlabRing,
  pool: WorkerPool | undefined,
  codec: GzipCodec | undefined,
  signal: AbortSignal | undefined,
): SlabCrew {
  const jobs: (SlabJob | undefined)[] = [];
  const failures = new Map<number, unknown>();
  let unturnedBytes = 0;

  const turn = async (): Promise<void> => {
    unturnedBytes = 0;
    await nextTurn();
  };

  /** Does a slab's work on this thread. Its error is thrown when its turn comes, as that of any other thread's is. */
  const fill = (slot: number): void => {
    const job = jobs[slot]!;
    try {
      ring.setResultLength(slot, runJob(job, ring.slab(slot), ring.result(slot), codec, ring.writeAlone));
      ring.setState(slot, FILLED);
    } catch (error) {
      failures.set(slot, error);
      ring.setState(slot, FAILED);
    }
    if (job.level !== undefined) unturnedBytes += TURN_BYTES;
  };

  const failureOf = async (slot: number): Promise<unknown> => {
    for (;;) {
      const error = failures.get(slot) ?? pool?.failureOf(slot) ?? pool?.died();
      if (error !== undefined) return error;
      await turn();
    }
  };

  return {
    slots: ring.slots,
    workers: pool?.size ?? 0,
    slab: ring.slab,
    begin(slot, job) {
      jobs[slot] = job;
      if (job.sizeBytes === 0) ring.setState(slot, FILLED);
      else if (pool === undefined || !ring.putJob(slot, job)) fill(slot);
      else ring.setState(slot, PLANNED);
    },
    async settle(slot) {
      for (;;) {
        const seen = ring.doneCount();
        throwIfAborted(signal);
        if (unturnedBytes >= TURN_BYTES) {
          await turn();
          throwIfAborted(signal);
        }
        const died = pool?.died();
        if (died !== undefined) throw died;

        const state = ring.state(slot);
        if (state === FILLED) {
          const { level, sizeBytes } = jobs[slot]!;
          return level === undefined || sizeBytes === 0
            ? undefined
            : ring.result(slot).subarray(0, ring.resultLength(slot));
        }
        if (state === FAILED) throw await failureOf(slot);
        const claimed = ring.claim(0);
        if (claimed >= 0) fill(claimed);
        else {
          ring.waitForDone(seen, WAIT_MS);
          unturnedBytes += WAIT_BYTES;
        }
      }
    },
    release(slot) {
      unturnedBytes += jobs[slot]!.sizeBytes;
      jobs[slot] = undefined;
      ring.setState(slot, FREE);
      ring.setOldest((slot + 1) % ring.slots);
    },
    async retreat() {
      while (ring.claim(0) >= 0);
      for (let slot = 0; slot < ring.slots; slot++) {
        for (;;) {
          const seen = ring.doneCount();
          const thread = ring.state(slot) - CLAIMED;
          if (thread <= 0 || pool?.isAlive(thread) === false) break;
          ring.waitForDone(seen, WAIT_MS);
          await turn();
        }
      }
    },
    close() {
      if (ring.isStopped()) return;
      ring.stop();
      // What nobody has claimed nobody will claim: threads that are not stopped yet have no slab to touch.
      while (ring.claim(0) >= 0);
      const leave = (): void => leaveSharedMemory(ring.slabs, ring.results, ring.numbers, ring.paths);
      const isClaimed = Array.from({ length: ring.slots }, (_, slot) => ring.state(slot) > CLAIMED).includes(true);
      // A write that was given up may still be reading it.
      if (signal?.aborted) return;
      if (isClaimed) void pool?.ended.then(leave);
      else leave();
    },
  };
}
