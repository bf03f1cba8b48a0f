import { encodeUtf8 } from '../bytes/index.js';
import { type Digest, digestHex } from '../digest/index.js';
import { type AssembledImage, dockerManifestJson } from '../image/index.js';
import type { SealedLayer } from '../layer/index.js';
import { canonicalJson, OCI_LAYOUT } from '../oci/index.js';
import type { ImageLayout, ImageMember } from './members.js';

/**
 * Readers that unpack the archive make directories that have no entry and give them to root, which fails for anybody
 * else (skopeo's `oci-archive:`, as of 1.9.3).
 */
const BLOB_DIRECTORIES: readonly ImageMember[] = ['blobs/', 'blobs/sha256/'].map((name) => ({
  name: encodeUtf8(name),
  body: { type: 'directory' },
}));

/**
 * The files of an image for OCI tools: layers, config and manifest as blobs, `index.json` and `oci-layout`. With
 * `dockerManifest` there is `manifest.json` too, and one archive is both an OCI archive and what Docker 25 saves.
 */
export function ociMembers(
  assemble: (layers: readonly SealedLayer[]) => AssembledImage,
  dockerManifest: boolean,
): ImageLayout {
  return {
    tar: { format: 'ustar', strict: false },
    members(layers) {
      const image = assemble(layers);
      const members: ImageMember[] = [
        ...BLOB_DIRECTORIES,
        ...layers.map(
          ({ digest }, index): ImageMember => ({ name: encodeUtf8(blobPath(digest)), body: { type: 'layer', index } }),
        ),
        fileMember(blobPath(image.configDigest), image.configBytes),
        fileMember(blobPath(image.manifestDigest), image.manifestBytes),
        fileMember('index.json', image.indexBytes),
      ];
      if (dockerManifest) {
        const layerPaths = layers.map(({ digest }) => blobPath(digest));
        const bytes = dockerManifestJson({
          configPath: blobPath(image.configDigest),
          repoTags: image.repoTags,
          layerPaths,
        });
        members.push(fileMember('manifest.json', bytes));
      }
      members.push(fileMember('oci-layout', canonicalJson(OCI_LAYOUT)));
      return members;
    },
  };
}

/** A member that is a regular file. */
export function fileMember(name: string, bytes: Uint8Array): ImageMember {
  return { name: encodeUtf8(name), body: { type: 'file', bytes } };
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}
