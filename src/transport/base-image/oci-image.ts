import { digestHex, sha256Of } from '../../digest/index.js';
import {
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
import { collectManifests } from '../stored/collect-manifests.js';
import type { ImageFiles } from '../stored/image-files.js';
import { explained, quote, type ReadFailure, requireDigest } from '../stored/read-failure.js';
import type { StoredFile } from '../stored/stored-file.js';
import { chooseImage, type ImageCandidate } from './choose-image.js';
import type { FindOptions, FoundImage } from './found-image.js';

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
    throw fail('UNSUPPORTED', `it must be an image, and its config is ${quote(manifest.config.mediaType)}`);
  }
  for (const { digest, mediaType } of manifest.layers) {
    const kind = kindOfMediaType(mediaType);
    if (kind !== 'tar' && kind !== 'gzip') {
      throw fail('UNSUPPORTED', `layer ${digest} must be a tar or a tar+gzip, and is ${quote(mediaType)}`);
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

function openBlob(files: ImageFiles, { digest, size }: ForeignDescriptor, fail: ReadFailure): StoredFile {
  const file = files.get(`blobs/sha256/${digestHex(digest)}`);
  if (file === undefined) throw fail('INVALID', `it must have the blob ${digest}, and has none`, { digest });
  const { sizeBytes } = file;
  if (sizeBytes === size) return file;
  file.close();
  throw fail('DIGEST', `the size of blob ${digest} must be ${size}, and is ${sizeBytes}`, {
    expected: size,
    found: sizeBytes,
  });
}
