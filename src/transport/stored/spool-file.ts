import type { ByteString } from '../../bytes/index.js';
import { openSpool } from '../output/atomic-file.js';
import { TransportError } from '../transport-error.js';
import type { ReadFailure } from './read-failure.js';
import type { StoredFile } from './stored-file.js';

export interface SpoolOptions {
  readonly fail: ReadFailure;
  readonly temporaryDirectory: ByteString | undefined;
  /** In bytes; default 64 GiB: more than any image, less than a disk. */
  readonly maxArchiveSizeBytes?: number | undefined;
}

const MAX_ARCHIVE_SIZE = 64 * 2 ** 30;

/**
 * Fills a temporary file with an archive, so that it can be read at any place; closing removes it.
 *
 * @throws {TransportError} SPOOL_MISSING without a directory, BASE_INVALID or IMAGE_INVALID for too many bytes; whatever
 *   `fill` throws, and nothing is left over
 */
export async function spoolFile(
  { fail, temporaryDirectory, maxArchiveSizeBytes = MAX_ARCHIVE_SIZE }: SpoolOptions,
  fill: (append: (bytes: Uint8Array) => void) => Promise<void>,
): Promise<StoredFile> {
  if (temporaryDirectory === undefined) {
    throw new TransportError(
      'SPOOL_MISSING',
      'Cannot read an image that is a stream or within gzip: it must be stored in a file, and no temporary directory was given',
    );
  }
  const spool = openSpool(temporaryDirectory);
  try {
    let sizeBytes = 0;
    await fill((bytes) => {
      sizeBytes += bytes.length;
      if (sizeBytes > maxArchiveSizeBytes)
        throw fail('INVALID', `its archive must have at most ${maxArchiveSizeBytes} bytes, and has more`);
      spool.append(bytes);
    });
    return { sizeBytes, readAt: spool.readAt, close: () => spool.close() };
  } catch (error) {
    spool.close();
    throw error;
  }
}
