import type { Digest } from '../digest/index.js';
import type { ContainerConfig } from './container-config.js';
import type { MEDIA_TYPES } from './media-types.js';
import type { Platform } from './platform.js';

/** Text by key, e.g. annotations. */
export type StringMap = Readonly<Record<string, string>>;

/** What points at a blob: the digest and the size are those of the stored bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Size in bytes. */
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: StringMap;
}

/** An image manifest. */
export interface OciManifest {
  readonly schemaVersion: 2;
  readonly mediaType: typeof MEDIA_TYPES.manifest;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: StringMap;
}

/** An image index, as `index.json` holds it. */
export interface OciIndex {
  readonly schemaVersion: 2;
  readonly mediaType: typeof MEDIA_TYPES.index;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: StringMap;
}

/** How a layer came to be. Those without a layer carry `empty_layer: true`. */
export interface HistoryEntry {
  /** `1970-01-01T00:00:01Z`. */
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** The config of an image: the JSON whose SHA-256 is the image ID. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  readonly author?: string;
  readonly created?: string;
  readonly config?: ContainerConfig;
  readonly rootfs: {
    readonly type: 'layers';
    /** Digests of the uncompressed layer tars, the lowest layer first. */
    readonly diff_ids: readonly Digest[];
  };
  readonly history?: readonly HistoryEntry[];
}

/** One image of docker's `manifest.json`. */
export interface DockerManifestEntry {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}
