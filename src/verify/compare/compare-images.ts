import { resolve } from 'node:path';
import { BLOCK_SIZE, encodeUtf8 } from '../../bytes/index.js';
import type { Digest } from '../../digest/index.js';
import { normalizedReference, OciError, parseReference } from '../../oci/index.js';
import { inspectHeader, TarError } from '../../tar/index.js';
import {
  openStoredFile,
  partOf,
  readBytes,
  readFailureOf,
  type StoredFile,
  splitImageName,
} from '../../transport/index.js';
import { createFindings, type Finding } from '../finding.js';
import type { ImageFormat, OpenedImage, StoredDocument, StoredImage, StoredLayer } from '../open/index.js';
import { type GivenImage, openGiven, type ReadOptions } from '../read-options.js';
import { compareDocuments, type DocumentComparison, type DocumentName } from './compare-documents.js';
import { compareTars, type FirstByte, type TarComparison } from './compare-tars.js';
import {
  type Both,
  createDifferences,
  type Difference,
  type DifferenceCount,
  type DifferenceSink,
  type LayerNumbers,
  shownText,
} from './difference.js';
import { pairImages } from './pair-images.js';
import { type LayerPair, movedLayers, pairLayers } from './pair-layers.js';
import { type HashedLayer, hashLayer, type LayerReadOptions, readHeaders, readTar } from './read-layers.js';
import { firstDifferingByte, type ReadTar } from './tar-bytes.js';

export interface CompareOptions extends ReadOptions {
  /** At most so many differences of one kind, layer and field are listed; all are counted. Default 10. */
  readonly limit?: number;
}

/** What was compared. */
export interface ComparedSide {
  /** As it was given, `-` for a stream. */
  readonly name: string;
  readonly formats: readonly ImageFormat[];
  /** Of the file; `null` of a directory. */
  readonly sizeBytes: number | null;
  /** Configs of its images. */
  readonly images: readonly (Digest | null)[];
  /** What is wrong with it as far as it was read; `verifyImage` finds all. */
  readonly findings: readonly Finding[];
}

/** Two layers that were taken for one, or one that has no other. */
export interface ComparedLayer {
  readonly image?: string;
  /** Not of a tar that is no image. */
  readonly layer?: LayerNumbers;
  /** Why they are a pair. */
  readonly by: LayerPair['by'];
  /** Of the uncompressed tar; `null` where there is none. */
  readonly diffId: Both<Digest | null>;
  /** Of the blob as it is stored, as is the size. */
  readonly digest: Both<Digest | null>;
  readonly sizeBytes: Both<number>;
  /** Where the tars first differ; `null` where they are equal. */
  readonly first: FirstByte | null;
}

export interface Comparison {
  readonly isEqual: boolean;
  readonly a: ComparedSide;
  readonly b: ComparedSide;
  readonly layers: readonly ComparedLayer[];
  /** From the outermost to the innermost. */
  readonly differences: readonly Difference[];
  /** All, those that are not listed too. */
  readonly counts: readonly DifferenceCount[];
}

type Place = Pick<Difference, 'image' | 'layer'>;

/** Is shown what is compared, while it can be read. */
export interface CompareObserver {
  /** Two tars that are not equal: layers, or the archives that hold images. */
  tars?(a: ReadTar, b: ReadTar, comparison: TarComparison, place: Place, images: Both<StoredImage | undefined>): void;
  /** Two blobs of one tar. */
  blobs?(a: HashedLayer, b: HashedLayer, place: Place): Promise<void>;
  documents?(comparison: DocumentComparison, images: Both<StoredImage | undefined>, place: Place): void;
}

const DEFAULT_LIMIT = 10;

/**
 * Compares two images or tars: what holds them, documents, layers, members, fields, bytes.
 *
 * @throws {TransportError} IMAGE_MISSING, IMAGE_INVALID where one cannot be opened, SPOOL_MISSING; {LayerError} ABORTED
 */
