import { type ByteString, displayName } from '../bytes/index.js';
import { CompressError } from '../compress/index.js';
import type { Digest, HashEngine } from '../digest/index.js';
import type { ContainerConfig, Platform } from '../oci/index.js';
import { createTarDecoder, TarError, type TarHandler, type TarMember } from '../tar/index.js';
import { compressionOf, decodeSkipping, type StoredFile } from '../transport/index.js';
import { createFindings, type Finding, type LayerPlace, type Report } from './finding.js';
import { type ImageFormat, type OpenedImage, readBlob, type StoredImage, type StoredLayer } from './open/index.js';
import { type GivenImage, openGiven, type ReadOptions } from './read-options.js';
import { createWasteCollector, type Waste, type WasteCollector } from './waste.js';

export interface InspectOptions extends ReadOptions {
  /** Whether every content is read, to say what makes the image large. */
  readonly waste?: boolean;
  /** Told of each layer, before its members. */
  readonly onLayer?: (layer: LayerPlace) => void;
  /** Told of each member; without it no layer is read but for its headers. */
  readonly onMember?: (member: TarMember) => void;
}

/** An image as it describes itself: no digest has been verified. */
export interface InspectedImage {
  readonly names: readonly string[];
  /** Digest of the manifest; `null` where the format has none. */
  readonly manifest: Digest | null;
  /** Digest of the config: the image ID. */
  readonly image: Digest | null;
  readonly platform: Platform | null;
  /** As the config says it. */
  readonly created: string | null;
  readonly config: ContainerConfig;
  readonly layers: readonly InspectedLayer[];
  /** Where it was asked for. */
  readonly waste?: Waste;
}

export interface InspectedLayer {
  readonly diffId: Digest | null;
  /** Of the blob as it is stored, where a manifest says it. */
  readonly digest: Digest | null;
  readonly compression: string | null;
  /** Of the blob as it is stored; `null` where it is missing. */
  readonly sizeBytes: number | null;
  /** Members; `null` where they could not be read. */
  readonly entries: number | null;
  /** Paths of store items that have members, in their order. */
  readonly items: readonly string[];
}

export interface Inspection {
  readonly formats: readonly ImageFormat[];
  /** Of the file as it was given; `null` of a directory. */
  readonly sizeBytes: number | null;
  /** One without a config for a bare layer. */
  readonly images: readonly InspectedImage[];
  /** What could not be read. */
  readonly findings: readonly Finding[];
}

const STORE_ITEM = /^(?:\.?\/)?((?:nix|gnu)\/store\/[^/]+)/;

/** What is in a store and is no item. */
const NO_ITEM = /\/(?:\.links|\.\.?)$/;

/**
 * Says what a file or a layout holds. Of layers that are not compressed only headers are read; nothing is verified.
 *
 * @throws {TransportError} IMAGE_MISSING, IMAGE_INVALID where it cannot be opened at all, SPOOL_MISSING;
 *   {LayerError} ABORTED
 */
export async function inspectImage(image: GivenImage, options: InspectOptions = {}): Promise<Inspection> {
  const { report, list } = createFindings();
  const { opened, engine } = await openGiven(image, { hashEngine: 'auto', ...options }, report);
  try {
    const images = await inspectOpened(opened, engine, report, options);
    return {
      formats: opened.formats,
      sizeBytes: opened.sizeBytes ?? null,
      images,
      findings: list().filter(({ severity }) => severity === 'error'),
    };
  } finally {
    opened.close();
  }
}

