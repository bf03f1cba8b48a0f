import { isAbsolute, resolve } from 'node:path';
import { encodeUtf8 } from '../bytes/index.js';
import type { Digest } from '../digest/index.js';
import { openStoredFile, pathExists, readFailureOf, type StoredFile } from '../transport/index.js';
import type { Verification } from '../verify/index.js';
import { type BuiltImage, buildImage } from './build-image.js';
import type { BuildContext, BuildSpec } from './spec.js';

/** What building again gave, beside an image that was verified. */
export interface Rebuild {
  readonly isEqual: boolean;
  /** Digest of the config that the build gives: the image ID. */
  readonly image: Digest;
  /** What differs, from the whole to the layers; empty where all is equal. */
  readonly differences: readonly string[];
  /** Whether the files were compared byte for byte; of a layout or a stream only digests are. */
  readonly bytesCompared: boolean;
}

/**
 * Builds an image again and compares it with one that was verified. Nothing is written: of an archive every byte is
 * compared as it comes, of a layout the digests. Compressed layers wait in the temporary directory.
 *
 * @param path of the image; `undefined` for a stream, which was read already
 * @throws {TarsealError} as `buildImage`
 */
export async function rebuildImage(
  spec: BuildSpec,
  path: string | undefined,
  verification: Pick<Verification, 'formats' | 'images'>,
  context: BuildContext = {},
): Promise<Rebuild> {
  const isLayout = verification.formats.includes('oci-layout');
  const { output: _, ...rest } = spec;
  const asArchive: BuildSpec =
    isLayout || spec.format === 'oci-layout'
      ? { ...rest, format: 'oci-archive', layerCompression: spec.layerCompression ?? 'gzip' }
      : rest;
  const absolute = path === undefined || isAbsolute(path) ? path : resolve(context.cwd ?? '/', path);
  const file =
    absolute === undefined || isLayout || spec.format === 'oci-layout' || !pathExists(encodeUtf8(absolute))
      ? undefined
      : openStoredFile(encodeUtf8(absolute), 'it', true, readFailureOf('IMAGE', 'image', absolute));
  const comparer = file && createComparer(file);
  try {
    const built = await buildImage(asArchive, {
      ...context,
      sink: (bytes) => comparer?.take(bytes),
      ...(absolute !== undefined && { notMember: absolute }),
    });
    const differences = [...compareDigests(built, verification.images), ...(comparer?.finish() ?? [])];
    return { isEqual: differences.length === 0, image: built.image, differences, bytesCompared: file !== undefined };
  } finally {
    file?.close();
  }
}

function compareDigests(built: BuiltImage, images: Verification['images']): string[] {
  const image = images.find(({ image: id }) => id === built.image) ?? images[0];
  if (image === undefined || images.length > 1) return [`one image must be compared, and there are ${images.length}`];
  const differences: string[] = [];
  const compare = (what: string, ours: string | number | null, theirs: string | number | null): void => {
    if (ours !== theirs) differences.push(`${what} is ${theirs ?? 'none'}, and is built as ${ours ?? 'none'}`);
  };
  compare('the config', built.image, image.image);
  // A dialect without an OCI manifest is compared by its bytes.
  if (image.manifest !== null && built.manifest !== null) compare('the manifest', built.manifest, image.manifest);
  compare('the number of layers', built.layers.length, image.layers.length);
  for (const [index, layer] of built.layers.entries()) {
    const theirs = image.layers[index];
    if (theirs === undefined) continue;
    compare(`layer ${index + 1}`, layer.diffId, theirs.diffId);
    if (layer.diffId === theirs.diffId) compare(`the blob of layer ${index + 1}`, layer.digest, theirs.digest);
  }
  return differences;
}

/** Compares bytes that come in order with those of a file. */
function createComparer(file: StoredFile): { take(bytes: Uint8Array): void; finish(): string[] } {
  let position = 0;
  let differsAt: number | undefined;
  let buffer = new Uint8Array(0);
  return {
    take(bytes) {
      if (differsAt === undefined) {
        if (buffer.length < bytes.length) buffer = new Uint8Array(bytes.length);
        const theirs = buffer.subarray(0, readFully(file, buffer.subarray(0, bytes.length), position));
        if (Buffer.compare(theirs, bytes) !== 0) {
          let at = 0;
          while (at < theirs.length && theirs[at] === bytes[at]) at++;
          differsAt = position + at;
        }
      }
      position += bytes.length;
    },
    finish() {
      if (differsAt !== undefined) return [`the archive differs from byte ${differsAt} on`];
      return position === file.sizeBytes
        ? []
        : [`the archive has ${file.sizeBytes} bytes, and is built with ${position}`];
    },
  };
}

function readFully(file: StoredFile, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const count = file.readAt(into.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
