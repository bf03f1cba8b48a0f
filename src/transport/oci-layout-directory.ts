import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { type ByteString, baseName, directoryName, displayName, joinPath, toFsPath } from '../bytes/index.js';
import { systemCode } from '../errors/index.js';
import type { SealedLayer } from '../layer/index.js';
import { mergeIndexJson } from './index-json.js';
import type { LayerSource } from './layer-source.js';
import type { ImageLayout } from './members.js';
import { openAtomicFile, outputFailed } from './output/atomic-file.js';
import { TransportError } from './transport-error.js';

/** The largest `index.json` or `oci-layout` that is read back, in bytes; registries accept manifests of 4 MiB. */
const MAX_JSON_SIZE = 4 << 20;

const INDEX = 'index.json' as ByteString;

/** Whether a directory is empty or holds an OCI layout of version 1.0.0. */
export function isEmptyOrOciLayout(directory: ByteString): boolean {
  if (readdirSync(toFsPath(directory)).length === 0) return true;
  const text = readSmallFile(joinPath(directory, 'oci-layout' as ByteString));
  if (text === undefined) return false;
  try {
    const value: unknown = JSON.parse(text);
    return (
      typeof value === 'object' &&
      value !== null &&
      'imageLayoutVersion' in value &&
      value.imageLayoutVersion === '1.0.0'
    );
  } catch {
    return false;
  }
}

/**
 * Writes an image as an OCI layout. A directory that is not there appears whole or not at all; into a layout that is
 * there, blobs are added and `index.json` is replaced last, other images of it kept, one of the same tag replaced.
 *
 * @returns the sealed layers and the size in bytes of all files written
 * @throws {TransportError} OUTPUT_FAILED, OUTPUT_INVALID; what was added is removed again
 */
export async function writeOciLayout(
  layout: ImageLayout,
  sources: readonly LayerSource[],
  target: { readonly path: ByteString; readonly exists: boolean },
): Promise<{ layers: SealedLayer[]; sizeBytes: number }> {
  const root = target.exists ? target.path : makeTemporaryDirectory(target.path);
  const added: ByteString[] = [];
  try {
    const result = await writeInto(root, layout, sources, added);
    if (!target.exists) rename(root, target.path);
    return result;
  } catch (error) {
    if (target.exists) for (const path of added.toReversed()) removeAdded(path);
    else rmSync(toFsPath(root), { recursive: true, force: true });
    throw error;
  }
}

async function writeInto(
  root: ByteString,
  layout: ImageLayout,
  sources: readonly LayerSource[],
  added: ByteString[],
): Promise<{ layers: SealedLayer[]; sizeBytes: number }> {
  const blobs = joinPath(root, 'blobs/sha256' as ByteString);
  makeDirectory(joinPath(root, 'blobs' as ByteString), added);
  makeDirectory(blobs, added);

  const layers: SealedLayer[] = [];
  let sizeBytes = 0;
  for (const source of sources) {
    const file = openAtomicFile(joinPath(blobs, 'layer' as ByteString), undefined);
    try {
      let position = 0;
      const sealed = await source.seal((chunk) => {
        file.writeAt(chunk, position);
        position += chunk.length;
      });
      const path = joinPath(blobs, sealed.digest.slice('sha256:'.length) as ByteString);
      noteIfNew(path, added);
      file.commit(path);
      layers.push(sealed);
      sizeBytes += sealed.sizeBytes;
    } finally {
      file.discard();
    }
  }

  const files = layout
    .members(layers)
    .flatMap(({ name, body }) => (body.type === 'file' ? [{ name, bytes: body.bytes }] : []));
  // The index makes the image visible, so it comes after all that it refers to.
  for (const { name, bytes } of files.toSorted((a, b) => Number(a.name === INDEX) - Number(b.name === INDEX))) {
    const path = joinPath(root, name);
    const content = name === INDEX ? mergeIndexJson(readSmallFile(path), bytes, path) : bytes;
    if (name !== INDEX) noteIfNew(path, added);
    const file = openAtomicFile(path, undefined);
    try {
      file.writeAt(content, 0);
      file.commit();
    } finally {
      file.discard();
    }
    sizeBytes += content.length;
  }
  return { layers, sizeBytes };
}

function makeTemporaryDirectory(target: ByteString): ByteString {
  const base = baseName(target).slice(0, 200);
  for (let attempt = 0; ; attempt++) {
    const path = joinPath(directoryName(target), `.${base}.tarseal-${attempt}.tmp` as ByteString);
    try {
      mkdirSync(toFsPath(path));
      return path;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST')
        throw new TransportError(
          'OUTPUT_INVALID',
          outputFailed(target, error).message,
          { path: target },
          { cause: error },
        );
    }
  }
}

function makeDirectory(path: ByteString, added: ByteString[]): void {
  try {
    mkdirSync(toFsPath(path));
    added.push(path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw outputFailed(path, error);
  }
}

function noteIfNew(path: ByteString, added: ByteString[]): void {
  try {
    closeSync(openSync(toFsPath(path), 'r'));
  } catch {
    added.push(path);
  }
}

function removeAdded(path: ByteString): void {
  try {
    unlinkSync(toFsPath(path));
  } catch {
    // A directory: gone only when nobody else has put anything into it.
    try {
      rmdirSync(toFsPath(path));
    } catch {}
  }
}

function rename(from: ByteString, to: ByteString): void {
  try {
    renameSync(toFsPath(from), toFsPath(to));
  } catch (error) {
    throw outputFailed(to, error);
  }
}

function readSmallFile(path: ByteString): string | undefined {
  let fd: number;
  try {
    fd = openSync(toFsPath(path), 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw outputFailed(path, error);
  }
  try {
    const { size } = fstatSync(fd);
    if (size > MAX_JSON_SIZE) {
      throw new TransportError(
        'OUTPUT_INVALID',
        `Cannot read "${displayName(path)}": it must have at most ${MAX_JSON_SIZE} bytes, and has ${size}`,
        { path },
      );
    }
    const bytes = Buffer.alloc(size);
    const count = readSync(fd, bytes, 0, size, 0);
    return bytes.toString('utf8', 0, count);
  } finally {
    closeSync(fd);
  }
}
