import { checkLevel } from '../compress/index.js';
import type { Digest, HashEngine } from '../digest/index.js';
import type { ChunkSink } from './output.js';
import { type CrewOptions, type LayerCompression, startCrew } from './slab-crew.js';

export interface BlobOptions extends CrewOptions {
  readonly compression: LayerCompression;
  readonly engine: HashEngine;
}

/** A stream of chunks that is compressed, hashed and passed on. */
export interface CompressedBlob {
  /** Takes the next bytes, which the caller may reuse once the promise is settled. */
  push(chunk: Uint8Array): Promise<void>;
  finish(): Promise<{ digest: Digest; sizeBytes: number }>;
  /** Ends the workers; nothing else is called after it. */
  close(): void;
}

/**
 * @param workBytes that will come, about; by which the number of workers is decided
 * @param sink takes the compressed stream in order
 * @throws {CompressError} COMPRESS_LEVEL_RANGE; its methods {LayerError} ABORTED, WORKER_FAILED and what the sink throws
 */
export async function compressBlob(options: BlobOptions, workBytes: number, sink: ChunkSink): Promise<CompressedBlob> {
  const { codec, level } = options.compression;
  checkLevel(codec, level);
  const crew = startCrew(options, workBytes);
  const hash = options.engine.createSha256();
  let sizeBytes = 0;
  let begun = 0;
  let taken = 0;
  /** Bytes in the slab that is gathered. */
  let used = 0;

  const pass = async (block: Uint8Array): Promise<void> => {
    hash.update(block);
    sizeBytes += block.length;
    await sink(block);
  };
  const begin = (): void => {
    crew.begin(begun % crew.slots, { sizeBytes: used, pieces: [], region: undefined, level });
    begun++;
    used = 0;
  };
  const take = async (): Promise<void> => {
    const slot = taken % crew.slots;
    await pass((await crew.settle(slot))!);
    crew.release(slot);
    taken++;
  };

  return {
    async push(chunk) {
      let position = 0;
      while (position < chunk.length) {
        if (begun - taken === crew.slots) await take();
        const slab = crew.slab(begun % crew.slots);
        const part = chunk.subarray(position, position + slab.length - used);
        slab.set(part, used);
        used += part.length;
        position += part.length;
        if (used === slab.length) begin();
      }
    },
    async finish() {
      if (used > 0) begin();
      // A stream of no bytes is one empty member, for no bytes at all are no gzip file.
      else if (begun === 0) await pass(codec.compressBlock(new Uint8Array(0), level));
      while (taken < begun) await take();
      return { digest: hash.digest(), sizeBytes };
    },
    close: crew.close,
  };
}
