import { createGunzip, type GzipHeader } from '../../compress/index.js';
import { compressionOf, readPieces, type StoredFile } from '../../transport/index.js';

/** Takes the bytes of a blob as it is read, each piece lent until the call returns. */
export interface BlobSink {
  /** The bytes as they are stored. */
  stored?(bytes: Uint8Array): void;
  /** The same, uncompressed; what it throws ends the reading of them, and not that of the stored bytes. */
  tar(bytes: Uint8Array): void;
  /** The header of each gzip member. */
  gzipMember?(header: GzipHeader): void;
}

export interface ReadBlob {
  /** By its first bytes: `gzip` was decompressed, and of any other nothing was given to `tar`. */
  readonly compression: string | undefined;
  readonly sizeBytes: number;
  /** What ended the reading of the tar: an error of the gzip, or what the sink threw. */
  readonly failure: unknown;
}

/**
 * Reads a layer, or any blob, once from its first byte to its last, compressed or not.
 *
 * @throws {TransportError} when the system refuses; {LayerError} ABORTED
 */
export async function readBlob(file: StoredFile, sink: BlobSink, signal: AbortSignal | undefined): Promise<ReadBlob> {
  const compression = compressionOf(file);
  const gunzip =
    compression === 'gzip'
      ? createGunzip(sink.tar, sink.gzipMember && { gzipMember: (header) => sink.gzipMember!(header) })
      : undefined;
  const take = compression === undefined ? sink.tar : (bytes: Uint8Array) => gunzip?.push(bytes);
  let failure: unknown;
  let sizeBytes = 0;
  await readPieces(file, signal, (piece) => {
    sizeBytes += piece.length;
    sink.stored?.(piece);
    if (failure !== undefined) return;
    try {
      take(piece);
    } catch (error) {
      failure = error;
    }
  });
  if (failure === undefined) {
    try {
      gunzip?.finish();
    } catch (error) {
      failure = error;
    }
  }
  return { compression, sizeBytes, failure };
}
