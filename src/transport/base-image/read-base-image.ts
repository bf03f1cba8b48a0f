import type { ByteString } from '../../bytes/index.js';
import type { HashEngine } from '../../digest/index.js';
import type { ContainerConfig, HistoryEntry, Platform } from '../../oci/index.js';
import { openImageFiles } from '../stored/image-files.js';
import { type ReadFailure, readFailureOf } from '../stored/read-failure.js';
import type { StoredFile } from '../stored/stored-file.js';
import { type BaseLayer, readBaseLayer } from './base-layer.js';
import { type BaseTree, createBaseTree } from './base-tree.js';
import { requirePlatform } from './choose-image.js';
import { findImage } from './find-image.js';

/** What is read before it is refused for its size; far beyond any image that is in use. */
export interface BaseImageLimits {
  /** Members of all layers, and directories that they imply; default 10 million. */
  readonly maxMembers?: number;
  /** Of one uncompressed layer, in bytes; default 64 GiB. */
  readonly maxTarSizeBytes?: number;
  /** Of an archive within gzip, in bytes; default 64 GiB. */
  readonly maxArchiveSizeBytes?: number;
}

export interface BaseImageOptions {
  readonly engine: HashEngine;
  /** The platform that the image must be of. */
  readonly platform: Platform;
  /** Whether nobody stated it, which a message then says. */
  readonly platformIsDefault: boolean;
  /** A tag or a reference that chooses among several images. */
  readonly reference?: string | undefined;
  /** Where an archive within gzip is decompressed. */
  readonly temporaryDirectory: ByteString | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How messages name the image. */
  readonly shown: string;
  readonly limits?: BaseImageLimits;
}

/** An image that another one stands on, all of whose bytes have been read and are what their digests say. */
export interface BaseImage {
  /** As its config says it. */
  readonly platform: Platform;
  readonly config: ContainerConfig;
  /** One entry per layer besides those with `empty_layer`; made up where the image has none. */
  readonly history: readonly HistoryEntry[];
  readonly layers: readonly BaseLayer[];
  /** What the layers together show. */
  readonly files: BaseTree;
  /** Closes files and removes what was decompressed; the layers' sources give nothing any more. */
  close(): void;
}

/** What Docker can have at all. */
const MAX_LAYERS = 127;
const MAX_MEMBERS = 10_000_000;
const MAX_TAR_SIZE = 64 * 2 ** 30;

/**
 * Reads an image: a docker-archive of any age, an OCI archive, either of them within gzip, or an OCI layout. What it is
 * is told by its content. Everything is verified in one reading: digests and sizes of the manifest, the config and the
 * layers, the layers' digests uncompressed, their number and that of the history.
 *
 * @param path of a file or a directory on this machine
 * @throws {TransportError} BASE_MISSING, BASE_INVALID, BASE_DIGEST, BASE_UNSUPPORTED, BASE_AMBIGUOUS, BASE_PLATFORM,
 *   SPOOL_MISSING; {LayerError} ABORTED
 */
export async function readBaseImage(path: ByteString, options: BaseImageOptions): Promise<BaseImage> {
  const { engine, signal, limits = {}, temporaryDirectory } = options;
  const { maxMembers = MAX_MEMBERS, maxTarSizeBytes = MAX_TAR_SIZE, maxArchiveSizeBytes } = limits;
  const fail = readFailureOf('BASE', 'base image', options.shown);
  if (path === '-') throw fail('UNSUPPORTED', 'it must be a file or a directory, and is standard input');

  const open: Pick<StoredFile, 'close'>[] = [];
  const close = (): void => {
    for (const file of open.splice(0)) file.close();
  };
  try {
    const files = await openImageFiles(path, { fail, temporaryDirectory, signal, maxArchiveSizeBytes });
    open.push(files);
    const choice = {
      platform: options.platform,
      platformIsDefault: options.platformIsDefault,
      reference: options.reference,
    };
    const { config, layers: found } = findImage(files, { ...choice, engine, fail });
    requirePlatform(config.platform, choice, fail);
    requireCounts(found.length, config, fail);

    const tree = createBaseTree(maxMembers, fail);
    const layers: BaseLayer[] = [];
    for (const [index, { name, digest, open: openLayer }] of found.entries()) {
      const file = openLayer();
      open.push(file);
      const layer = await readBaseLayer(
        { file, subject: `layer ${index + 1} (${name})`, diffId: config.diffIds[index]!, digest },
        { engine, signal, fail, tree, maxTarSizeBytes },
      );
      layers.push(layer);
    }
    return {
      platform: config.platform,
      config: config.config,
      history:
        config.history.length > 0 ? config.history : layers.map(() => ({ created_by: 'layer of the base image' })),
      layers,
      files: tree.tree,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function requireCounts(
  layers: number,
  { diffIds, history }: { readonly diffIds: readonly unknown[]; readonly history: readonly HistoryEntry[] },
  fail: ReadFailure,
): void {
  if (layers > MAX_LAYERS) {
    throw fail('INVALID', `it must have at most ${MAX_LAYERS} layers, and has ${layers}`, { limit: MAX_LAYERS });
  }
  if (diffIds.length !== layers) {
    throw fail('INVALID', `its config must have ${layers} diff_ids, one for each layer, and has ${diffIds.length}`);
  }
  const described = history.filter((entry) => entry.empty_layer !== true).length;
  if (history.length > 0 && described !== layers) {
    throw fail('INVALID', `its history must have ${layers} entries that are no empty layers, and has ${described}`);
  }
}
