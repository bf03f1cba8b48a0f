import { type Digest, digestHex, sha256Of } from '../../digest/index.js';
import {
  ANNOTATIONS,
  type ForeignDescriptor,
  type ForeignImageConfig,
  type ForeignManifest,
  kindOfMediaType,
  type Platform,
  parseJsonDocument,
  readForeignImageConfig,
  readForeignIndex,
  readForeignManifest,
} from '../../oci/index.js';
import { type BaseFailure, explained, quote, requireDigest } from './base-error.js';
import { chooseImage, type ImageCandidate } from './choose-image.js';
import type { FindOptions, FoundImage } from './found-image.js';
import type { ImageFiles } from './image-files.js';
import type { StoredFile } from './stored-file.js';

const MAX_INDEX_DEPTH = 4;

/** Of all indexes together, each counted once for every name that its index has: it inherits those. */
const MAX_DESCRIPTORS = 100_000;

interface IndexedImage extends ImageCandidate {
  readonly manifest: () => ForeignManifest;
}

/**
 * Finds an image by `index.json`.
 *
 * @throws {TransportError} as `findImage`
 */
export function findOciImage(files: ImageFiles, indexBytes: Uint8Array, options: FindOptions): FoundImage {
  const { fail, engine, readDocument } = options;
  const readBlob = (descriptor: ForeignDescriptor): unknown => {
    const { digest } = descriptor;
    const where = `blob ${digest}`;
    const bytes = readDocument(openBlob(files, descriptor, fail), where);
    requireDigest(where, digest, sha256Of(engine, bytes), fail);
    return explained('its documents', fail, () => parseJsonDocument(bytes, where));
  };
  const readIndex = (json: unknown, where: string): readonly ForeignDescriptor[] =>
    explained('its index', fail, () => readForeignIndex(json, where));
  const readConfig = ({ config }: ForeignManifest): ForeignImageConfig => {
    const json = readBlob(config);
    return explained('its config', fail, () => readForeignImageConfig(json, `blob ${config.digest}`));
  };

  const top = explained('its index', fail, () => parseJsonDocument(indexBytes, 'index.json'));
  const manifests = collectManifests(readIndex(top, 'index.json'), fail, (descriptor) =>
    readIndex(readBlob(descriptor), `blob ${descriptor.digest}`),
  );
  const images = manifests.map(({ descriptor, names }): IndexedImage => {
    const manifest = (): ForeignManifest => {
      const json = readBlob(descriptor);
      return explained('its manifest', fail, () => readForeignManifest(json, `blob ${descriptor.digest}`));
    };
    const platform = (): Platform | undefined => {
      if (descriptor.platform !== undefined) return descriptor.platform;
      const found = manifest();
      return kindOfMediaType(found.config.mediaType) === 'config' ? readConfig(found).platform : undefined;
    };
    return { names, platform, manifest };
  });
  const manifest = chooseImage(images, options, fail).manifest();
  if (kindOfMediaType(manifest.config.mediaType) !== 'config') {
    throw fail('BASE_UNSUPPORTED', `it must be an image, and its config is ${quote(manifest.config.mediaType)}`);
  }
  for (const { digest, mediaType } of manifest.layers) {
    const kind = kindOfMediaType(mediaType);
    if (kind !== 'tar' && kind !== 'gzip') {
      throw fail('BASE_UNSUPPORTED', `layer ${digest} must be a tar or a tar+gzip, and is ${quote(mediaType)}`);
    }
  }
  return {
    config: readConfig(manifest),
    layers: manifest.layers.map((descriptor) => ({
      name: descriptor.digest,
      digest: descriptor.digest,
      open: () => openBlob(files, descriptor, fail),
    })),
  };
}

interface NamedDescriptor {
  readonly descriptor: ForeignDescriptor;
  readonly names: Set<string>;
}

/**
 * The manifests of an index and of those in it, each once, with the names that any way to it has. Level by level: an
 * index of indexes that list one another a thousand times has a million ways and a few blobs.
 */
function collectManifests(
  top: readonly ForeignDescriptor[],
  fail: BaseFailure,
  readIndex: (descriptor: ForeignDescriptor) => readonly ForeignDescriptor[],
): NamedDescriptor[] {
  const manifests = new Map<Digest, NamedDescriptor>();
  let descriptors = 0;
  let level = new Map<Digest, NamedDescriptor>();
  const take = (listed: readonly ForeignDescriptor[], inherited: ReadonlySet<string>, next: typeof level): void => {
    descriptors += listed.length * Math.max(1, inherited.size);
    if (descriptors > MAX_DESCRIPTORS) {
      throw fail('BASE_INVALID', `its indexes must list at most ${MAX_DESCRIPTORS} descriptors, and list more`);
    }
    for (const descriptor of listed) {
      const kind = kindOfMediaType(descriptor.mediaType);
      if ((kind !== 'manifest' && kind !== 'index') || isAttestation(descriptor)) continue;
      const group = kind === 'manifest' ? manifests : next;
      const known = group.get(descriptor.digest) ?? { descriptor, names: new Set() };
      group.set(descriptor.digest, known);
      for (const name of [...inherited, ...namesOf(descriptor)]) known.names.add(name);
    }
  };
  take(top, new Set(), level);
  for (let depth = 1; level.size > 0; depth++) {
    if (depth > MAX_INDEX_DEPTH) {
      throw fail(
        'BASE_INVALID',
        `its indexes must be at most ${MAX_INDEX_DEPTH} deep below index.json, and are deeper`,
      );
    }
    const next: typeof level = new Map();
    for (const { descriptor, names } of level.values()) take(readIndex(descriptor), names, next);
    level = next;
  }
  return [...manifests.values()];
}

function namesOf({ annotations }: ForeignDescriptor): string[] {
  return [ANNOTATIONS.containerdImageName, ANNOTATIONS.refName].flatMap((key) => annotations.get(key) ?? []);
}

/** What BuildKit says of an image stands beside it, as a manifest of no platform. */
function isAttestation({ platform, annotations }: ForeignDescriptor): boolean {
  return (
    annotations.has('vnd.docker.reference.type') || (platform?.os === 'unknown' && platform.architecture === 'unknown')
  );
}

function openBlob(files: ImageFiles, { digest, size }: ForeignDescriptor, fail: BaseFailure): StoredFile {
  const file = files.get(`blobs/sha256/${digestHex(digest)}`);
  if (file === undefined) throw fail('BASE_INVALID', `it must have the blob ${digest}, and has none`, { digest });
  const { sizeBytes } = file;
  if (sizeBytes === size) return file;
  file.close();
  throw fail('BASE_DIGEST', `the size of blob ${digest} must be ${size}, and is ${sizeBytes}`, {
    expected: size,
    found: sizeBytes,
  });
}
