import { encodeUtf8 } from '../../bytes/index.js';
import { sha256Of } from '../../digest/index.js';
import {
  type ForeignImageConfig,
  parseJsonDocument,
  readForeignDockerManifest,
  readForeignImageConfig,
} from '../../oci/index.js';
import { digestOfPath } from '../stored/digest-of-path.js';
import type { ImageFiles } from '../stored/image-files.js';
import { explained, quote, requireDigest } from '../stored/read-failure.js';
import type { StoredFile } from '../stored/stored-file.js';
import { chooseImage, type ImageCandidate } from './choose-image.js';
import type { FindOptions, FoundImage } from './found-image.js';

interface DockerImage extends ImageCandidate {
  readonly names: Set<string>;
  readonly config: () => ForeignImageConfig;
  readonly layerPaths: readonly string[];
}

/**
 * Finds an image by docker's `manifest.json`, whose names are looked up in the archive and nowhere else.
 *
 * @throws {TransportError} as `findImage`
 */
export function findDockerImage(files: ImageFiles, bytes: Uint8Array, options: FindOptions): FoundImage {
  const { fail, engine, readDocument } = options;
  const open = (path: string): StoredFile => {
    const file = files.get(encodeUtf8(path));
    if (file === undefined) throw fail('INVALID', `its archive must have a file ${quote(path)}, and has none`);
    return file;
  };
  const readConfig = (path: string): ForeignImageConfig => {
    const where = quote(path);
    const content = readDocument(open(path), where);
    // Docker and skopeo name a config after its digest; Guix does not.
    const expected = digestOfPath(path);
    if (expected !== undefined) requireDigest(where, expected, sha256Of(engine, content), fail);
    return explained('its config', fail, () => readForeignImageConfig(parseJsonDocument(content, where), where));
  };
  const entries = explained('its manifest', fail, () =>
    readForeignDockerManifest(parseJsonDocument(bytes, 'manifest.json'), 'manifest.json'),
  );
  const images = new Map<string, DockerImage>();
  for (const { configPath, repoTags, layerPaths } of entries) {
    const key = JSON.stringify([configPath, layerPaths]);
    const config = (): ForeignImageConfig => readConfig(configPath);
    const image = images.get(key) ?? { names: new Set(), config, layerPaths, platform: () => config().platform };
    images.set(key, image);
    for (const tag of repoTags) image.names.add(tag);
  }
  const { config, layerPaths } = chooseImage([...images.values()], options, fail);
  return {
    config: config(),
    layers: layerPaths.map((path) => ({
      name: quote(path),
      digest: path.startsWith('blobs/') ? digestOfPath(path) : undefined,
      open: () => open(path),
    })),
  };
}
