import { type ByteString, displayText } from '../../bytes/index.js';
import type { HashEngine } from '../../digest/index.js';
import { digestOfPath, isNamed, readBytes, readFailureOf } from '../../transport/index.js';
import type { Report } from '../finding.js';
import { dockerImages } from './docker-images.js';
import { createDocumentReader } from './document-reader.js';
import { ociImages } from './oci-images.js';
import { openStoredFiles } from './stored-files.js';
import type { ImageFormat, ImageInput, OpenedImage, StoredDocument, StoredFiles, StoredImage } from './stored-image.js';

export interface OpenOptions {
  readonly engine: HashEngine;
  /** Told what is wrong, wherever reading can go on. */
  readonly report: Report;
  /** A tag or a reference that chooses among several images; default all. */
  readonly reference?: string | undefined;
  /** Where a stream, or an archive within gzip, waits to be read at any place. */
  readonly temporaryDirectory?: ByteString | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How messages name the image. */
  readonly shown: string;
}

/** What belongs to an image and is no blob. */
const ROOT_DOCUMENTS = ['oci-layout', 'index.json', 'manifest.json', 'repositories'] as const;

/** Names by which an archive that is cut short can be told from a layer. */
const OF_AN_IMAGE = /^(?:blobs\/sha256\/[0-9a-f]{64}|[0-9a-f]{64}\/layer\.tar)$/;

/**
 * Opens whatever may be an image: a docker-archive of any age, an OCI archive, either of them within gzip, an OCI
 * layout, or a tar archive that is a layer. What it is is told by its content, and what is wrong with it is reported;
 * layers are not read.
 *
 * @throws {TransportError} IMAGE_MISSING, IMAGE_INVALID where it cannot be opened at all, SPOOL_MISSING;
 *   {LayerError} ABORTED
 */
export async function openImage(input: ImageInput, options: OpenOptions): Promise<OpenedImage> {
  const { report, reference } = options;
  const fail = readFailureOf('IMAGE', 'image', options.shown);
  const { sizeBytes, ...files } = await openStoredFiles(input, {
    fail,
    report,
    temporaryDirectory: options.temporaryDirectory,
    signal: options.signal,
  });
  try {
    const held = holdBack(report);
    const reader = createDocumentReader(files, options.engine, held.report);
    const documents = ROOT_DOCUMENTS.flatMap((name) =>
      files.isDirectory && name !== 'oci-layout' && name !== 'index.json' ? [] : (reader.read(name) ?? []),
    );
    const formats = formatsOf(files, documents);
    // A layer may have a file of such a name, which is no document of an image.
    const isTar = formats[0] === 'tar';
    held.release(isTar);
    const [index, manifest] = ['index.json', 'manifest.json'].map((name) =>
      isTar ? undefined : documents.find(({ path }) => path === name),
    );
    const all = mergeImages(
      index === undefined ? [] : ociImages(index, reader, fail),
      manifest === undefined ? [] : dockerImages(manifest, reader),
    );
    const images = reference === undefined ? all : all.filter(({ names }) => isNamed(names, reference));
    if (reference !== undefined && images.length === 0) {
      throw fail('MISSING', `it must hold an image of the name "${displayText(reference)}", and holds none`, {
        reference,
      });
    }
    return {
      formats,
      sizeBytes,
      files,
      documents,
      referenced: reader.referenced,
      isNamed: reference !== undefined,
      images,
      close: files.close,
    };
  } catch (error) {
    files.close();
    throw error;
  }
}

function formatsOf(files: StoredFiles, documents: readonly StoredDocument[]): ImageFormat[] {
  const [layout, index, manifest] = ['oci-layout', 'index.json', 'manifest.json'].map((name) =>
    documents.find(({ path }) => path === name),
  );
  if (files.isDirectory) return layout === undefined && index === undefined ? [] : ['oci-layout'];
  const isImage = layout !== undefined || hasNamesOfImage(files);
  const isDocker = manifest !== undefined && (isImage || Array.isArray(manifest.json));
  const isOci = isImage && (layout !== undefined || index !== undefined);
  if (isDocker || isOci)
    return [...(isDocker ? (['docker-archive'] as const) : []), ...(isOci ? (['oci-archive'] as const) : [])];
  return !isImage && (files.members > 0 || isEmptyTar(files)) ? ['tar'] : [];
}

function hasNamesOfImage(files: StoredFiles): boolean {
  for (const [name] of files.entries()) if (OF_AN_IMAGE.test(name)) return true;
  return false;
}

/** Keeps findings until it is known whether they are any. */
function holdBack(report: Report): { readonly report: Report; release(drop: boolean): void } {
  let held: Parameters<Report>[] | undefined = [];
  return {
    report: (...finding) => (held === undefined ? report(...finding) : void held.push(finding)),
    release(drop) {
      const findings = drop ? [] : held!;
      held = undefined;
      for (const finding of findings) report(...finding);
    },
  };
}

/** An archive without members is two zero blocks. */
function isEmptyTar({ archive }: StoredFiles): boolean {
  const start = archive && readBytes(archive, 0, 1024);
  return start !== undefined && start.length === 1024 && start.every((byte) => byte === 0);
}

/** Images of the index, and of docker's manifest those that are others; the same image in both is one. */
function mergeImages(oci: readonly StoredImage[], docker: readonly StoredImage[]): StoredImage[] {
  const left = new Set(docker);
  const merged = oci.map((image): StoredImage => {
    const same = [...left].filter((other) => isSame(image, other));
    for (const other of same) left.delete(other);
    return {
      ...image,
      names: new Set([...image.names, ...same.flatMap(({ names }) => [...names])]),
      docker: same.flatMap((other) => other.docker),
    };
  });
  return [...merged, ...left];
}

/** By the config: its content, or where it is missing the digest by which both refer to it. */
function isSame({ oci, config }: StoredImage, { docker, config: other }: StoredImage): boolean {
  if (config !== undefined && other !== undefined) return config.digest === other.digest;
  const stated = oci?.content?.config.digest;
  return stated !== undefined && digestOfPath(docker[0]!.configPath) === stated;
}
