import { isReference } from './check-names.js';
import type { FindingCode } from './finding-table.js';
import type { OpenedImage } from './open/index.js';

/** Loaders whose refusals are known. */
export type Target = 'docker' | 'podman' | 'containerd' | 'skopeo';

export const TARGETS: readonly Target[] = ['docker', 'podman', 'containerd', 'skopeo'];

/**
 * What reads images: `docker load` (and its classic store, which unpacks at once); containers/image by `docker-archive:`
 * and by `oci-archive:` or `oci:`, of which Podman tries one after the other and skopeo takes the one it is told; the
 * storage into which Podman unpacks; `ctr images import`, which unpacks too.
 */
export type LoaderPart =
  | 'docker'
  | 'docker-archive'
  | 'docker-archive of skopeo'
  | 'oci-archive'
  | 'oci-archive of skopeo'
  | 'storage'
  | 'containerd';

/** What is known of an image when its findings are there. */
export interface TargetFacts {
  readonly opened: OpenedImage;
  has(code: FindingCode): boolean;
}

export interface TargetRule {
  /** What is refused, as messages say it. */
  readonly what: string;
  readonly refusedBy: readonly LoaderPart[];
  readonly applies: (facts: TargetFacts) => boolean;
}

const isOci = ({ opened }: TargetFacts): boolean => opened.documents.some(({ path }) => path === 'index.json');
const isDocker = ({ opened }: TargetFacts): boolean => opened.documents.some(({ path }) => path === 'manifest.json');
const found =
  (...codes: readonly FindingCode[]) =>
  ({ has }: TargetFacts): boolean =>
    codes.some(has);

const UNPACKERS: readonly LoaderPart[] = ['docker', 'storage', 'containerd'];

/**
 * What loaders refuse, each row held by real loads (docker 20.10, podman 4.3, containerd 1.6, skopeo 1.9).
 *
 * Sources: moby/moby image/tarexport/load.go (what `docker load` reads and compares), layer/layer_store.go
 * (maxLayerDepth 125), image/fs.go and image/rootfs.go (the config), daemon/graphdriver and pkg/archive (unpacking);
 * vbatts/tar-split tar/storage/packer.go (paths that stand twice; of Docker and of containers/storage);
 * containers/image docker/internal/tarfile/src.go and reader.go, oci/layout/oci_transport.go ("more than one image"),
 * copy/digesting_reader.go; containerd/containerd images/archive/importer.go, archive/tar.go, rootfs/apply.go (diffIDs).
 */
