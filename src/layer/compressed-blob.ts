import { createBlockCompressor } from '../compress/index.js';
import type { Digest, HashEngine } from '../digest/index.js';
import type { ChunkSink } from './output.js';
import type { LayerCompression } from './sealer.js';

/** A stream of chunks that is compressed, hashed and passed on. */
export interface CompressedBlob {
  push(chunk: Uint8Array): Promise<void>;
  finish(): Promise<{ digest: Digest; sizeBytes: number }>;
}

/** @throws {CompressError} COMPRESS_LEVEL_RANGE */
export function compressBlob({ codec, level }: LayerCompression, sink: ChunkSink, engine: HashEngine): CompressedBlob {
  const compressor = createBlockCompressor(codec, level);
  const hash = engine.createSha256();
  let sizeBytes = 0;
  const pass = async (parts: readonly Uint8Array[]): Promise<void> => {
    for (const part of parts) {
      hash.update(part);
      sizeBytes += part.length;
      await sink(part);
    }
  };
  return {
    push: (chunk) => pass(compressor.push(chunk)),
    async finish() {
      await pass(compressor.finish());
      return { digest: hash.digest(), sizeBytes };
    },
  };
}
