import {
  ANNOTATIONS,
  canonicalJson,
  type Descriptor,
  type DockerManifestEntry,
  MEDIA_TYPES,
  normalizedReference,
  type OciIndex,
  type Platform,
  type Reference,
} from '../oci/index.js';

/** What an `index.json` of one image says. */
export interface IndexInput {
  readonly manifest: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;
  readonly platform: Platform;
  readonly tags: readonly Reference[];
}

/**
 * The bytes of `index.json`: one descriptor per tag, all of the same manifest, in the order of the tags; with no tags
 * a single one without a name. A tag that is given twice stands once.
 */
export function indexJson({ manifest: { mediaType, digest, size }, platform, tags }: IndexInput): Uint8Array {
  const descriptor: Descriptor = { mediaType, digest, size, platform: platformJson(platform) };
  const names = new Map(tags.map((tag) => [normalizedReference(tag), tag.tag]));
  const index: OciIndex = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests:
      names.size === 0
        ? [descriptor]
        : Array.from(names, ([name, tag]) => ({
            ...descriptor,
            annotations: { [ANNOTATIONS.refName]: tag, [ANNOTATIONS.containerdImageName]: name },
          })),
  };
  return canonicalJson(index);
}

/** What docker's `manifest.json` says of one image. */
export interface DockerManifestInput {
  /** Path of the config in the archive. */
  readonly configPath: string;
  /** `name:tag` of each tag (`familiarReference`). */
  readonly repoTags: readonly string[];
  /** Path of each layer in the archive, as many as there are diffIDs: one that occurs twice is listed twice. */
  readonly layerPaths: readonly string[];
}

/** The bytes of docker's `manifest.json`. */
export function dockerManifestJson({ configPath, repoTags, layerPaths }: DockerManifestInput): Uint8Array {
  const entry: DockerManifestEntry = { Config: configPath, RepoTags: [...new Set(repoTags)], Layers: layerPaths };
  return canonicalJson([entry]);
}

/** The platform alone, without what else the caller's object may carry. */
export function platformJson({ os, architecture, variant }: Platform): Platform {
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}
