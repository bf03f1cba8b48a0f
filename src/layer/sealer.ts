import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkLevel, type GzipCodec } from '../compress/index.js';
import type { HashEngine } from '../digest/index.js';
import type { Piece } from './content.js';
import { throwIfAborted } from './layer-error.js';
import { regionOf } from './output.js';
import { beginSealing, type SealedLayer, type Sealing, type SealRequest } from './sealing.js';
import { compressedBound, OutputFailure, runJob, type SlabJob } from './slab-job.js';
import {
  allocateRing,
  CLAIMED,
  FAILED,
  FILLED,
  FREE,
  openRing,
  PLANNED,
  type RingMemory,
  type SlabRing,
} from './slab-ring.js';
import { canShareMemory, startWorkers, type WorkerPool } from './worker-pool.js';

/** A frozen codec at one level. */
export interface LayerCompression {
  readonly codec: GzipCodec;
  readonly level: number;
}

export interface SealerOptions {
  readonly engine: HashEngine;
  /** Of every layer; `undefined` leaves the tars as they are. */
  readonly compression?: LayerCompression | undefined;
  /** The most threads, this one included; 1, the default, starts none. Never changes a byte. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The program of workers, where it is not this package's. */
  readonly workerUrl?: URL | undefined;
}

export interface Sealer {
  /**
   * Packs entries, hashes the tar, compresses it and hashes that, in one pass: every input byte is read once. May be
   * called again before the promise is settled: layers are sealed in the order of the calls, the next one begun while
   * the last one's slabs are still on their way.
   *
   * @throws {LayerError} SOURCE_CHANGED, READ_FAILED, ABORTED, WORKER_FAILED; {TarError} as `planMember`; what the output
   *   throws. When one layer fails, so do all that are to come; nothing is written any more once the promise is settled
   */
  seal(request: SealRequest): Promise<SealedLayer>;
  /** Ends the workers, when every layer is settled. */
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
/** Slabs for each thread, so that none waits for another that is a few slabs behind, and in all. */
const SLABS_PER_THREAD = 6;
const MAX_SLABS = 48;

/** A layer in the queue and who waits for it. */
interface Waiting {
  readonly sealing: Sealing;
  readonly resolve: (sealed: SealedLayer) => void;
  readonly reject: (error: unknown) => void;
}

/** What this thread knows of a slab on its way. */
interface Slab {
  readonly owner: Waiting;
  readonly job: SlabJob;
  readonly isLast: boolean;
  failure: unknown;
}

/** @throws {CompressError} COMPRESS_LEVEL_RANGE */
export function createSealer(options: SealerOptions): Sealer {
  const { engine, compression, signal, jobs = 1 } = options;
  if (compression !== undefined) checkLevel(compression.codec, compression.level);
  const slabSize = compression?.codec.blockSizeBytes ?? SLAB_SIZE;
  const resultSize = compression === undefined ? 0 : compressedBound(slabSize);
  const workerBytes = compression === undefined ? WORKER_BYTES : WORKER_BYTES_COMPRESSED;
  const allocate = (slots: number, shared: boolean): RingMemory => allocateRing(slots, slabSize, resultSize, shared);

  let ring: SlabRing | undefined;
  let pool: WorkerPool | undefined;
  let work = 0;
  const queue: Waiting[] = [];
  let isRunning = false;
  /** Set by the first error, after which nothing is sealed any more. */
  let broken: { readonly error: unknown } | undefined;

  /** Starts workers as soon as there is work for them; between runs, when no slab is on its way. */
  async function prepare(): Promise<SlabRing> {
    const workers = Math.min(jobs - 1, Math.floor(work / workerBytes));
    if (pool === undefined && workers > 0 && canShareMemory()) {
      const memory = allocate(Math.min(SLABS_PER_THREAD * (workers + 1), MAX_SLABS), true);
      const url = options.workerUrl ?? new URL('./slab-worker.js', import.meta.url);
      const shared = openRing(memory);
      pool = await startWorkers(memory, shared, workers, compression?.codec.name, url);
      if (pool !== undefined) ring = shared;
    }
    ring ??= openRing(allocate(1, false));
    return ring;
  }

  /** Never fails; whoever finds that it is running may count on being served. */
  async function run(): Promise<void> {
    // Layers asked for in one breath are queued before the first of them is begun.
    await undefined;
    while (queue.length > 0) {
      try {
        await sealQueue(await prepare());
      } catch (error) {
        breakOff(error, queue);
      }
    }
    isRunning = false;
  }

  function breakOff(error: unknown, layers: Iterable<Waiting>): void {
    broken ??= { error };
    for (const { reject } of layers) reject(error);
    queue.length = 0;
  }

  /** Seals what is queued; every promise is settled at the end, and no slab is on its way. */
  async function sealQueue(ring: SlabRing): Promise<void> {
    const slabs: (Slab | undefined)[] = [];
    let planned = 0;
    let taken = 0;
    ring.setOldest(0);
    let unturnedBytes = 0;
    /** The layer that is being laid out. */
    let layingOut = queue.shift();
    const unfinished = new Set<Waiting>();

    const turn = async (): Promise<void> => {
      unturnedBytes = 0;
      await nextTurn();
    };

    const planNext = (owner: Waiting): void => {
      const slot = planned % ring.slots;
      const pieces: Piece[] = [];
      unfinished.add(owner);
      const job = { ...owner.sealing.layOut(ring.slab(slot), pieces), pieces, level: compression?.level };
      const { sizeBytes } = job;
      const isLast = sizeBytes < ring.slabSizeBytes;
      slabs[slot] = { owner, job, isLast, failure: undefined };
      planned++;
      if (isLast) layingOut = queue.shift();
      // An archive that ends where a slab does has an empty one after it, in which there is nothing to do.
      if (sizeBytes === 0) ring.setState(slot, FILLED);
      else if (pool === undefined || !ring.putJob(slot, job)) fill(slot);
      else ring.setState(slot, PLANNED);
    };

    /** Does a slab's work on this thread. Its error is thrown when its turn comes, as that of any other thread's is. */
    const fill = (slot: number): void => {
      const slab = slabs[slot]!;
      try {
        ring.setResultLength(slot, runJob(slab.job, ring.slab(slot), ring.result(slot), compression?.codec));
        ring.setState(slot, FILLED);
      } catch (error) {
        slab.failure = error;
        ring.setState(slot, FAILED);
      }
      unturnedBytes += compression === undefined ? 0 : TURN_BYTES;
    };

    const takeOldest = async (slot: number): Promise<void> => {
      const { owner, job, isLast } = slabs[slot]!;
      const { sealing } = owner;
      if (job.sizeBytes > 0) {
        const block = job.level === undefined ? undefined : ring.result(slot).subarray(0, ring.resultLength(slot));
        const passed = sealing.take(ring.slab(slot).subarray(0, job.sizeBytes), block);
        if (passed !== undefined) await passed;
      }
      slabs[slot] = undefined;
      taken++;
      ring.setOldest(taken % ring.slots);
      ring.setState(slot, FREE);
      unturnedBytes += job.sizeBytes;
      if (!isLast) return;
      unfinished.delete(owner);
      owner.resolve(sealing.finish());
      // Whoever waits for this layer has a chance to act on it before the next one's first bytes come.
      await undefined;
    };

    const failureOf = async (slot: number): Promise<unknown> => {
      const { owner, failure } = slabs[slot]!;
      let error = failure;
      while (error === undefined) {
        error = pool?.takeFailure(slot) ?? pool?.died();
        if (error === undefined) await turn();
      }
      const region = regionOf(owner.sealing.request.output);
      return error instanceof OutputFailure && region !== undefined ? region.failed(error.cause) : error;
    };

    try {
      for (;;) {
        const seen = ring.doneCount();
        throwIfAborted(signal);
        if (unturnedBytes >= TURN_BYTES) {
          await turn();
          throwIfAborted(signal);
        }
        const died = pool?.died();
        if (died !== undefined) throw died;

        // First what gives others work, then what only this thread can do, then what anybody could.
        layingOut ??= queue.shift();
        if (layingOut !== undefined && planned - taken < ring.slots) {
          planNext(layingOut);
          continue;
        }
        if (planned === taken) return;
        const oldest = taken % ring.slots;
        const state = ring.state(oldest);
        if (state === FILLED) {
          await takeOldest(oldest);
          continue;
        }
        if (state === FAILED) throw await failureOf(oldest);
        const claimed = ring.claim(0);
        if (claimed >= 0) fill(claimed);
        else {
          ring.waitForDone(seen, WAIT_MS);
          unturnedBytes += WAIT_BYTES;
        }
      }
    } catch (error) {
      await retreat(ring, turn);
      breakOff(error, [...unfinished, ...(layingOut === undefined ? [] : [layingOut]), ...queue]);
    }
  }

  /** Takes back what nobody has claimed, and waits for what somebody has: no thread may touch an output any more. */
  async function retreat(ring: SlabRing, turn: () => Promise<void>): Promise<void> {
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
  }

  return {
    seal(request) {
      return new Promise((resolve, reject) => {
        if (broken !== undefined) throw broken.error;
        const sealing = beginSealing(request, engine, compression !== undefined);
        work += request.tarSizeBytes;
        queue.push({ sealing, resolve, reject });
        if (isRunning) return;
        isRunning = true;
        void run();
      });
    },
    close() {
      broken ??= { error: new Error('Cannot seal: the sealer is closed') };
      ring?.stop();
    },
  };
}
