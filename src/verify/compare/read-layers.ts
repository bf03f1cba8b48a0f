import type { ByteString } from '../../bytes/index.js';
import { CompressError, type GzipHeader } from '../../compress/index.js';
import type { Digest, HashEngine } from '../../digest/index.js';
import { compressionOf, openSpool, type Spool, type StoredFile, TransportError } from '../../transport/index.js';
import { readBlob, type StoredLayer } from '../open/index.js';
import { createListing } from './listing.js';
import { type ReadTar, windowed } from './tar-bytes.js';

export interface LayerReadOptions {
  readonly engine: HashEngine;
  /** Where a layer within gzip waits to be read at any place. */
  readonly temporaryDirectory: ByteString | undefined;
  readonly signal: AbortSignal | undefined;
}

/** How a gzip file is made, beyond what is in it. */
export interface GzipFacts {
  /** Of the first member. */
  readonly header: GzipHeader;
  readonly members: number;
}

/** A layer of which every byte was hashed. */
export interface HashedLayer {
  readonly layer: StoredLayer;
  /** Of the blob; `null` where there is none. */
  readonly digest: Digest | null;
  readonly sizeBytes: number;
  readonly compression: string | undefined;
  /** Of the uncompressed tar; `null` where it could not be read to its end. */
  readonly diffId: Digest | null;
  readonly tarSizeBytes: number;
  readonly gzip: GzipFacts | undefined;
}

/** A bomb of gzip ends here. */
const MAX_TAR_SIZE = 64 * 2 ** 30;

/**
 * Reads a layer once, and hashes it as it is stored and as a tar.
 *
 * @throws {TransportError} when the system refuses; {LayerError} ABORTED
 */
export async function hashLayer(layer: StoredLayer, { engine, signal }: LayerReadOptions): Promise<HashedLayer> {
  const file = layer.open();
  if (file === undefined) {
    return {
      layer,
      digest: null,
      sizeBytes: 0,
      compression: undefined,
      diffId: null,
      tarSizeBytes: 0,
      gzip: undefined,
    };
  }
  try {
    const stored = engine.createSha256();
    // Of an uncompressed layer both digests are one.
    const isGzip = compressionOf(file) === 'gzip';
    const tar = engine.createSha256();
    let header: GzipHeader | undefined;
    let members = 0;
    let tarSizeBytes = 0;
    const blob = await readBlob(
      file,
      {
        stored: (bytes) => stored.update(bytes),
        tar(bytes) {
          tarSizeBytes += requireRoom(tarSizeBytes, bytes);
          if (isGzip) tar.update(bytes);
        },
        gzipMember(found) {
          header ??= found;
          members++;
        },
      },
      signal,
    );
    const digest = stored.digest();
    const isRead = blob.failure === undefined && (isGzip || blob.compression === undefined);
    return {
      layer,
      digest,
      sizeBytes: blob.sizeBytes,
      compression: blob.compression,
      diffId: !isRead ? null : isGzip ? tar.digest() : digest,
      tarSizeBytes,
      gzip: header && { header, members },
    };
  } finally {
    file.close();
  }
}

/**
 * Lists the members of a layer, and makes its tar one that can be read at any place.
 *
 * @returns `undefined` where there is no blob, or one that cannot be read; else the caller closes the file
 * @throws {TransportError} SPOOL_MISSING, when the system refuses; {LayerError} ABORTED
 */
export async function readTar(layer: StoredLayer, options: LayerReadOptions): Promise<ReadTar | undefined> {
  const { engine, temporaryDirectory, signal } = options;
  const file = layer.open();
  if (file === undefined) return undefined;
  const compression = compressionOf(file);
  if (compression !== undefined && compression !== 'gzip') {
    file.close();
    return undefined;
  }
  const builder = createListing(engine);
  let spool: Spool | undefined;
  try {
    if (compression === 'gzip') spool = openSpool(requireDirectory(temporaryDirectory));
    let sizeBytes = 0;
    const { failure } = await readBlob(
      file,
      {
        tar(bytes) {
          sizeBytes += requireRoom(sizeBytes, bytes);
          spool?.append(bytes);
          builder.push(bytes);
        },
      },
      signal,
    );
    if (failure !== undefined && !(failure instanceof CompressError)) throw failure;
    const listing = builder.finish();
    const end = failure === undefined ? listing.end : undefined;
    if (spool === undefined) return { listing: { ...listing, end }, file: windowed(file) };
    file.close();
    const { readAt, close } = spool;
    return {
      listing: { ...listing, end, failure: listing.failure ?? failure },
      file: windowed({ sizeBytes, readAt, close }),
    };
  } catch (error) {
    file.close();
    spool?.close();
    throw error;
  }
}

/** Lists the members of an archive, whose contents are compared in another way: of them nothing is read. */
export function readHeaders(file: StoredFile, { engine }: Pick<LayerReadOptions, 'engine'>): ReadTar {
  const builder = createListing(engine, { contents: false });
  builder.read(file);
  return { listing: builder.finish(), file: windowed(file) };
}

function requireRoom(sizeBytes: number, { length }: Uint8Array): number {
  if (sizeBytes + length <= MAX_TAR_SIZE) return length;
  throw new CompressError(
    'GZIP_INVALID',
    `Cannot read gzip file: it must have at most ${MAX_TAR_SIZE} bytes uncompressed, and has more`,
  );
}

function requireDirectory(directory: ByteString | undefined): ByteString {
  if (directory !== undefined) return directory;
  throw new TransportError(
    'SPOOL_MISSING',
    'Cannot compare layers within gzip: they must be decompressed into a file, and no temporary directory was given',
  );
}
