import { displayName } from '../bytes/index.js';
import { type Digest, loadHashEngine } from '../digest/index.js';
import { familiarReference, type Platform } from '../oci/index.js';
import { BuildError } from './build-error.js';
import { compressionOf } from './compression.js';
import { writeListedImage } from './listed-image.js';
import { loadOrTell } from './load-or-tell.js';
import { type PreparedBuild, prepareBuild } from './prepare-build.js';
import { type MeasuredLayer, readLayers } from './read-layers.js';
import type { BuildContext, BuildSpec } from './spec.js';

/** A layer as it was planned. */
export interface LayerReport {
  /** Image paths of what is in it; none of a layer of the base image. */
  readonly items: readonly string[];
  /** Whether the layer is the base image's. */
  readonly isBase: boolean;
  /** Exact size of the uncompressed tar in bytes. */
  readonly tarSizeBytes: number;
  readonly entries: number;
}

/** A layer as it was written. */
export interface BuiltLayer extends LayerReport {
  readonly diffId: Digest;
  /** Of the blob as it is stored. */
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** What a build would do. */
export interface ImagePlan {
  readonly tags: readonly string[];
  readonly platform: Platform;
  readonly layers: readonly LayerReport[];
  readonly warnings: readonly string[];
}

/** What a build did. */
export interface BuiltImage extends Omit<ImagePlan, 'layers'> {
  /** Digest of the config: the image ID. */
  readonly image: Digest;
  /** Digest of the manifest; `null` where the format has none. */
  readonly manifest: Digest | null;
  readonly layers: readonly BuiltLayer[];
  readonly output: string;
  /** Of the output, in bytes. */
  readonly sizeBytes: number;
}

/**
 * Builds an image and writes it to `spec.output`: equal names, types, modes, link targets and contents give equal
 * bytes, wherever and whenever.
 *
 * @throws {TarsealError} with a stable code; nothing partial is left behind, and a target that was there is untouched
 */
export async function buildImage(spec: BuildSpec, context: BuildContext = {}): Promise<BuiltImage> {
  const output = context.sink === undefined ? spec.output : '-';
  if (output === undefined)
    throw new BuildError('SPEC_INVALID', 'Cannot build: an output must be given, and there is none');
  const engine = await loadHashEngine(spec.hashEngine ?? 'auto');
  const build = await prepareBuild(spec, context, engine);
  let isReady = false;
  const onReady = (): void => {
    if (!isReady) context.onReady?.();
    isReady = true;
  };
  const request = { build, engine, context: { ...context, onReady }, jobs: jobsOf(build, context) };
  try {
    let reason: unknown;
    const listed = await writeListedImage(request, (error) => {
      reason = error;
    });
    const { assembly, layers, written } =
      listed ?? (await (await loadOrTell(import('./read-image.js'), reason)).writeReadImage(request));
    const { tags, platform, warnings } = build;
    const itemsOf = [...(build.base?.layers ?? []).map(() => undefined), ...layers.map(({ items }) => items)];
    return {
      ...assembly.digests(written.layers),
      tags: [...new Set(tags.map(familiarReference))],
      platform,
      layers: written.layers.map(({ diffId, digest, sizeBytes, tarSizeBytes, members }, index) => ({
        diffId,
        digest,
        sizeBytes,
        items: (itemsOf[index] ?? []).map((item) => displayName(item)),
        isBase: itemsOf[index] === undefined,
        tarSizeBytes,
        entries: members,
      })),
      output,
      sizeBytes: written.sizeBytes,
      warnings,
    };
  } finally {
    build.base?.close();
  }
}

/**
 * Plans an image without reading a file's content or writing anything.
 *
 * @throws {TarsealError} as {@link buildImage} does before it reads contents
 */
export async function planImage(spec: BuildSpec, context: BuildContext = {}): Promise<ImagePlan> {
  const build = await prepareBuild(spec, context, await loadHashEngine(spec.hashEngine ?? 'auto'));
  try {
    const layers = readLayers(build, jobsOf(build, context));
    await compressionOf(build.layerCompression, spec.codec);
    await compressionOf(spec.compression, spec.codec);
    return {
      tags: [...new Set(build.tags.map(familiarReference))],
      platform: build.platform,
      layers: [...reportsOfBase(build), ...layers.map(reportOf)],
      warnings: build.warnings,
    };
  } finally {
    build.base?.close();
  }
}

function jobsOf({ spec }: PreparedBuild, { jobs = 1 }: BuildContext): number {
  return spec.jobs ?? jobs;
}

function reportsOfBase({ base }: PreparedBuild): LayerReport[] {
  return (base?.layers ?? []).map(({ source, members }) => ({
    items: [],
    isBase: true,
    tarSizeBytes: source.tarSizeBytes,
    entries: members,
  }));
}

function reportOf({ items, entries, tarSizeBytes }: MeasuredLayer): LayerReport {
  return { items: items.map((item) => displayName(item)), isBase: false, tarSizeBytes, entries: entries.length };
}
