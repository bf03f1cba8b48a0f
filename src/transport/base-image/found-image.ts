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

export interface FindOptions extends ImageChoice {
  readonly engine: HashEngine;
  readonly fail: BaseFailure;
}

/** The largest document that is read, in bytes; registries accept manifests of 4 MiB. */
const MAX_DOCUMENT_SIZE = 4 << 20;

/**
 * Reads a JSON document whole.
 *
 * @throws {TransportError} BASE_INVALID when it is too large
 */
export function readDocument(file: StoredFile, subject: string, fail: BaseFailure): Uint8Array {
  if (file.sizeBytes > MAX_DOCUMENT_SIZE) {
    throw fail('BASE_INVALID', `${subject} must have at most ${MAX_DOCUMENT_SIZE} bytes, and has ${file.sizeBytes}`);
  }
  return readBytes(file, 0, file.sizeBytes);
}
