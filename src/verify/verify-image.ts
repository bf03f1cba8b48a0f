import { displayText } from '../bytes/index.js';
import type { Digest } from '../digest/index.js';
import { kindOfMediaType, type Platform } from '../oci/index.js';
import { type BlobOptions, createBlobs } from './blobs.js';
import { checkArchive } from './check-archive.js';
import { checkConfig } from './check-config.js';
import { checkDocuments, checkManifest } from './check-documents.js';
import { checkNames } from './check-names.js';
import { checkTargets } from './check-targets.js';
import { createFindings, type Finding, type Report } from './finding.js';
import type { Severity } from './finding-table.js';
import type { ImageFormat, OpenedImage, StoredImage } from './open/index.js';
import { type GivenImage, openGiven, type ReadOptions } from './read-options.js';
import { type ScannedLayer, scanLayer } from './scan-layer.js';
import type { Target } from './target-rules.js';

export interface VerifyOptions extends ReadOptions {
  /** Loaders that are to read the image: what they would refuse is found too. */
  readonly targets?: readonly Target[];
}

/** An image as it was found to be: digests are those of its bytes, whatever it says of itself. */
export interface VerifiedImage {
  readonly names: readonly string[];
  /** `null` where the format has none. */
  readonly manifest: Digest | null;
  /** Digest of the config: the image ID. */
  readonly image: Digest | null;
  readonly platform: Platform | null;
  readonly layers: readonly VerifiedLayer[];
}

export interface VerifiedLayer {
  /** `null` where the layer is missing or could not be read. */
  readonly diffId: Digest | null;
  readonly digest: Digest | null;
  /** Of the blob as it is stored. */
  readonly sizeBytes: number;
  readonly members: number;
}

export interface Verification {
  readonly formats: readonly ImageFormat[];
  readonly images: readonly VerifiedImage[];
  /** Errors first, then warnings, then notes. */
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<Severity, number>>;
}

/**
 * Verifies an image, or all that a file or a layout holds: reads every byte of it once, computes every digest anew, and
 * says all that is wrong with it at once.
 *
 * @throws {TransportError} IMAGE_MISSING, IMAGE_INVALID where it cannot be opened at all, SPOOL_MISSING;
 *   {LayerError} ABORTED
 */
export async function verifyImage(image: GivenImage, options: VerifyOptions = {}): Promise<Verification> {
  const { report, has, list } = createFindings();
  const { opened, engine } = await openGiven(image, options, report);
  try {
    const images = await verifyOpened(opened, report, { engine, signal: options.signal });
    checkTargets(options.targets ?? [], { opened, has }, report);
    const findings = list();
    const counts = { error: 0, warning: 0, note: 0 };
    for (const { severity, count } of findings) counts[severity] += count;
    return { formats: opened.formats, images, findings, counts };
  } finally {
    opened.close();
  }
}

async function verifyOpened(opened: OpenedImage, report: Report, options: BlobOptions): Promise<VerifiedImage[]> {
  const { formats, files, images } = opened;
  if (formats[0] === 'tar') {
    const scanned = await scanLayer(files.archive!, {
      ...options,
      report,
      place: {},
      isLowest: false,
      signal: options.signal,
    });
    return [{ names: [], manifest: null, image: null, platform: null, layers: [describe(scanned)] }];
  }
  if (files.archive !== undefined) checkArchive(files.archive, createdTimes(images), report);
  checkDocuments(opened, report);
  checkNames(images, opened.documents, report);
  const blobs = createBlobs(opened, report, options);
  const verified: VerifiedImage[] = [];
  for (const image of images) {
    const place = images.length > 1 ? { image: nameOf(image) } : {};
    checkManifest(image, report, place);
    if (isContainerImage(image)) checkConfig(image, report, place);
    const layers: VerifiedLayer[] = [];
    for (const layer of image.layers) {
      const at = {
        ...place,
        layer: { index: layer.index + 1, digest: layer.diffId ?? layer.descriptor?.digest ?? null },
      };
      const scanned = await blobs.layer(layer, at, isContainerImage(image));
      layers.push(describe(scanned));
    }
    verified.push({
      names: [...image.names],
      manifest: image.oci?.manifest?.digest ?? null,
      image: image.config?.digest ?? null,
      platform: image.content?.platform ?? null,
      layers,
    });
  }
  await blobs.rest();
  return verified;
}

/** Whole seconds of when images and their layers were made, as their configs say. */
function createdTimes(images: readonly StoredImage[]): ReadonlySet<number> {
  const times = images.flatMap(({ config, content }) => [
    (config?.json as { readonly created?: unknown } | undefined)?.created,
    ...(content?.history ?? []).map(({ created }) => created),
  ]);
  return new Set(times.flatMap((time) => (typeof time === 'string' ? Math.floor(Date.parse(time) / 1000) : [])));
}

function describe(scanned: Partial<ScannedLayer> = {}): VerifiedLayer {
  const { diffId = null, digest = null, sizeBytes = 0, members = 0 } = scanned;
  return { diffId, digest, sizeBytes, members };
}

/** What is no container image, as an attestation, has blobs of any kind for layers. */
function isContainerImage({ oci, docker }: StoredImage): boolean {
  return docker.length > 0 || oci?.content === undefined || kindOfMediaType(oci.content.config.mediaType) === 'config';
}

function nameOf({ names, oci, config }: StoredImage): string {
  const [name] = names;
  return displayText(name ?? oci?.descriptors[0]?.digest ?? config?.digest ?? 'without a name');
}
