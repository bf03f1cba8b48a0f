import { checkLevel } from '../compress/index.js';
import type { HashEngine } from '../digest/index.js';
import type { Piece } from './content.js';
import { beginSealing, type SealedLayer, type Sealing, type SealRequest } from './sealing.js';
import { type CrewOptions, type SlabCrew, startCrew, workersFor } from './slab-crew.js';

export interface SealerOptions extends CrewOptions {
  readonly engine: HashEngine;
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

/** A layer in the queue and who waits for it. */
interface Waiting {
  readonly sealing: Sealing;
  readonly resolve: (sealed: SealedLayer) => void;
  readonly reject: (error: unknown) => void;
}

/** A slab on its way. */
interface Begun {
  readonly owner: Waiting;
  readonly sizeBytes: number;
  readonly isLast: boolean;
}

/** @throws {CompressError} COMPRESS_LEVEL_RANGE */
export function createSealer(options: SealerOptions): Sealer {
  const { engine, compression } = options;
  if (compression !== undefined) checkLevel(compression.codec, compression.level);
  let crew: SlabCrew | undefined;
  let workBytes = 0;
  const queue: Waiting[] = [];
  let isRunning = false;
  /** Set by the first error, after which nothing is sealed any more. */
  let broken: { readonly error: unknown } | undefined;

  /** Never fails; whoever finds that it is running may count on being served. */
  async function run(): Promise<void> {
    // Layers asked for in one breath are queued before the first of them is begun.
    await undefined;
    while (queue.length > 0) {
      try {
        // Between runs no slab is on its way: workers can come in as soon as there is work for them.
        if (crew === undefined || (crew.workers === 0 && workersFor(options, workBytes) > 0))
          crew = startCrew(options, workBytes);
        await sealQueue(crew);
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
  async function sealQueue(crew: SlabCrew): Promise<void> {
    const begun: Begun[] = [];
    let planned = 0;
    let taken = 0;
    const unfinished = new Set<Waiting>();
    /** The layer that is being laid out. */
    let current: Waiting | undefined;

    const begin = (owner: Waiting): void => {
      const slot = planned % crew.slots;
      const slab = crew.slab(slot);
      const pieces: Piece[] = [];
      const { sizeBytes, region } = owner.sealing.layOut(slab, pieces);
      const isLast = sizeBytes < slab.length;
      begun[slot] = { owner, sizeBytes, isLast };
      planned++;
      crew.begin(slot, { sizeBytes, pieces, region, level: compression?.level });
      if (isLast) current = undefined;
    };

    const take = async (slot: number): Promise<void> => {
      const { owner, sizeBytes, isLast } = begun[slot]!;
      const { sealing } = owner;
      let block: Uint8Array | undefined;
      try {
        block = await crew.settle(slot);
      } catch (error) {
        throw sealing.failed(error);
      }
      const passed = sealing.take(crew.slab(slot).subarray(0, sizeBytes), block);
      if (passed !== undefined) await passed;
      crew.release(slot);
      taken++;
      if (!isLast) return;
      unfinished.delete(owner);
      owner.resolve(sealing.finish());
      // Whoever waits for this layer has a chance to act on it before the next one's first bytes come.
      await undefined;
    };

    try {
      for (;;) {
        if (current === undefined) {
          current = queue.shift();
          if (current !== undefined) unfinished.add(current);
        }
        // First what gives others work, then what only this thread can do.
        if (current !== undefined && planned - taken < crew.slots) begin(current);
        else if (planned > taken) await take(taken % crew.slots);
        else return;
      }
    } catch (error) {
      await crew.retreat();
      breakOff(error, [...unfinished, ...queue]);
    }
  }

  return {
    seal(request) {
      return new Promise((resolve, reject) => {
        if (broken !== undefined) throw broken.error;
        const sealing = beginSealing(request, engine, compression !== undefined);
        workBytes += request.tarSizeBytes;
        queue.push({ sealing, resolve, reject });
        if (isRunning) return;
        isRunning = true;
        void run();
      });
    },
    close() {
      broken ??= { error: new Error('Cannot seal: the sealer is closed') };
      crew?.close();
    },
  };
}