export const TARGET_RULES: readonly TargetRule[] = [
  {
    what: 'an image without manifest.json (Docker reads an OCI archive from version 25 on)',
    refusedBy: ['docker', 'docker-archive'],
    applies: (facts) => !isDocker(facts),
  },
  { what: 'an image without index.json', refusedBy: ['oci-archive'], applies: (facts) => !isOci(facts) },
  {
    what: 'a directory: it must be copied into an archive or a registry',
    refusedBy: ['docker', 'containerd'],
    applies: ({ opened }) => opened.files.isDirectory,
  },
  {
    what: 'an archive within gzip',
    refusedBy: ['containerd', 'docker-archive'],
    applies: ({ opened }) => opened.files.isGzip,
  },
  {
    what: 'an archive that is damaged',
    refusedBy: ['docker', 'docker-archive', 'oci-archive', 'containerd'],
    applies: found('IMAGE_NONE', 'IMAGE_UNSUPPORTED', 'IMAGE_GZIP', 'IMAGE_UNREADABLE'),
  },
  {
    what: 'several images where none is named',
    refusedBy: ['docker-archive of skopeo'],
    applies: ({ opened: { images, isNamed } }) => !isNamed && images.flatMap(({ docker }) => docker).length > 1,
  },
  {
    what: 'several names or images where none is named',
    refusedBy: ['oci-archive of skopeo'],
    applies: ({ opened: { images, isNamed } }) =>
      !isNamed && images.flatMap(({ oci }) => oci?.descriptors ?? []).length > 1,
  },
  { what: 'more than 125 layers', refusedBy: ['docker'], applies: found('LAYERS_TOO_MANY') },
  {
    what: 'a config that is missing',
    refusedBy: ['docker', 'docker-archive', 'oci-archive', 'containerd'],
    applies: ({ opened }) =>
      opened.images.some(
        ({ oci, docker, config }) => config === undefined && (docker.length > 0 || oci?.content !== undefined),
      ),
  },
  {
    what: 'a layer that is missing',
    refusedBy: ['docker', 'docker-archive', 'oci-archive', 'containerd'],
    applies: ({ opened }) => opened.images.some(({ layers }) => layers.some((layer) => isMissing(layer))),
  },
  {
    what: 'a manifest that is missing',
    refusedBy: ['oci-archive', 'containerd'],
    applies: ({ opened }) => opened.images.some(({ oci }) => oci !== undefined && oci.manifest === undefined),
  },
  {
    what: 'a layer whose digest is not its diffID',
    refusedBy: ['docker', 'docker-archive', 'containerd'],
    applies: found('LAYER_DIFF_ID'),
  },
  {
    what: 'a blob whose digest is another',
    refusedBy: ['oci-archive', 'containerd'],
    applies: found('BLOB_DIGEST'),
  },
  {
    what: 'another number of diff_ids than of layers',
    refusedBy: ['docker', 'docker-archive', 'containerd'],
    applies: found('CONFIG_LAYERS'),
  },
  {
    what: 'a history of more layers than there are',
    refusedBy: ['docker'],
    applies: ({ opened }) =>
      opened.images.some(
        ({ content, layers }) =>
          (content?.history.filter((entry) => entry.empty_layer !== true).length ?? 0) > layers.length,
      ),
  },
  {
    what: 'a config without rootfs, or one that cannot be read',
    refusedBy: ['docker', 'docker-archive', 'containerd'],
    applies: found('CONFIG_INVALID'),
  },
  {
    what: 'a time of creation that is none',
    refusedBy: ['docker', 'docker-archive', 'storage', 'containerd'],
    applies: ({ opened }) => opened.images.some(({ config }) => !isGoTime(createdOf(config?.json))),
  },
  {
    what: 'an operating system other than linux, on linux',
    refusedBy: ['docker', 'containerd'],
    applies: ({ opened }) =>
      opened.images.some(({ content }) => content !== undefined && content.platform.os !== 'linux'),
  },
  {
    what: 'a layer of zstd, before version 23',
    refusedBy: ['docker'],
    applies: found('LAYER_UNREAD'),
  },
  {
    what: 'a layer of gzip that is called a plain tar',
    refusedBy: ['containerd'],
    applies: ({ opened, has }) =>
      has('LAYER_COMPRESSION') && opened.images.some(({ oci }) => isCalledTar(oci?.content?.layers ?? [])),
  },
  {
    what: 'a name in RepoTags that breaks the grammar',
    refusedBy: ['docker'],
    applies: ({ opened }) =>
      !opened.images.flatMap(({ docker }) => docker).every(({ repoTags }) => repoTags.every(isReference)),
  },
  {
    what: 'other layers in manifest.json than the config describes',
    refusedBy: ['docker', 'docker-archive'],
    applies: ({ opened }) =>
      opened.images.some(
        ({ oci, docker, layers }) =>
          oci !== undefined &&
          docker.some(({ layerPaths }) => layerPaths.some((path, at) => path !== layers[at]?.path)),
      ),
  },
  {
    what: 'a layer that is a symlink in the archive',
    refusedBy: ['docker-archive'],
    applies: ({ opened, has }) => has('ARCHIVE_TYPE') && hasLinkedLayer(opened),
  },
  { what: 'a path that stands in a layer twice', refusedBy: ['docker', 'storage'], applies: found('MEMBER_REPEATED') },
  {
    what: 'a layer that is damaged',
    refusedBy: UNPACKERS,
    applies: found('TAR_INVALID', 'LAYER_GZIP'),
  },
  { what: 'a member of an unknown type', refusedBy: UNPACKERS, applies: found('TAR_TYPE') },
  { what: 'a member below what is no directory', refusedBy: UNPACKERS, applies: found('MEMBER_BELOW_FILE') },
  { what: 'a hard link to what is not there', refusedBy: UNPACKERS, applies: found('LINK_MISSING', 'LINK_OUT') },
  { what: 'a whiteout that hides no name', refusedBy: UNPACKERS, applies: found('WHITEOUT_INVALID') },
];

function isMissing({ open }: { readonly open: () => { close(): void } | undefined }): boolean {
  const file = open();
  file?.close();
  return file === undefined;
}

function createdOf(json: unknown): unknown {
  return typeof json === 'object' && json !== null ? (json as Readonly<Record<string, unknown>>)['created'] : undefined;
}

/** A time of RFC 3339, which Go's JSON reads; what is absent is none. */
function isGoTime(created: unknown): boolean {
  if (created === undefined || created === null) return true;
  return typeof created === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(created);
}

function isCalledTar(layers: readonly { readonly mediaType: string }[]): boolean {
  return layers.some(({ mediaType }) => mediaType.endsWith('.tar'));
}

function hasLinkedLayer({ files, images }: OpenedImage): boolean {
  const links = new Set<string>();
  for (const [name, places] of files.entries()) if (places.length === 0) links.add(name);
  return !files.isDirectory && images.some(({ layers }) => layers.some(({ path }) => links.has(path)));
}
