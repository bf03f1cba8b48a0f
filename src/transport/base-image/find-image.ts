import { parseJsonDocument, readForeignLayout } from '../../oci/index.js';
import type { ImageFiles } from '../stored/image-files.js';
import { type DocumentReader, documentReader } from '../stored/read-document.js';
import { explained } from '../stored/read-failure.js';
import { findDockerImage } from './docker-image.js';
import type { FindOptions, FoundImage } from './found-image.js';
import { findOciImage } from './oci-image.js';

/**
 * Finds the image in a layout or an archive: by its index where it has one, for that has digests, else by docker's
 * `manifest.json`.
 *
 * @throws {TransportError} BASE_MISSING, BASE_INVALID, BASE_DIGEST, BASE_UNSUPPORTED, BASE_AMBIGUOUS, BASE_PLATFORM
 */
export function findImage(files: ImageFiles, choice: Omit<FindOptions, 'readDocument'>): FoundImage {
  const { fail } = choice;
  const readDocument = documentReader(fail);
  const options = { ...choice, readDocument };
  const layout = readFile(files, 'oci-layout', readDocument);
  const index = readFile(files, 'index.json', readDocument);
  if (layout !== undefined && index !== undefined) {
    const where = 'oci-layout';
    explained('its layout', fail, () => readForeignLayout(parseJsonDocument(layout, where), where));
    return findOciImage(files, index, options);
  }
  const manifest = files.isDirectory ? undefined : readFile(files, 'manifest.json', readDocument);
  if (manifest !== undefined) return findDockerImage(files, manifest, options);
  throw fail(
    'INVALID',
    files.isDirectory
      ? 'a directory must be an OCI layout with "oci-layout" and "index.json", and is none'
      : 'it must be an OCI archive or a docker-archive, and has neither "oci-layout" and "index.json" nor "manifest.json"',
  );
}

function readFile(files: ImageFiles, name: string, readDocument: DocumentReader): Uint8Array | undefined {
  const file = files.get(name);
  return file && readDocument(file, `"${name}"`);
}
