import { compareBytes, encodeUtf8 } from '../bytes/index.js';
import {
  GUIX_CONFIG_PATH,
  GUIX_LAYER_VERSION,
  type GuixConfig,
  guixLayerJson,
  guixLayerPath,
  guixManifestJson,
  guixRepositoriesJson,
} from '../image/index.js';
import type { SealedLayer } from '../layer/index.js';
import type { ImageLayout, ImageMember } from './members.js';
import { fileMember } from './oci-members.js';

export interface GuixNames {
  readonly repository: string;
  readonly tag: string;
}

export type AssembleGuixConfig = (layers: readonly SealedLayer[]) => GuixConfig;

/**
 * A single-layer image as Guix lays it out: a tar of the directory `.`, sorted, the layer below its `id`.
 *
 * @param id of the layer, from the profile's path
 */
export function guixSingleMembers(
  assemble: AssembleGuixConfig,
  names: GuixNames,
  id: string,
  createdSeconds: number,
): ImageLayout {
  const directory = (name: string): ImageMember => ({ name: encodeUtf8(name), body: { type: 'directory' } });
  const layerPath = guixLayerPath(id);
  return {
    tar: { format: 'gnu', strict: false },
    members(layers) {
      const inLayerDirectory = [
        directory(`./${id}/`),
        fileMember(`./${id}/VERSION`, new TextEncoder().encode(GUIX_LAYER_VERSION)),
        fileMember(`./${id}/json`, guixLayerJson(id, createdSeconds)),
        ...layers.map(
          (_, index): ImageMember => ({ name: encodeUtf8(`./${layerPath}`), body: { type: 'layer', index } }),
        ),
      ];
      const groups: { name: string; members: ImageMember[] }[] = [
        { name: id, members: inLayerDirectory },
        ...[
          { name: GUIX_CONFIG_PATH, bytes: assemble(layers).configBytes },
          {
            name: 'manifest.json',
            bytes: guixManifestJson(
              names.repository,
              layers.map(() => layerPath),
              names.tag,
            ),
          },
          { name: 'repositories', bytes: guixRepositoriesJson(names.repository, id, names.tag) },
        ].map(({ name, bytes }) => ({ name, members: [fileMember(`./${name}`, bytes)] })),
      ];
      groups.sort((a, b) => compareBytes(a.name, b.name));
      return [directory('./'), ...groups.flatMap(({ members }) => members)];
    },
  };
}

/** A layered image as Guix lays it out: each layer below the digits of its diffID, then the two documents. */
export function guixLayeredMembers(assemble: AssembleGuixConfig, names: GuixNames): ImageLayout {
  return {
    tar: { format: 'gnu', strict: false },
    members(layers) {
      const layerPaths = layers.map(({ diffId }) => guixLayerPath(diffId));
      return [
        ...layerPaths.map((path, index): ImageMember => ({ name: encodeUtf8(path), body: { type: 'layer', index } })),
        fileMember('manifest.json', guixManifestJson(names.repository, layerPaths, names.tag)),
        fileMember(GUIX_CONFIG_PATH, assemble(layers).configBytes),
      ];
    },
  };
}