export async function compareImages(
  a: GivenImage,
  b: GivenImage,
  options: CompareOptions,
  observer: CompareObserver = {},
): Promise<Comparison> {
  const left = await openSide(a, options);
  try {
    const right = await openSide(b, options);
    try {
      const sink = createDifferences(options.limit ?? DEFAULT_LIMIT);
      const read = {
        engine: left.engine,
        temporaryDirectory:
          options.temporaryDirectory === undefined ? undefined : encodeUtf8(options.temporaryDirectory),
        signal: options.signal,
      };
      const layers = await compareSides(left, right, { sink, read, observer });
      const differences = sink.list();
      return {
        isEqual: differences.length === 0,
        a: describeSide(left),
        b: describeSide(right),
        layers,
        differences,
        counts: sink.counts(),
      };
    } finally {
      right.opened.close();
    }
  } finally {
    left.opened.close();
  }
}

interface Side {
  readonly name: string;
  readonly opened: OpenedImage;
  readonly engine: LayerReadOptions['engine'];
  /** The file as it was given; `undefined` of a stream or a directory. The caller closes it. */
  given(): StoredFile | undefined;
  findings(): readonly Finding[];
}

async function openSide(image: GivenImage, options: CompareOptions): Promise<Side> {
  const { report, list } = createFindings();
  const { opened, engine } = await openGiven(image, { ...options, hashEngine: options.hashEngine ?? 'auto' }, report);
  const name = typeof image === 'string' ? image : '-';
  const fail = readFailureOf('IMAGE', 'image', name);
  if (opened.formats.length === 0 && !isArchive(opened)) {
    opened.close();
    throw fail('INVALID', 'it must be an image or a tar archive, and is none');
  }
  return {
    name,
    opened,
    engine,
    given() {
      if (typeof image !== 'string' || opened.files.archive === undefined) return undefined;
      const { path } = splitImageName(image, (text) => resolve(options.cwd ?? '/', text));
      return openStoredFile(encodeUtf8(path), 'it', true, fail);
    },
    findings: list,
  };
}

/** Whether it begins as an archive does: what stands in it may be directories alone. */
function isArchive({ files: { archive } }: OpenedImage): boolean {
  if (archive === undefined) return false;
  try {
    inspectHeader(readBytes(archive, 0, BLOCK_SIZE));
    return true;
  } catch (error) {
    if (error instanceof TarError) return false;
    throw error;
  }
}

function describeSide({ name, opened: { formats, sizeBytes, images }, findings }: Side): ComparedSide {
  return {
    name,
    formats,
    sizeBytes: sizeBytes ?? null,
    images: images.map(({ config }) => config?.digest ?? null),
    findings: findings(),
  };
}

interface Work {
  readonly sink: DifferenceSink;
  readonly read: LayerReadOptions;
  readonly observer: CompareObserver;
}

async function compareSides(left: Side, right: Side, work: Work): Promise<ComparedLayer[]> {
  const { sink, read } = work;
  const [a, b] = [left.opened, right.opened];
  const [tarA, tarB] = [a.images.length === 0, b.images.length === 0];
  if (tarA && tarB) {
    const layers = { a: [bareLayer(left)], b: [bareLayer(right)] };
    return compareLayers(layers, {}, { a: undefined, b: undefined }, work, false);
  }
  const isSame =
    a.files.archive !== undefined &&
    b.files.archive !== undefined &&
    (await firstDifferingByte(a.files.archive, b.files.archive, read.signal)) === undefined;
  await compareContainers(left, right, isSame, work);
  if (isSame) return [];
  if (a.formats.join() === b.formats.join()) {
    const images = { a: a.images[0], b: b.images[0] };
    for (const name of ['oci-layout', 'index.json', 'manifest.json', 'repositories'] as const) {
      const [x, y] = [a, b].map(({ documents }) => documents.find(({ path }) => path === name));
      observeDocuments(name, x, y, images, {}, work);
    }
  }
  const pairs = tarA || tarB ? [{ a: a.images[0], b: b.images[0] }] : pairImages(a.images, b.images);
  const isOne = pairs.length === 1;
  const compared: ComparedLayer[] = [];
  for (const images of pairs) {
    const name = nameOf(images.a ?? images.b!);
    const place = isOne ? {} : { image: name };
    if ((images.a === undefined && !tarA) || (images.b === undefined && !tarB)) {
      sink.add({ kind: 'image', image: name, a: images.a ? name : null, b: images.b ? name : null });
      continue;
    }
    observeDocuments('manifest', images.a?.oci?.manifest, images.b?.oci?.manifest, images, place, work);
    observeDocuments('config', images.a?.config, images.b?.config, images, place, work);
    const layers = {
      a: images.a?.layers ?? [bareLayer(left)],
      b: images.b?.layers ?? [bareLayer(right)],
    };
    compared.push(...(await compareLayers(layers, place, images, work, true)));
  }
  return compared;
}

