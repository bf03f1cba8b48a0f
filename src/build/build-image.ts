import { displayName, encodeUtf8 } from '../bytes/index.js';
import { type Digest, type HashEngine, loadHashEngine } from '../digest/index.js';
import { createSealer } from '../layer/index.js';
import { familiarReference, type Platform } from '../oci/index.js';
import { inTurn, type LayerSource, writeImage } from '../transport/index.js';
import { BuildError } from './build-error.js';
import { compressionOf } from './compression.js';
import { assembleLayout } from './image-assembly.js';
import { type MeasuredLayer, type PreparedBuild, prepareBuild } from './prepare-build.js';
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
  try {
    return await writeBuild(build, output, spec, context, engine);
  } finally {
    build.base?.close();
  }
}

async function writeBuild(
  build: PreparedBuild,
  output: string,
  spec: BuildSpec,
  context: BuildContext,
  engine: HashEngine,
): Promise<BuiltImage> {
  const { layers, target } = build;
  const layerCompression = await compressionOf(build.layerCompression, spec.codec);
  const compression = await compressionOf(spec.compression, spec.codec);

  context.onReady?.();
  const onProgress = progressOf(layers, context);
  const jobs = spec.jobs ?? context.jobs;
  // Where the whole archive is compressed, that takes the time: threads are better used there than for its layers.
  const layerJobs = compression === undefined || layerCompression !== undefined ? jobs : 1;
  const sealer = createSealer({ engine, compression: layerCompression, jobs: layerJobs, signal: context.signal });
  const sources = layers.map(
    ({ entries, tar, tarSizeBytes }): LayerSource => ({
      tarSizeBytes,
      compressed: layerCompression !== undefined,
      seal: (output) => sealer.seal({ entries, tar, tarSizeBytes, output, onProgress }),
    }),
  );
  const baseSources = inTurn((build.base?.layers ?? []).map(({ source }) => source));
  const assembly = assembleLayout(build, engine, layerCompression !== undefined);
  const written = await writeImage(target!, assembly.layout, [...baseSources, ...sources], {
    engine,
    jobs,
    compression,
    temporaryDirectory: context.temporaryDirectory === undefined ? undefined : encodeUtf8(context.temporaryDirectory),
    signal: context.signal,
  }).finally(sealer.close);
  const reports = reportsOf(build);
  return {
    ...assembly.digests(written.layers),
    tags: [...new Set(build.tags.map(familiarReference))],
    platform: build.platform,
    layers: written.layers.map(({ diffId, digest, sizeBytes }, index) => ({
      diffId,
      digest,
      sizeBytes,
      ...reports[index]!,
    })),
    output,
    sizeBytes: written.sizeBytes,
    warnings: build.warnings,
  };
}

/**
 * Plans an image without reading a file's content or writing anything.
 *
 * @throws {TarsealError} as {@link buildImage} does before it reads contents
 */
export async function planImage(spec: BuildSpec, context: BuildContext = {}): Promise<ImagePlan> {
  const build = await prepareBuild(spec, context, await loadHashEngine(spec.hashEngine ?? 'auto'));
  build.base?.close();
  await compressionOf(build.layerCompression, spec.codec);
  await compressionOf(spec.compression, spec.codec);
  return {
    tags: [...new Set(build.tags.map(familiarReference))],
    platform: build.platform,
    layers: reportsOf(build),
    warnings: build.warnings,
  };
}

function reportsOf({ base, layers }: PreparedBuild): LayerReport[] {
  return [
    ...(base?.layers ?? []).map(({ source, members }) => ({
      items: [],
      isBase: true,
      tarSizeBytes: source.tarSizeBytes,
      entries: members,
    })),
    ...layers.map(({ items, entries, tarSizeBytes }) => ({
      items: items.map((item) => displayName(item)),
      isBase: false,
      tarSizeBytes,
      entries: entries.length,
    })),
  ];
}

function progressOf(
  layers: readonly MeasuredLayer[],
  { onProgress }: BuildContext,
): ((sizeBytes: number) => void) | undefined {
  if (onProgress === undefined) return undefined;
  const total = layers.reduce((sum, { tarSizeBytes }) => sum + tarSizeBytes, 0);
  let done = 0;
  return (sizeBytes) => {
    done += sizeBytes;
    onProgress(Math.min(done, total), total);
  };
}
