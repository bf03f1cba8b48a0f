import { encodeUtf8 } from '../bytes/index.js';
import { digestHex } from '../digest/index.js';
import { type AssembledImage, dockerManifestJson } from '../image/index.js';
import type { SealedLayer } from '../layer/index.js';
import type { ImageLayout, ImageMember } from './members.js';
import { fileMember } from './oci-members.js';

/**
 * An image as nixpkgs' `streamLayeredImage` lays it out (nix.md 7, 9): each layer below the digits of its diffID, the
 * config under its own digest, then `manifest.json`; the archive itself in the format of its layers, without owner names.
 */
export function nixMembers(assemble: (layers: readonly SealedLayer[]) => AssembledImage): ImageLayout {
  return {
    tar: { format: 'python-pax', strict: false, numericOwner: true },
    members(layers) {
      const { configDigest, configBytes, repoTags } = assemble(layers);
      const layerPaths = layers.map(({ diffId }) => `${digestHex(diffId)}/layer.tar`);
      const configPath = `${digestHex(configDigest)}.json`;
      return [
        ...layerPaths.map((path, index): ImageMember => ({ name: encodeUtf8(path), body: { type: 'layer', index } })),
        fileMember(configPath, configBytes),
        fileMember('manifest.json', dockerManifestJson({ configPath, repoTags, layerPaths })),
      ];
    },
  };
}