function observeDocuments(
  name: DocumentName,
  a: StoredDocument | undefined,
  b: StoredDocument | undefined,
  images: Both<StoredImage | undefined>,
  place: Pick<Difference, 'image'>,
  { sink, observer }: Work,
): void {
  const comparison = compareDocuments(name, a, b, sink, place);
  if (comparison !== undefined) observer.documents?.(comparison, images, place);
}

/** A tar that is a layer and nothing else, within gzip where it was. */
function bareLayer(side: Side): StoredLayer {
  const { archive, isGzip } = side.opened.files;
  return {
    index: 0,
    path: side.name,
    descriptor: undefined,
    diffId: undefined,
    open: () => (isGzip ? side.given() : undefined) ?? (archive && partOf(archive, 0, archive.sizeBytes)),
  };
}

async function compareContainers(left: Side, right: Side, isSame: boolean, work: Work): Promise<void> {
  const [a, b] = [left.opened, right.opened];
  const { sink, read, observer } = work;
  const check = (field: string, x: string, y: string): void => {
    if (x !== y) sink.add({ kind: 'container', field, a: x, b: y });
  };
  const formats = [a, b].map((side) => side.formats.join(' and '));
  check('format', formats[0]!, formats[1]!);
  const compressions = [a, b].map(({ files }) => (files.isGzip ? 'gzip' : 'none'));
  check('compression', compressions[0]!, compressions[1]!);
  if (formats[0] !== formats[1] && a.images.length > 0 && b.images.length > 0) {
    const names = [a, b].map(({ images }) => referencesOf(images));
    check('names', names[0]!, names[1]!);
  }
  if (isSame && (a.files.isGzip || b.files.isGzip)) await compareWrappers(left, right, work);
  if (isSame || formats[0] !== formats[1] || a.files.archive === undefined || b.files.archive === undefined) return;
  const [x, y] = [readHeaders(a.files.archive, read), readHeaders(b.files.archive, read)];
  // What is in the archives is compared for itself.
  const outer: DifferenceSink = {
    add(difference, more) {
      const { kind, field } = difference;
      const follows = kind === 'content' || kind === 'member' || (kind === 'archive' && field === 'content');
      sink.add(follows ? { ...difference, follows: true } : difference, follows ? undefined : more);
    },
  };
  const comparison = await compareTars(x, y, outer, {}, read.signal);
  observer.tars?.(x, y, comparison, {}, { a: a.images[0], b: b.images[0] });
}

/** Full references of images, which a document may shorten. */
function referencesOf(images: readonly StoredImage[]): string {
  const references = new Set<string>();
  for (const name of images.flatMap((image) => [...image.names])) {
    // A tag alone is part of a name that is there besides.
    if (!name.includes(':')) continue;
    try {
      references.add(normalizedReference(parseReference(name)));
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      references.add(name);
    }
  }
  return shownText([...references].sort().join(' '));
}

/** Compares two archives as they were given, one or both within gzip, that are the same without it. */
async function compareWrappers(left: Side, right: Side, { sink, read, observer }: Work): Promise<void> {
  const [a, b] = [await hashLayer(bareLayer(left), read), await hashLayer(bareLayer(right), read)];
  if (a.digest === b.digest) return;
  if (a.compression === b.compression) {
    sink.add({ kind: 'container', field: 'gzip', a: `${a.sizeBytes} bytes`, b: `${b.sizeBytes} bytes` });
  }
  await observer.blobs?.(a, b, {});
}

