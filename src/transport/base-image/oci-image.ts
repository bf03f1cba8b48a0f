import { displayText } from '../../bytes/index.js';
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
import { type BaseFailure, explained, requireDigest } from './base-error.js';
import { chooseImage, type ImageCandidate } from './choose-image.js';
import { type FindOptions, type FoundImage, readDocument } from './found-image.js';
import type { ImageFiles } from './image-files.js';
import type { StoredFile } from './stored-file.js';

const MAX_INDEX_DEPTH = 4;
const MAX_DESCRIPTORS = 10_000;

interface IndexedImage extends ImageCandidate {
  readonly manifest: () => ForeignManifest;
}

/**
 * Finds an image by `index.json`.
 *
 * @throws {TransportError} as `findImage`
 */
export function findOciImage(files: ImageFiles, indexBytes: Uint8Array, options: FindOptions): FoundImage {
  const { fail, engine } = options;
  const readBlob = (descriptor: ForeignDescriptor): unknown => {
    const { digest, size } = descriptor;
    const file = openBlob(files, descriptor, fail);
    try {
      const bytes = readDocument(file, `blob ${digest}`, fail);
      requireDigest(`blob ${digest}`, digest, sha256Of(engine, bytes), fail);
      if (bytes.length !== size) throw sizeError(descriptor, bytes.length, fail);
      return explained('it', fail, () => parseJsonDocument(bytes, `blob ${digest}`));
    } finally {
      file.close();
    }
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
    throw fail(
      'BASE_UNSUPPORTED',
      `it must be an image, and its config is "${displayText(manifest.config.mediaType)}"`,
    );
  }
  for (const { digest, mediaType } of manifest.layers) {
    const kind = kindOfMediaType(mediaType);
    if (kind !== 'tar' && kind !== 'gzip') {
      throw fail('BASE_UNSUPPORTED', `layer ${digest} must be a tar or a tar+gzip, and is "${displayText(mediaType)}"`);
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
  const take = (listed: readonly ForeignDescriptor[], inherited: Iterable<string>, next: typeof level): void => {
    descriptors += listed.length;
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
  take(top, [], level);
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

function openBlob(files: ImageFiles, descriptor: ForeignDescriptor, fail: BaseFailure): StoredFile {
  const { digest, size } = descriptor;
  const file = files.get(`blobs/sha256/${digestHex(digest)}`);
  if (file === undefined) throw fail('BASE_INVALID', `it must have the blob ${digest}, and has none`, { digest });
  if (file.sizeBytes !== size) {
    file.close();
    throw sizeError(descriptor, file.sizeBytes, fail);
  }
  return file;
}

function sizeError({ digest, size }: ForeignDescriptor, found: number, fail: BaseFailure): Error {
  return fail('BASE_DIGEST', `the size of blob ${digest} must be ${size}, and is ${found}`, { expected: size, found });
}