async function inspectOpened(
  opened: OpenedImage,
  engine: HashEngine,
  report: Report,
  options: InspectOptions,
): Promise<InspectedImage[]> {
  const { formats, files, images } = opened;
  const collector = (): WasteCollector | undefined => (options.waste ? createWasteCollector(engine) : undefined);
  const archive = files.archive!;
  if (formats[0] === 'tar') {
    const file = { ...archive, close() {} };
    const layer: StoredLayer = { index: 0, path: '', descriptor: undefined, diffId: undefined, open: () => file };
    const waste = collector();
    const bare = await inspectLayer(layer, waste, report, options);
    const compression = files.isGzip ? 'gzip' : null;
    return [
      {
        ...describe({
          names: new Set(),
          oci: undefined,
          docker: [],
          config: undefined,
          content: undefined,
          layers: [],
        }),
        layers: [{ ...bare, compression, sizeBytes: opened.sizeBytes ?? null }],
        ...(waste && { waste: waste.finish() }),
      },
    ];
  }
  if (images.length === 0) report('IMAGE_NONE', 'it must hold an image, and holds none that can be read');
  const inspected: InspectedImage[] = [];
  for (const image of images) {
    const waste = collector();
    const layers: InspectedLayer[] = [];
    for (const layer of image.layers) layers.push(await inspectLayer(layer, waste, report, options));
    inspected.push({ ...describe(image), layers, ...(waste && { waste: waste.finish() }) });
  }
  return inspected;
}

function describe({ names, oci, docker, config, content }: StoredImage): Omit<InspectedImage, 'layers'> {
  const { created } = (config?.json ?? {}) as { readonly created?: unknown };
  return {
    names: shortestNames(names, docker),
    manifest: oci?.descriptors[0]?.digest ?? null,
    image: config?.digest ?? null,
    platform: content?.platform ?? null,
    created: typeof created === 'string' ? created : null,
    config: content?.config ?? {},
  };
}

/** Docker's, which are the shortest and have their tag; without them all that there are. */
function shortestNames(names: ReadonlySet<string>, docker: StoredImage['docker']): readonly string[] {
  const tags = new Set(docker.flatMap(({ repoTags }) => repoTags));
  return [...(tags.size > 0 ? tags : names)];
}

async function inspectLayer(
  layer: StoredLayer,
  waste: WasteCollector | undefined,
  report: Report,
  options: InspectOptions,
): Promise<InspectedLayer> {
  const { descriptor, diffId = null } = layer;
  const place: LayerPlace = { index: layer.index + 1, digest: diffId ?? descriptor?.digest ?? null };
  options.onLayer?.(place);
  const digest = descriptor?.digest ?? null;
  const file = layer.open();
  if (file === undefined) {
    report('BLOB_MISSING', `"${displayName(layer.path as ByteString)}" must be there, and is not`, { layer: place });
    return { diffId, digest, compression: null, sizeBytes: null, entries: null, items: [] };
  }
  try {
    const compression = compressionOf(file) ?? null;
    const items = new Set<string>();
    const entries = await readMembers(file, compression, waste, report, place, options, (member) => {
      const item = STORE_ITEM.exec(member.name.slice(0, 512))?.[1];
      if (item !== undefined && !NO_ITEM.test(item)) items.add(`/${displayName(item as ByteString)}`);
      options.onMember?.(member);
    });
    return { diffId, digest, compression, sizeBytes: file.sizeBytes, entries, items: [...items] };
  } finally {
    file.close();
  }
}

/** @returns how many there are; `null` where that cannot be known */
async function readMembers(
  file: StoredFile,
  compression: string | null,
  waste: WasteCollector | undefined,
  report: Report,
  layer: LayerPlace,
  { signal }: InspectOptions,
  use: (member: TarMember) => void,
): Promise<number | null> {
  if (compression !== null && compression !== 'gzip') {
    report('LAYER_UNREAD', `it must be uncompressed or gzip to be read, and is ${compression}`, { layer });
    return null;
  }
  waste?.beginLayer(layer.index - 1);
  const handler: TarHandler =
    waste === undefined
      ? { member: use }
      : {
          ...waste.handler,
          member(member) {
            use(member);
            waste.handler.member(member);
          },
        };
  const decoder = createTarDecoder(handler, { sparse: true });
  let failure: unknown;
  try {
    if (compression === null && waste === undefined) decodeSkipping(file, decoder);
    else failure = (await readBlob(file, { tar: (bytes) => decoder.push(bytes) }, signal)).failure;
    if (failure === undefined) return decoder.finish().members;
  } catch (error) {
    failure = error;
  }
  if (failure instanceof TarError)
    report('TAR_INVALID', failure.message, { layer, offset: failure.data['offset'] as number });
  else if (failure instanceof CompressError) report('LAYER_GZIP', failure.message, { layer });
  else throw failure;
  return null;
}
