import type { ChunkSink, FileRegion, SealedLayer, StreamOutput } from '../layer/index.js';
import { TransportError } from './transport-error.js';

/** A layer that is planned and can be sealed, more than once where it must be. */
export interface LayerSource {
  /** Exact size of the uncompressed tar in bytes, known before it is sealed. */
  readonly tarSizeBytes: number;
  readonly compressed: boolean;
  /**
   * Exact size of the blob as it is stored, where that is known although it is compressed: a layer of a base image,
   * which is copied and not made.
   */
  readonly storedSizeBytes?: number;
  /**
   * Reads, packs and hashes the layer; every call gives the same bytes as long as the sources do not change. Without an
   * output a layer whose digests are known need not be read. Several layers may be asked for at once, in their order:
   * those that take a sink are passed to it in that order.
   */
  seal(output: StreamOutput): Promise<SealedLayer>;
}

/** Layers of which nobody knows how long they become, not compressed, that are sealed together. */
export interface LayerSequence {
  /** How many. */
  readonly layers: number;
  /**
   * Reads, packs and hashes them, one behind the other.
   *
   * @param output of the first layer
   * @param room `gapBytes` from the end of a layer to the beginning of the next; `mostBytes` of each, above which it throws
   */
  seal(
    output: FileRegion,
    room: { readonly gapBytes: number; readonly mostBytes: number },
  ): Promise<readonly SealedLayer[]>;
}

/**
 * Waits for layers that were asked for at once: when this settles, none of them writes any more.
 *
 * @throws what the first of them throws that fails
 */
export async function allSealed(layers: readonly Promise<SealedLayer>[]): Promise<SealedLayer[]> {
  await Promise.allSettled(layers);
  return Promise.all(layers);
}

/**
 * The same layers, given one at a time in the order of the calls: each holds a buffer while it is. When one fails, so do
 * all that are to come.
 */
export function inTurn(sources: readonly LayerSource[]): LayerSource[] {
  let last: Promise<unknown> = Promise.resolve();
  return sources.map((source) => ({
    ...source,
    seal(output) {
      const sealed = last.then(() => source.seal(output));
      last = sealed;
      return sealed;
    },
  }));
}

/** Exact size of the blob as it is stored, in bytes; `undefined` where only compressing it can tell. */
export function storedSizeOf(source: LayerSource): number | undefined {
  return source.storedSizeBytes ?? (source.compressed ? undefined : source.tarSizeBytes);
}

/**
 * Seals a layer for a second time.
 *
 * @throws {TransportError} SOURCE_CHANGED when the bytes are not those of the first time
 */
export async function sealAgain(source: LayerSource, first: SealedLayer, sink: ChunkSink): Promise<void> {
  const second = await source.seal(sink);
  if (second.digest !== first.digest) {
    throw new TransportError(
      'SOURCE_CHANGED',
      `Cannot write the layer ${first.digest}: its sources changed during the build, and its second reading gives ${second.digest}`,
      { first: first.digest, second: second.digest },
    );
  }
}
