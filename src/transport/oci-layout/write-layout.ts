import { lstatSync, mkdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { type ByteString, baseName, directoryName, displayName, joinPath, toFsPath } from '../../bytes/index.js';
import { digestHex } from '../../digest/index.js';
import { systemCode } from '../../errors/index.js';
import type { SealedLayer } from '../../layer/index.js';
import { allSealed, type LayerSource } from '../layer-source.js';
import type { ImageLayout } from '../members.js';
import { type AtomicFile, openAtomicFile, outputFailed } from '../output/atomic-file.js';
import { TransportError } from '../transport-error.js';
import { INDEX, readSmallFile } from './existing-layout.js';
import { mergeIndexJson } from './merge-index.js';

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
    const result = await writeInto(root, target.path, layout, sources, added);
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
  shown: ByteString,
  layout: ImageLayout,
  sources: readonly LayerSource[],
  added: ByteString[],
): Promise<{ layers: SealedLayer[]; sizeBytes: number }> {
  const blobs = joinPath(root, 'blobs/sha256' as ByteString);
  makeDirectory(joinPath(root, 'blobs' as ByteString), added);
  makeDirectory(blobs, added);

  let layers: SealedLayer[] = [];
  const sealed: AtomicFile[] = [];
  try {
    for (const _ of sources) sealed.push(openAtomicFile(joinPath(blobs, 'layer' as ByteString), undefined, shown));
    layers = await allSealed(sources.map((source, index) => source.seal(sealed[index]!.region(0))));
    // Only now do blobs get their names: another build into this layout may rely on one as soon as it has it.
    for (const [index, file] of sealed.entries()) {
      const path = joinPath(blobs, digestHex(layers[index]!.digest) as ByteString);
      noteIfNew(path, added);
      file.commit(path);
    }
  } finally {
    for (const file of sealed) file.discard();
  }

  let sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  const files = layout
    .members(layers)
    .flatMap(({ name, body }) => (body.type === 'file' ? [{ name, bytes: body.bytes }] : []));
  // The index makes the image visible, so it comes after all that it refers to.
  for (const { name, bytes } of files.toSorted((a, b) => Number(a.name === INDEX) - Number(b.name === INDEX))) {
    const path = joinPath(root, name);
    const content = name === INDEX ? mergeIndexJson(readSmallFile(path), bytes, path) : bytes;
    if (name !== INDEX) noteIfNew(path, added);
    const file = openAtomicFile(path, undefined, shown);
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
    // A symlink would have blobs written wherever it leads.
    if (!lstatSync(toFsPath(path)).isDirectory()) {
      throw new TransportError(
        'OUTPUT_INVALID',
        `Cannot write below "${displayName(path)}": it must be a directory, and is none`,
        { path },
      );
    }
  }
}

function noteIfNew(path: ByteString, added: ByteString[]): void {
  if (lstatSync(toFsPath(path), { throwIfNoEntry: false }) === undefined) added.push(path);
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
