import { type ByteString, baseName, decodeUtf8, displayName, encodeUtf8 } from '../bytes/index.js';
import { CODEC_NAMES, checkLevel, loadCodec, parseCompression } from '../compress/index.js';
import { type Digest, type HashEngine, loadHashEngine } from '../digest/index.js';
import { parseModeChanges, parseOwner } from '../entry/index.js';
import { assembleGuixConfig, assembleImage, guixLayerId, type ImageLayer } from '../image/index.js';
import { type LayerCompression, type SealedLayer, sealLayer } from '../layer/index.js';
import {
  type ContainerConfig,
  canonicalizeRepositoryName,
  defaultRepositoryName,
  familiarReference,
  MEDIA_TYPES,
  type Platform,
  parsePlatform,
  parseReference,
  parseTime,
  platformOfSystem,
  type Reference,
} from '../oci/index.js';
import { measureArchive, TAR_FORMATS, type TarFormat, type TarOptions } from '../tar/index.js';
import {
  archiveTarget,
  directoryTarget,
  guixLayeredMembers,
  guixSingleMembers,
  type ImageLayout,
  isEmptyOrOciLayout,
  type LayerSource,
  type OutputTarget,
  ociMembers,
  writeImage,
} from '../transport/index.js';
import { BuildError } from './build-error.js';
import { annotationsOf, containerConfigOf } from './container-config.js';
import { type ImageSources, readImageSources } from './image-sources.js';
import { type PlannedLayer, planGuixLayers, planNativeLayers } from './layering.js';
import { resolveSpecPaths } from './resolve-spec.js';
import type { BuildContext, BuildSpec } from './spec.js';

