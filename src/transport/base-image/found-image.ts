import type { Digest, HashEngine } from '../../digest/index.js';
import type { ForeignImageConfig } from '../../oci/index.js';
import type { BaseFailure } from './base-error.js';
import type { ImageChoice } from './choose-image.js';
import { readBytes, type StoredFile } from './stored-file.js';

/** An image that was chosen: its config has been read, its layers have not. */
export interface FoundImage {
  readonly config: ForeignImageConfig;
  readonly layers: readonly FoundLayer[];
}

export interface FoundLayer {
  readonly name: string;
  readonly digest: Digest | undefined;
  /** The caller closes it. */
  open(): StoredFile;
}

/**
 * Reads a JSON document whole, and closes its file.
 *
 * @throws {TransportError} BASE_INVALID when it is too large, or all that were read are
 */
export type DocumentReader = (file: StoredFile, subject: string) => Uint8Array;

export interface FindOptions extends ImageChoice {
  readonly engine: HashEngine;
  readonly fail: BaseFailure;
  readonly readDocument: DocumentReader;
}

/** The largest document that is read, in bytes; registries accept manifests of 4 MiB. */
const MAX_DOCUMENT_SIZE = 4 << 20;

/** All documents of an image: of thousands of manifests each may refer to one config, which is read for its platform. */
const MAX_DOCUMENTS_SIZE = 256 << 20;

export function documentReader(fail: BaseFailure): DocumentReader {
  let left = MAX_DOCUMENTS_SIZE;
  return (file, subject) => {
    try {
      const { sizeBytes } = file;
      if (sizeBytes > MAX_DOCUMENT_SIZE) {
        throw fail('BASE_INVALID', `${subject} must have at most ${MAX_DOCUMENT_SIZE} bytes, and has ${sizeBytes}`);
      }
      left -= sizeBytes;
      if (left < 0) {
        throw fail('BASE_INVALID', `its documents must have at most ${MAX_DOCUMENTS_SIZE} bytes, and have more`);
      }
      return readBytes(file, 0, sizeBytes);
    } finally {
      file.close();
    }
  };
}
