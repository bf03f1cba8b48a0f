import type { GzipCodec } from '../compress/index.js';
import { type Piece, readPiece } from './content.js';
import { writeFullyAt } from './output.js';

/** All that is left to do with a slab once it is laid out. */
export interface SlabJob {
  /** Bytes of the slab that are used. */
  readonly sizeBytes: number;
  /** What is read into it. */
  readonly pieces: readonly Piece[];
  /** Where the slab itself is written, if its place is known. */
  readonly region: { readonly fd: number; readonly position: number } | undefined;
  /** Level at which it becomes one compressed block; `undefined` leaves it as it is. */
  readonly level: number | undefined;
}

/** A system error of writing, to be told from one of reading. */
export class OutputFailure extends Error {}

/**
 * Reads a slab's contents, writes it and compresses it, on whichever thread.
 *
 * @param result takes the compressed block
 * @param writeAlone runs a write when it may be done
 * @returns bytes of the compressed block, 0 without a level
 * @throws {LayerError} as {@link readPiece}; {OutputFailure}
 */
export function runJob(
  job: SlabJob,
  slab: Uint8Array,
  result: Uint8Array,
  codec: GzipCodec | undefined,
  writeAlone: (write: () => void) => void,
): number {
  for (const piece of job.pieces) readPiece(piece, slab);
  const bytes = slab.subarray(0, job.sizeBytes);
  const { region } = job;
  if (region !== undefined) {
    try {
      writeAlone(() => writeFullyAt(region.fd, bytes, region.position));
    } catch (cause) {
      throw new OutputFailure('Cannot write', { cause });
    }
  }
  if (job.level === undefined) return 0;
  return codec!.compressBlock(bytes, job.level, result).length;
}

/** The most that a block of this size becomes: stored deflate blocks and a gzip member's frame add far less. */
export function compressedBound(blockSizeBytes: number): number {
  return blockSizeBytes + Math.ceil(blockSizeBytes / 64) + 4096;
}