async function compareLayers(
  { a, b }: Both<readonly StoredLayer[]>,
  image: Pick<Difference, 'image'>,
  images: Both<StoredImage | undefined>,
  { sink, read, observer }: Work,
  isNumbered: boolean,
): Promise<ComparedLayer[]> {
  const hashedByPath = new Map<string, HashedLayer>();
  const hashAll = async (layers: readonly StoredLayer[], side: string): Promise<HashedLayer[]> => {
    const hashed: HashedLayer[] = [];
    for (const layer of layers) {
      const key = `${side}${layer.path}`;
      const known = hashedByPath.get(key) ?? (await hashLayer(layer, read));
      hashedByPath.set(key, known);
      hashed.push({ ...known, layer });
    }
    return hashed;
  };
  const [left, right] = [await hashAll(a, 'a'), await hashAll(b, 'b')];
  const tars = new Map<HashedLayer, ReadTar>();
  try {
    await readUnequal(left, right, tars, read);
    const pairable = (layers: readonly HashedLayer[]) =>
      layers.map((layer, index) => ({
        digest: layer.diffId ?? layer.digest ?? `missing ${layers === left ? 'a' : 'b'}${index}`,
        members: () => tars.get(layer)?.listing.members ?? [],
      }));
    const pairs = pairLayers(pairable(left), pairable(right));
    const moved = new Set(movedLayers(pairs));
    const compared: ComparedLayer[] = [];
    for (const pair of pairs) {
      const [x, y] = [left[pair.a], right[pair.b]];
      const numbers = { a: x === undefined ? null : pair.a + 1, b: y === undefined ? null : pair.b + 1 };
      const place = isNumbered ? { ...image, layer: numbers } : image;
      if (x === undefined || y === undefined) {
        sink.add({ ...place, kind: 'layer', a: x ? layerText(x) : null, b: y ? layerText(y) : null });
      } else {
        if (moved.has(pair)) {
          sink.add({ ...place, kind: 'layer', field: 'place', a: `layer ${numbers.a}`, b: `layer ${numbers.b}` });
        }
        await compareBlobs(x, y, place, sink, observer);
      }
      const [tarX, tarY] = [x && tars.get(x), y && tars.get(y)];
      const comparison =
        tarX === undefined || tarY === undefined || x!.diffId === y!.diffId
          ? undefined
          : await compareTars(tarX, tarY, sink, place, read.signal);
      if (comparison !== undefined) observer.tars?.(tarX!, tarY!, comparison, place, images);
      compared.push({
        ...place,
        by: pair.by,
        diffId: { a: x?.diffId ?? null, b: y?.diffId ?? null },
        digest: { a: x?.digest ?? null, b: y?.digest ?? null },
        sizeBytes: { a: x?.sizeBytes ?? 0, b: y?.sizeBytes ?? 0 },
        first: comparison?.first ?? null,
      });
    }
    return compared;
  } finally {
    for (const { file } of tars.values()) file.close();
  }
}

/** Reads the tars whose equal the other side has not. */
async function readUnequal(
  left: readonly HashedLayer[],
  right: readonly HashedLayer[],
  tars: Map<HashedLayer, ReadTar>,
  read: LayerReadOptions,
): Promise<void> {
  for (const [layers, others] of [
    [left, right],
    [right, left],
  ] as const) {
    const known = new Set(others.map(({ diffId }) => diffId));
    for (const layer of layers) {
      // Equal layers may be more on one side than on the other; what has no partner is not looked into.
      if (layer.digest === null || (layer.diffId !== null && known.has(layer.diffId))) continue;
      const tar = await readTar(layer.layer, read);
      if (tar !== undefined) tars.set(layer, tar);
    }
  }
}

async function compareBlobs(
  a: HashedLayer,
  b: HashedLayer,
  place: Place,
  sink: DifferenceSink,
  observer: CompareObserver,
): Promise<void> {
  if (a.digest === b.digest) return;
  const isSameTar = a.diffId !== null && a.diffId === b.diffId;
  if (!isSameTar && a.compression === b.compression && a.diffId !== null && b.diffId !== null) return;
  sink.add({ ...place, kind: 'blob', field: 'compression', a: blobText(a), b: blobText(b) });
  if (isSameTar) await observer.blobs?.(a, b, place);
}

function layerText({ diffId, digest, sizeBytes }: HashedLayer): string {
  return `${diffId ?? digest ?? 'missing'} ${sizeBytes} bytes`;
}

function blobText({ compression = 'uncompressed', digest, diffId, sizeBytes }: HashedLayer): string {
  if (digest === null) return 'missing';
  return `${compression}${diffId === null ? ` (not read), ${digest}` : ''}, ${sizeBytes} bytes`;
}

function nameOf({ names, oci, config }: StoredImage): string {
  const [name] = names;
  return shownText(name ?? oci?.descriptors[0]?.digest ?? config?.digest ?? 'without a name');
}
