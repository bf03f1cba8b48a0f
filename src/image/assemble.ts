import { type Digest, type HashEngine, sha256Of } from '../digest/index.js';
import {
  type ContainerConfig,
  canonicalJson,
  type Descriptor,
  familiarReference,
  formatTime,
  type ImageConfig,
  MEDIA_TYPES,
  type OciManifest,
  type Platform,
  type Reference,
  type StringMap,
} from '../oci/index.js';
import { compactContainerConfig } from './container-config.js';
import { indexJson, platformJson } from './index-json.js';
import { type ImageBase, type ImageLayer, layerHistory, requireLayerCount } from './layers.js';

/** All that decides the bytes of an image. */
export interface ImageInput {
  readonly base?: ImageBase | undefined;
  /** Above those of the base, the lowest first; one may occur twice. */
  readonly layers: readonly ImageLayer[];
  readonly config: ContainerConfig;
  readonly platform: Platform;
  /** Whole seconds since 1970-01-01T00:00:00Z. */
  readonly createdSeconds: number;
  readonly tags: readonly Reference[];
  /** Of the manifest. */
  readonly annotations: StringMap;
  readonly hashEngine: HashEngine;
}

/** An image without its layers: every other blob and document of it, ready to be written. */
export interface AssembledImage {
  readonly configBytes: Uint8Array;
  /** The image ID. */
  readonly configDigest: Digest;
  readonly configDescriptor: Descriptor;
  readonly manifestBytes: Uint8Array;
  readonly manifestDigest: Digest;
  readonly manifestDescriptor: Descriptor;
  /** Content of `index.json`. */
  readonly indexBytes: Uint8Array;
  /** `name:tag` of each tag, for docker's `manifest.json`. */
  readonly repoTags: readonly string[];
}

/**
 * Makes the config, the manifest and the index of an image. Pure: no clock, and equal inputs have equal bytes.
 *
 * @throws {ImageError} IMAGE_TOO_MANY_LAYERS above 125, those of the base included
 * @throws {OciError} OCI_TIME_RANGE, OCI_JSON_INVALID
 */
export function assembleImage(input: ImageInput): AssembledImage {
  const { platform, tags, annotations, hashEngine } = input;
  const layers = [...(input.base?.layers ?? []), ...input.layers];
  requireLayerCount(layers.length);

  const diffIds = layers.map(({ diffId }) => diffId);
  const configBytes = canonicalJson(imageConfig(input, diffIds));
  const configDescriptor = describe(hashEngine, MEDIA_TYPES.config, configBytes);
  const manifest: OciManifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: configDescriptor,
    layers: layers.map(({ descriptor: { mediaType, digest, size } }) => ({ mediaType, digest, size })),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
  const manifestBytes = canonicalJson(manifest);
  const manifestDescriptor = describe(hashEngine, MEDIA_TYPES.manifest, manifestBytes);

  return {
    configBytes,
    configDigest: configDescriptor.digest,
    configDescriptor,
    manifestBytes,
    manifestDigest: manifestDescriptor.digest,
    manifestDescriptor,
    indexBytes: indexJson({ manifest: manifestDescriptor, platform, tags }),
    repoTags: [...new Set(tags.map(familiarReference))],
  };
}

function imageConfig(
  { base, layers, config, platform, createdSeconds }: ImageInput,
  diffIds: readonly Digest[],
): ImageConfig {
  return {
    ...platformJson(platform),
    created: formatTime(createdSeconds),
    // Written when empty, too: clients have crashed on images without it.
    config: compactContainerConfig(config),
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: [...(base?.history ?? []), ...layerHistory(layers, createdSeconds)],
  };
}

function describe(hashEngine: HashEngine, mediaType: string, bytes: Uint8Array): Descriptor {
  return { mediaType, digest: sha256Of(hashEngine, bytes), size: bytes.length };
}
