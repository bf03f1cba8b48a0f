import { displayText } from '../bytes/index.js';
import { digestHex } from '../digest/index.js';
import { kindOfMediaType, OciError, type Platform, readForeignLayout } from '../oci/index.js';
import { checkKeys } from './check-keys.js';
import type { FindingPlace, Report } from './finding.js';
import type { OpenedImage, StoredImage } from './open/index.js';

/** Checks the documents at the root, and that those of OCI and of Docker describe the same images. */
export function checkDocuments({ formats, documents, images, files }: OpenedImage, report: Report): void {
  const [layout, index, docker] = ['oci-layout', 'index.json', 'manifest.json'].map((name) =>
    documents.find(({ path }) => path === name),
  );
  if (formats.length === 0) {
    report(
      'IMAGE_NONE',
      files.isDirectory ? 'it must be an OCI layout, and is none' : 'it must hold an image, and holds none',
    );
    return;
  }
  if (index !== undefined || layout !== undefined || files.isDirectory) {
    if (layout === undefined) report('LAYOUT_INVALID', 'the file oci-layout must be there, and is not');
    else if (layout.json !== undefined) checkLayout(layout.json, report);
    if (index === undefined) report('IMAGE_NONE', 'index.json must be there, and is not');
  }
  if (index !== undefined) checkKeys(index.json, 'index', index.path, report);
  if (docker === undefined) return;
  checkKeys(docker.json, 'docker', docker.path, report);
  if (index === undefined) return;
  for (const image of images) {
    if (image.oci === undefined) {
      report(
        'MANIFESTS_DIFFER',
        `manifest.json has an image of the config "${displayText(image.docker[0]!.configPath)}", which index.json has not`,
      );
    } else compareManifests(image, report);
  }
  if (images.length > 0 && images.every((image) => image.docker.length === 0)) {
    report('MANIFESTS_DIFFER', 'manifest.json has none of the images that index.json has');
  }
}

function checkLayout(json: unknown, report: Report): void {
  try {
    readForeignLayout(json, 'oci-layout');
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    report('LAYOUT_INVALID', error.message);
  }
  checkKeys(json, 'layout', 'oci-layout', report);
}

function compareManifests({ docker, layers }: StoredImage, report: Report): void {
  for (const { layerPaths } of docker) {
    if (layerPaths.length !== layers.length) {
      report(
        'MANIFESTS_DIFFER',
        `manifest.json must have ${layers.length} layers, as the OCI manifest has, and has ${layerPaths.length}`,
      );
    }
    for (const [index, path] of layerPaths.slice(0, layers.length).entries()) {
      const expected = layers[index]!.path;
      if (path !== expected) {
        report(
          'MANIFESTS_DIFFER',
          `layer ${index + 1} of manifest.json must be "${expected}", as in the OCI manifest, and is "${displayText(path)}"`,
        );
      }
    }
  }
}

/** Checks the OCI manifest of one image, and what the index says of it. */
export function checkManifest({ oci, content: config }: StoredImage, report: Report, place: FindingPlace): void {
  if (oci?.manifest === undefined) return;
  const { manifest, content, descriptors } = oci;
  checkKeys(manifest.json, 'manifest', manifest.path, report);
  for (const { digest, size, platform } of descriptors) {
    if (size !== manifest.bytes.length && size !== descriptors[0]!.size) {
      report('BLOB_SIZE', `the size of blob ${digest} must be ${size}, and is ${manifest.bytes.length}`, place);
    }
    if (platform !== undefined && config !== undefined && !isEqual(platform, config.platform)) {
      report(
        'INDEX_PLATFORM',
        `the platform in the index must be that of the config, ${shown(config.platform)}, and is ${shown(platform)}`,
        place,
      );
    }
  }
  if (content === undefined) return;
  const configKind = kindOfMediaType(content.config.mediaType);
  if (configKind !== 'config') {
    const code = configKind === 'other' ? 'MEDIA_TYPE_UNKNOWN' : 'MEDIA_TYPE';
    report(
      code,
      `the config has the media type "${displayText(content.config.mediaType)}", which is of no image`,
      place,
    );
  }
  if (configKind === 'other') return;
  for (const { mediaType, digest } of content.layers) {
    const kind = kindOfMediaType(mediaType);
    if (kind === 'tar' || kind === 'gzip' || mediaType.endsWith('+zstd')) continue;
    const code = kind === 'other' ? 'MEDIA_TYPE_UNKNOWN' : 'MEDIA_TYPE';
    report(
      code,
      `layer sha256:${digestHex(digest)} has the media type "${displayText(mediaType)}", which is of no layer`,
      place,
    );
  }
}

function isEqual(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture && a.variant === b.variant;
}

function shown({ os, architecture, variant }: Platform): string {
  return displayText([os, architecture, ...(variant === undefined ? [] : [variant])].join('/'));
}
