import type { Digest, HashEngine } from '../../digest/index.js';
import type { ForeignImageConfig } from '../../oci/index.js';
import type { DocumentReader } from '../stored/read-document.js';
import type { ReadFailure } from '../stored/read-failure.js';
import type { StoredFile } from '../stored/stored-file.js';
import type { ImageChoice } from './choose-image.js';

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
  readonly fail: ReadFailure;
  readonly readDocument: DocumentReader;
}
