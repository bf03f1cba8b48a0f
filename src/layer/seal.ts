import type { BlockCompressor, GzipCodec } from '../compress/index.js';
import { createBlockCompressor } from '../compress/index.js';
import type { Digest, HashEngine } from '../digest/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import { type ChunkSink, type PackOptions, packEntries } from './pack.js';

/** A frozen codec at one level. */
export interface LayerCompression {
  readonly codec: GzipCodec;
  readonly level: number;
}

export interface SealOptions extends PackOptions {
  readonly engine: HashEngine;
  /** `undefined` leaves the tar as it is. */
  readonly compression?: LayerCompression | undefined;
}

/** A finished layer: what its descriptor and the config say of it. */
export interface SealedLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  readonly tarSizeBytes: number;
  /** Digest and size of the blob as it is stored; equal to those of the tar where it is not compressed. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly members: number;
}

/**
 * Packs entries, hashes the tar, compresses it and hashes that, in one pass: every input byte is read once.
 *
 * @param sink takes the blob; `undefined` when only the digests are wanted
 * @throws as `packEntries`
 */
export async function sealLayer(
  entries: Iterable<ArchiveEntry>,
  sink: ChunkSink | undefined,
  options: SealOptions,
): Promise<SealedLayer> {
  const tarHash = options.engine.createSha256();
  const { compression } = options;
  if (compression === undefined) {
    const { members, sizeBytes } = await packEntries(
      entries,
      (chunk) => {
        tarHash.update(chunk);
        return sink?.(chunk);
      },
      options,
    );
    const digest = tarHash.digest();
    return { diffId: digest, tarSizeBytes: sizeBytes, digest, sizeBytes, members };
  }

  const blob = new CompressedBlob(createBlockCompressor(compression.codec, compression.level), sink, options.engine);
  const { members, sizeBytes: tarSizeBytes } = await packEntries(
    entries,
    (chunk) => {
      tarHash.update(chunk);
      return blob.push(chunk);
    },
    options,
  );
  return { diffId: tarHash.digest(), tarSizeBytes, ...(await blob.finish()), members };
}

/** Compresses a stream of chunks, hashes the result and passes it on. */
export class CompressedBlob {
  readonly #compressor: BlockCompressor;
  readonly #sink: ChunkSink | undefined;
  readonly #hash: ReturnType<HashEngine['createSha256']>;
  #sizeBytes = 0;

  constructor(compressor: BlockCompressor, sink: ChunkSink | undefined, engine: HashEngine) {
    this.#compressor = compressor;
    this.#sink = sink;
    this.#hash = engine.createSha256();
  }

  async push(chunk: Uint8Array): Promise<void> {
    for (const part of this.#compressor.push(chunk)) await this.#pass(part);
  }

  async finish(): Promise<{ digest: Digest; sizeBytes: number }> {
    for (const part of this.#compressor.finish()) await this.#pass(part);
    return { digest: this.#hash.digest(), sizeBytes: this.#sizeBytes };
  }

  async #pass(part: Uint8Array): Promise<void> {
    this.#hash.update(part);
    this.#sizeBytes += part.length;
    await this.#sink?.(part);
  }
}