/** A layer as it was planned. */
export interface LayerReport {
  /** Image paths of what is in it. */
  readonly items: readonly string[];
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

/** Layers of a layered image where no number is given: room for what is built on it, below Docker's 125. */
const DEFAULT_MAX_LAYERS = 100;

/** Names that one history entry lists at the most; a layer of ten thousand items must not make a config of megabytes. */
const MAX_HISTORY_ITEMS = 50;

/**
 * Builds an image and writes it to `spec.output`: equal names, types, modes, link targets and contents give equal
 * bytes, wherever and whenever.
 *
 * @throws {TarsealError} with a stable code; nothing partial is left behind, and a target that was there is untouched
 */
export async function buildImage(spec: BuildSpec, context: BuildContext = {}): Promise<BuiltImage> {
  const build = prepare(spec, context);
  if (build.target === undefined)
    throw new BuildError('SPEC_INVALID', 'Cannot build: an output must be given, and there is none');
  const { target, layers, tar } = build;
  const engine = await loadHashEngine(spec.hashEngine ?? 'auto');
  const layerCompression = await compressionOf(build.layerCompression, spec.codec);
  const compression = await compressionOf(spec.compression ?? 'none', spec.codec);

  const onProgress = progressOf(layers, context);
  const sources = layers.map(
    ({ entries, tarSizeBytes }): LayerSource => ({
      tarSizeBytes,
      compressed: layerCompression !== undefined,
      seal: (sink) =>
        sealLayer(entries, sink, { tar, engine, compression: layerCompression, signal: context.signal, onProgress }),
    }),
  );
  const assembly = layoutOf(build, engine, layerCompression !== undefined);
  const written = await writeImage(target, assembly.layout, sources, {
    engine,
    compression,
    temporaryDirectory: context.temporaryDirectory === undefined ? undefined : encodeUtf8(context.temporaryDirectory),
    signal: context.signal,
  });
  const { image, manifest } = assembly.digests(written.layers);
  return {
    image,
    manifest,
    tags: build.tags.map(familiarReference),
    platform: build.platform,
    layers: layers.map((layer, index) => {
      const { diffId, digest, sizeBytes } = written.layers[index]!;
      return { diffId, digest, sizeBytes, ...reportOf(layer) };
    }),
    output: spec.output!,
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
  const build = prepare(spec, context);
  await compressionOf(build.layerCompression, spec.codec);
  await compressionOf(spec.compression ?? 'none', spec.codec);
  return {
    tags: build.tags.map(familiarReference),
    platform: build.platform,
    layers: build.layers.map(reportOf),
    warnings: build.warnings,
  };
}

interface MeasuredLayer extends PlannedLayer {
  readonly tarSizeBytes: number;
}

interface Prepared {
  /** With absolute paths. */
  readonly spec: BuildSpec;
  readonly dialect: 'native' | 'guix';
  readonly format: NonNullable<BuildSpec['format']>;
  readonly target: OutputTarget | undefined;
  readonly tar: TarOptions;
  readonly layers: readonly MeasuredLayer[];
  readonly layered: boolean;
  readonly tags: readonly Reference[];
  readonly platform: Platform;
  readonly createdSeconds: number;
  readonly config: ContainerConfig;
  readonly layerCompression: string;
  readonly profile: string | undefined;
  readonly warnings: readonly string[];
}

/** Everything before a file's content is read. */
function prepare(given: BuildSpec, context: BuildContext): Prepared {
  const spec = resolveSpecPaths(given, context.cwd);
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    context.onWarning?.(message);
  };
  const dialect = spec.dialect ?? 'native';
  const format = spec.format ?? 'docker-archive';
  const maxLayers = maxLayersOf(spec);
  const layerCompression = spec.layerCompression ?? (format === 'oci-layout' ? 'gzip' : 'none');
  checkCombinations(spec, dialect, format, maxLayers, layerCompression);

  const profile = spec.prefix ?? spec.paths?.at(-1);
  const tar: TarOptions = { format: tarFormatOf(spec, dialect), strict: spec.strict ?? false };
  const platform = platformOf(spec);
  const createdSeconds = parseTime(spec.created ?? '@1');
  const config = containerConfigOf(spec, profile);
  const tags = tagsOf(spec, dialect);
  annotationsOf(spec);

  const target = spec.output === undefined ? undefined : targetOf(encodeUtf8(spec.output), format);
  const sources = readImageSources(spec, {
    owner: parseOwner(encodeUtf8(spec.owner ?? 'root:0'), 'owner'),
    group: parseOwner(encodeUtf8(spec.group ?? 'root:0'), 'group'),
    mtimeSeconds: parseTime(spec.mtime ?? '@1'),
    mode: spec.mode === undefined ? undefined : parseModeChanges(spec.mode),
    outputs: target?.kind !== 'stream' && target?.identity !== undefined ? [target.identity] : [],
    symlinksReplace: dialect === 'guix',
    onWarning: warn,
  });
  const layers = planLayers(sources, dialect, maxLayers, tar);
  if (layers.length === 0) warn('the image has no layers: nothing of the sources is left');
  return {
    spec,
    dialect,
    format,
    target,
    tar,
    layers: layers.map((layer) => ({ ...layer, tarSizeBytes: measureArchive(layer.entries, tar) })),
    layered: maxLayers !== undefined,
    tags,
    platform,
    createdSeconds,
    config,
    layerCompression,
    profile,
    warnings,
  };
}

function planLayers(
  sources: ImageSources,
  dialect: Prepared['dialect'],
  maxLayers: number | undefined,
  tar: TarOptions,
): PlannedLayer[] {
  return dialect === 'guix'
    ? planGuixLayers(sources, { maxLayers, tar })
    : planNativeLayers(sources, { maxLayers, tar });
}

/** The number of layers, or `undefined` for a single one. */
function maxLayersOf({ layers, maxLayers }: BuildSpec): number | undefined {
  if (layers === 'single' && maxLayers !== undefined) {
    throw conflict(`--layers single takes no --max-layers, and ${maxLayers} is given`);
  }
  if (layers === undefined && maxLayers === undefined) return undefined;
  if (layers === 'single') return undefined;
  if (layers !== undefined && layers !== 'size') {
    throw new BuildError('SPEC_INVALID', `Cannot use --layers "${String(layers)}": it must be single or size`, {
      value: layers,
    });
  }
  return maxLayers ?? DEFAULT_MAX_LAYERS;
}

function checkCombinations(
  spec: BuildSpec,
  dialect: string,
  format: string,
  maxLayers: number | undefined,
  layerCompression: string,
): void {
  oneOf('dialect', dialect, ['native', 'guix']);
  oneOf('format', format, ['docker-archive', 'oci-archive', 'oci-layout']);
  if (spec.jobs !== undefined && (!Number.isInteger(spec.jobs) || spec.jobs < 1 || spec.jobs > 1024)) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --jobs ${spec.jobs}: it must be an integer from 1 to 1024, and is ${spec.jobs}`,
      {
        value: spec.jobs,
      },
    );
  }
  const sources = [spec.paths, spec.add, spec.symlink, spec.directory].flatMap((list) => list ?? []);
  if (
    sources.length === 0 &&
    spec.root === undefined &&
    spec.database === undefined &&
    Object.keys(spec.files ?? {}).length === 0
  ) {
    throw new BuildError('SPEC_INVALID', 'Cannot build: at least one source must be given, and there is none');
  }
  if (spec.platform !== undefined && spec.system !== undefined)
    throw conflict('--platform and --system say the same, and both are given');
  if (format === 'oci-layout' && parseCompression(spec.compression ?? 'none').encoding !== 'none') {
    throw conflict('--compression is of an archive, and an OCI layout is a directory');
  }
  if (dialect !== 'guix') return;
  if (format !== 'docker-archive') throw conflict(`--dialect guix is a docker-archive, and --format is ${format}`);
  if (parseCompression(layerCompression).encoding !== 'none')
    throw conflict('--dialect guix has uncompressed layers, and --layer-compression is given');
  if ((spec.annotation ?? []).length > 0)
    throw conflict('--dialect guix has no manifest that could carry an --annotation');
  if (spec.root !== undefined) {
    const extra = [...(spec.add ?? []), ...(spec.symlink ?? []), ...(spec.directory ?? [])];
    if (extra.length > 0 || spec.database !== undefined || Object.keys(spec.files ?? {}).length > 0) {
      throw conflict(
        '--dialect guix has nothing beside the children of --root in their layer, and other sources are given',
      );
    }
    if (maxLayers === undefined && (spec.paths ?? []).length > 0) {
      throw conflict('--dialect guix has the children of --root instead of paths, and both are given');
    }
  }
  if (maxLayers === undefined && spec.prefix === undefined && (spec.paths ?? []).length === 0) {
    throw conflict(
      '--dialect guix names its layer after the profile: --prefix or a path must be given, and there is neither',
    );
  }
}

function tarFormatOf({ tarFormat, strict }: BuildSpec, dialect: string): TarFormat {
  const format = tarFormat ?? (dialect === 'guix' ? 'gnu' : 'ustar');
  oneOf('tar-format', format, TAR_FORMATS);
  if (strict && format !== 'ustar') throw conflict(`--strict is for the ustar format, and the format is ${format}`);
  return format;
}

function platformOf({ platform, system }: BuildSpec): Platform {
  return system === undefined ? parsePlatform(platform ?? 'linux/amd64') : platformOfSystem(system);
}

function tagsOf(spec: BuildSpec, dialect: string): Reference[] {
  const given = spec.tag ?? [];
  if (given.length === 0) {
    const first = spec.paths?.[0];
    const name = first === undefined ? '' : decodeUtf8(baseName(encodeUtf8(first)));
    return [
      {
        repository:
          dialect === 'guix' && name !== ''
            ? canonicalizeRepositoryName(withoutStoreHash(name))
            : defaultRepositoryName(name),
        tag: 'latest',
      },
    ];
  }
  if (dialect !== 'guix') return given.map((text) => parseReference(text));
  if (given.length > 1) throw conflict(`--dialect guix has one tag, and ${given.length} are given`);
  return given.map((text) => {
    // A tag follows the last colon after the last slash; what is before it is any name.
    const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
    const { tag } = parseReference(`image${colon < 0 ? '' : text.slice(colon)}`);
    return { repository: canonicalizeRepositoryName(colon < 0 ? text : text.slice(0, colon)), tag };
  });
}

function withoutStoreHash(name: string): string {
  return name.replace(/^[0-9abcdfghijklmnpqrsvwxyz]{32}-/, '');
}

function targetOf(output: ByteString, format: string): OutputTarget {
  return format === 'oci-layout' ? directoryTarget(output, isEmptyOrOciLayout) : archiveTarget(output);
}

async function compressionOf(text: string, codecName: string | undefined): Promise<LayerCompression | undefined> {
  const parsed = parseCompression(text);
  if (codecName !== undefined && !CODEC_NAMES.some((name) => name === codecName)) await loadCodec(codecName);
  if (parsed.encoding === 'none') return undefined;
  const codec = await loadCodec(codecName ?? DEFAULT_CODEC);
  const level = parsed.level ?? codec.defaultLevel;
  checkLevel(codec, level);
  return { codec, level };
}

const DEFAULT_CODEC = 'gzip-fflate-1';

interface Assembly {
  readonly layout: ImageLayout;
  digests(layers: readonly SealedLayer[]): { image: Digest; manifest: Digest | null };
}

function layoutOf(build: Prepared, engine: HashEngine, compressed: boolean): Assembly {
  const { config, platform, createdSeconds, tags, spec } = build;
  const describe = (sealed: readonly SealedLayer[]): ImageLayer[] =>
    sealed.map(({ diffId, digest, sizeBytes }, index) => ({
      diffId,
      descriptor: { mediaType: compressed ? MEDIA_TYPES.layerTarGzip : MEDIA_TYPES.layerTar, digest, size: sizeBytes },
      history: { createdBy: 'tarseal build', comment: historyComment(build.layers[index]!.items) },
    }));

  if (build.dialect === 'guix') {
    const assemble = (layers: readonly SealedLayer[]) =>
      assembleGuixConfig({ layers: describe(layers), config, platform, createdSeconds, hashEngine: engine });
    const [{ repository, tag }] = tags as [Reference];
    const layout = build.layered
      ? guixLayeredMembers(assemble, { repository, tag })
      : guixSingleMembers(
          assemble,
          { repository, tag },
          guixLayerId(engine, encodeUtf8(build.profile ?? '')),
          createdSeconds,
        );
    return { layout, digests: (layers) => ({ image: assemble(layers).configDigest, manifest: null }) };
  }

  const assemble = (layers: readonly SealedLayer[]) =>
    assembleImage({
      layers: describe(layers),
      config,
      platform,
      createdSeconds,
      tags,
      annotations: annotationsOf(spec),
      hashEngine: engine,
    });
  return {
    layout: ociMembers(assemble, build.format === 'docker-archive'),
    digests: (layers) => {
      const { configDigest, manifestDigest } = assemble(layers);
      return { image: configDigest, manifest: manifestDigest };
    },
  };
}

function historyComment(items: readonly ByteString[]): string {
  const listed = items.slice(0, MAX_HISTORY_ITEMS).map((item) => displayName(item));
  const more = items.length - listed.length;
  return more > 0 ? `${listed.join(' ')} and ${more} more` : listed.join(' ');
}

function reportOf({ items, entries, tarSizeBytes }: MeasuredLayer): LayerReport {
  return { items: items.map((item) => displayName(item)), tarSizeBytes, entries: entries.length };
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

function oneOf(option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --${option} "${displayName(encodeUtf8(value))}": it must be one of ${known.join(', ')}`,
      { option, value, known },
    );
  }
}

function conflict(why: string): BuildError {
  return new BuildError('SPEC_CONFLICT', `Cannot build: ${why}`);
}
