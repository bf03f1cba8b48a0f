import { CompressError } from '../compress/index.js';
import type { Digest, HashEngine } from '../digest/index.js';
import { createTarDecoder, type DecodedArchive, TarError } from '../tar/index.js';
import { compressionOf, type StoredFile } from '../transport/index.js';
import { checkGzipHeader } from './check-gzip.js';
import { createHeaderChecks } from './check-headers.js';
import { createMemberChecks } from './check-members.js';
import type { FindingPlace, Report } from './finding.js';
import { readBlob } from './open/index.js';

/** What a layer is, every byte of which was read. */
export interface ScannedLayer {
  /** Of the blob as it is stored. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly compression: string | undefined;
  /** Of the uncompressed tar; `undefined` where it could not be read to its end. */
  readonly diffId: Digest | undefined;
  readonly tarSizeBytes: number;
  readonly members: number;
}

export interface ScanOptions {
  readonly engine: HashEngine;
  readonly report: Report;
  readonly place: FindingPlace;
  /** Whether there is no layer below. */
  readonly isLowest: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Members of one layer; a tar of so many headers alone has 5 GB. */
const MAX_MEMBERS = 10_000_000;

/** A bomb of gzip ends here. */
const MAX_TAR_SIZE = 64 * 2 ** 30;

/**
 * Reads a layer once: hashes it as it is stored and as a tar, and checks every block of it.
 *
 * @throws {TransportError} when the system refuses; {LayerError} ABORTED
 */
export async function scanLayer(file: StoredFile, options: ScanOptions): Promise<ScannedLayer> {
  const { engine, report, place, signal } = options;
  const compression = compressionOf(file);
  const storedHash = engine.createSha256();
  // Of an uncompressed layer both digests are one.
  const tarHash = compression === 'gzip' ? engine.createSha256() : undefined;
  const headers = createHeaderChecks(report, place);
  const members = createMemberChecks(report, place, options.isLowest);
  let count = 0;
  const decoder = createTarDecoder(
    {
      block: headers.block,
      metadata: headers.metadata,
      padding: headers.padding,
      member(member) {
        count++;
        headers.member(member);
        members.member(member);
      },
    },
    { maxMembers: MAX_MEMBERS, sparse: true },
  );
  let tarSizeBytes = 0;
  /** What ended the decoding; the rest is hashed all the same. */
  let tarFailure: TarError | undefined;
  let end: DecodedArchive | undefined;
  const decode = (work: () => void): void => {
    if (tarFailure !== undefined) return;
    try {
      work();
    } catch (error) {
      if (!(error instanceof TarError)) throw error;
      tarFailure = error;
    }
  };
  const takeTar = (bytes: Uint8Array): void => {
    tarSizeBytes += bytes.length;
    if (tarSizeBytes > MAX_TAR_SIZE) {
      throw new CompressError(
        'GZIP_INVALID',
        `Cannot read gzip file: it must have at most ${MAX_TAR_SIZE} bytes uncompressed, and has more`,
      );
    }
    tarHash?.update(bytes);
    decode(() => decoder.push(bytes));
  };
  const blob = await readBlob(
    file,
    {
      stored: (bytes) => storedHash.update(bytes),
      tar: takeTar,
      gzipMember: (header) => checkGzipHeader(header, report, place),
    },
    signal,
  );
  const isRead = compression === undefined || compression === 'gzip';
  if (!isRead) report('LAYER_UNREAD', `it must be uncompressed or gzip to be verified, and is ${compression}`, place);
  if (blob.failure !== undefined) {
    if (!(blob.failure instanceof CompressError)) throw blob.failure;
    report('LAYER_GZIP', blob.failure.message, place);
  } else if (isRead) {
    decode(() => {
      end = decoder.finish();
    });
  }
  if (tarFailure !== undefined) {
    report('TAR_INVALID', tarFailure.message, { ...place, offset: tarFailure.data['offset'] as number | undefined });
  }
  if (isRead) {
    headers.finish(end);
    members.finish();
    if (end?.members === 0) report('LAYER_EMPTY', 'it has no members', place);
  }
  const digest = storedHash.digest();
  return {
    digest,
    sizeBytes: blob.sizeBytes,
    compression,
    diffId: !isRead || blob.failure !== undefined ? undefined : (tarHash?.digest() ?? digest),
    tarSizeBytes,
    members: count,
  };
}
