import type { ReadFailure } from './read-failure.js';
import { readBytes, type StoredFile } from './stored-file.js';

/**
 * Reads a JSON document whole, and closes its file.
 *
 * @throws {TransportError} INVALID when it is too large, or all that were read are
 */
export type DocumentReader = (file: StoredFile, subject: string) => Uint8Array;

/** The largest document that is read, in bytes; registries accept manifests of 4 MiB. */
export const MAX_DOCUMENT_SIZE: number = 4 << 20;

/** All documents of an image: of thousands of manifests each may refer to one config, which is read for its platform. */
const MAX_DOCUMENTS_SIZE = 256 << 20;

export function documentReader(fail: ReadFailure): DocumentReader {
  let left = MAX_DOCUMENTS_SIZE;
  return (file, subject) => {
    try {
      const { sizeBytes } = file;
      if (sizeBytes > MAX_DOCUMENT_SIZE) {
        throw fail('INVALID', `${subject} must have at most ${MAX_DOCUMENT_SIZE} bytes, and has ${sizeBytes}`);
      }
      left -= sizeBytes;
      if (left < 0) {
        throw fail('INVALID', `its documents must have at most ${MAX_DOCUMENTS_SIZE} bytes, and have more`);
      }
      return readBytes(file, 0, sizeBytes);
    } finally {
      file.close();
    }
  };
}
