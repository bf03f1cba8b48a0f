import type { Digest, HashEngine, Sha256 } from '../digest/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import type { TarOptions } from '../tar/index.js';
import type { Piece } from './content.js';
import { regionOf, type StreamOutput, sinkOf } from './output.js';
import { OutputFailure, type SlabJob } from './slab-job.js';
import { planSlabs } from './slab-plan.js';

/** A layer, or any archive, to be sealed. */
export interface SealRequest {
  readonly entries: Iterable<ArchiveEntry>;
  readonly tar: TarOptions;
  /** Exact size of the uncompressed tar in bytes, by which work is shared out. */
  readonly tarSizeBytes: number;
  /** Bytes that the archive's size is a multiple of; default 10,240. */
  readonly recordSizeBytes?: number | undefined;
  /** Takes the blob; `undefined` when only the digests are wanted. */
  readonly output: StreamOutput;
  /** Told the number of bytes packed since the last call. */
  readonly onProgress?: ((sizeBytes: number) => void) | undefined;
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

/** A layer on its way: laid out slab by slab, and its slabs taken in order, hashed and passed on. */
export interface Sealing {
  readonly request: SealRequest;
  /**
   * Lays out the next slab.
   *
   * @returns bytes used, and where they go once it is filled, if its place is known
   */
  layOut(slab: Uint8Array, pieces: Piece[]): { sizeBytes: number; region: SlabJob['region'] };
  /** Hashes a slab, and its compressed block where there is one, and passes on what is the blob's. */
  take(slab: Uint8Array, block: Uint8Array | undefined): Promise<void> | void;
  /** What is thrown for an error of a slab's work. */
  failed(error: unknown): unknown;
  finish(): SealedLayer;
}

export function beginSealing(request: SealRequest, engine: HashEngine, compressed: boolean): Sealing {
  const { output, onProgress } = request;
  const plan = planSlabs(request.entries, request.tar, request.recordSizeBytes);
  const tarHash = engine.createSha256();
  const blobHash: Sha256 | undefined = compressed ? engine.createSha256() : undefined;
  // A tar that goes to a region is written there by whoever fills its slabs; how long a compressed block is, and so
  // where the next one goes, is known in order only.
  const region = compressed ? undefined : regionOf(output);
  const sink = region === undefined ? sinkOf(output) : undefined;
  let laidOutBytes = 0;
  let tarSizeBytes = 0;
  let sizeBytes = 0;
  return {
    request,
    layOut(slab, pieces) {
      const used = plan.next(slab, pieces);
      const place = region && { fd: region.fd, position: region.position + laidOutBytes };
      laidOutBytes += used;
      return { sizeBytes: used, region: place };
    },
    take(slab, block) {
      tarHash.update(slab);
      tarSizeBytes += slab.length;
      const blob = block ?? slab;
      if (block !== undefined) blobHash!.update(block);
      sizeBytes += blob.length;
      const passed = sink?.(blob);
      if (passed === undefined) return onProgress?.(slab.length);
      return passed.then(() => onProgress?.(slab.length));
    },
    failed: (error) => (error instanceof OutputFailure && region !== undefined ? region.failed(error.cause) : error),
    finish() {
      const diffId = tarHash.digest();
      return { diffId, tarSizeBytes, digest: blobHash?.digest() ?? diffId, sizeBytes, members: plan.members };
    },
  };
}
