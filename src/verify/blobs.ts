import type { ByteString } from '../bytes/index.js';
import type { Digest, HashEngine } from '../digest/index.js';
import { kindOfMediaType } from '../oci/index.js';
import { digestOfPath, type MemberPlace, partOf, readPieces, type StoredFile } from '../transport/index.js';
import type { FindingPlace, Report } from './finding.js';
import type { OpenedImage, StoredLayer } from './open/index.js';
import { type ScannedLayer, scanLayer } from './scan-layer.js';
import { shown } from './shown.js';

/** Verifies the blobs of whatever was opened, each of them read once however many images have it. */
export interface Blobs {
  /**
   * @param isTar whether it must be a layer of a container image; any other is hashed
   * @returns `undefined` where it is missing
   */
  layer(layer: StoredLayer, place: FindingPlace, isTar: boolean): Promise<Blob | undefined>;
  /** What is there besides: second copies, and files that nothing refers to. */
  rest(): Promise<void>;
}

type Blob = Pick<ScannedLayer, 'digest' | 'sizeBytes'> & Partial<ScannedLayer>;

/** Beside each layer of Docker's legacy images, whose directory a manifest need not name. */
const LEGACY = /^[0-9a-f]{64}\/(?:VERSION|json)$/;

export interface BlobOptions {
  readonly engine: HashEngine;
  readonly signal?: AbortSignal | undefined;
}

export function createBlobs(
  { formats, files, referenced, images }: OpenedImage,
  report: Report,
  options: BlobOptions,
): Blobs {
  const { engine, signal } = options;
  const read = new Map<string, Promise<Blob | undefined>>();

  const hash = async (file: StoredFile): Promise<Blob> => {
    const sha256 = engine.createSha256();
    let sizeBytes = 0;
    await readPieces(file, signal, (piece) => {
      sha256.update(piece);
      sizeBytes += piece.length;
    });
    return { digest: sha256.digest(), sizeBytes };
  };
  const readOnce = async (
    { open, index }: StoredLayer,
    place: FindingPlace,
    isTar: boolean,
  ): Promise<Blob | undefined> => {
    const file = open();
    if (file === undefined) return undefined;
    try {
      return isTar ? await scanLayer(file, { engine, report, place, isLowest: index === 0, signal }) : await hash(file);
    } finally {
      file.close();
    }
  };

  const compare = ({ path, descriptor, diffId }: StoredLayer, blob: Blob, place: FindingPlace): void => {
    const { digest, sizeBytes, compression, diffId: found } = blob;
    const expected = descriptor?.digest ?? (path.startsWith('blobs/') ? digestOfPath(path) : undefined);
    if (expected !== undefined && digest !== expected) {
      report('BLOB_DIGEST', `the digest of "${shown(path)}" must be ${expected}, and is ${digest}`, place);
    }
    if (descriptor !== undefined && sizeBytes !== descriptor.size) {
      report('BLOB_SIZE', `the size of "${shown(path)}" must be ${descriptor.size}, and is ${sizeBytes}`, place);
    }
    const kind = descriptor && kindOfMediaType(descriptor.mediaType);
    if (kind === 'tar' || kind === 'gzip') {
      const stated = kind === 'gzip' ? 'gzip' : 'uncompressed';
      const actual = compression ?? 'uncompressed';
      // Docker's manifests call layers compressed that are not, and its readers look.
      const code = descriptor!.mediaType.includes('docker') ? 'DOCUMENT_VALUE' : 'LAYER_COMPRESSION';
      if (actual !== stated) report(code, `by its media type it must be ${stated}, and it is ${actual}`, place);
    }
    if (diffId !== undefined && found !== undefined && found !== diffId) {
      report('LAYER_DIFF_ID', `the digest of the uncompressed layer must be ${diffId}, and is ${found}`, place);
    }
  };

  const checkCopies = async (name: string, places: readonly MemberPlace[]): Promise<void> => {
    const uses = Math.max(...images.map(({ layers }) => layers.filter(({ path }) => path === name).length), 0);
    if (places.length > Math.max(uses, 1)) {
      report('ARCHIVE_REPEATED', `it stands in the archive ${places.length} times, and ${uses} are referred to`, {
        member: name as ByteString,
        offset: places.at(-1)!.offset,
      });
    }
    const last = await read.get(name);
    for (const place of places.slice(0, -1)) {
      const copy = await hash(partOf(files.archive!, place.offset, place.sizeBytes));
      const expected = last?.digest ?? digestOfPath(name);
      if (expected === undefined || copy.digest === expected) continue;
      report('BLOB_DIGEST', `a second "${shown(name)}" must have the digest ${expected}, and has ${copy.digest}`, {
        member: name as ByteString,
        offset: place.offset,
      });
    }
  };

  const checkUnreferenced = async (name: string): Promise<void> => {
    report('ARCHIVE_UNREFERENCED', 'nothing refers to it', { member: name as ByteString });
    const expected: Digest | undefined = name.startsWith('blobs/') ? digestOfPath(name) : undefined;
    const file = expected === undefined ? undefined : files.get(name);
    if (file === undefined) return;
    try {
      const { digest } = await hash(file);
      if (digest !== expected) {
        report('BLOB_DIGEST', `the digest must be ${expected}, and is ${digest}`, { member: name as ByteString });
      }
    } finally {
      file.close();
    }
  };

  return {
    async layer(layer, place, isTar) {
      const known = read.get(layer.path) ?? readOnce(layer, place, isTar);
      read.set(layer.path, known);
      const blob = await known;
      if (blob === undefined) report('BLOB_MISSING', `"${shown(layer.path)}" must be there, and is not`, place);
      else compare(layer, blob, place);
      return blob;
    },
    async rest() {
      // Of a directory that is no layout anything may be there.
      if (files.isDirectory && formats.length === 0) return;
      for (const [name, places] of files.entries()) {
        if (places.length > 1) await checkCopies(name, places);
        if (LEGACY.test(name)) continue;
        if (!referenced.has(name) && !(files.isDirectory === false && places.length === 0))
          await checkUnreferenced(name);
      }
    },
  };
}
