import { type ByteString, displayName, encodeUtf8 } from '../bytes/index.js';
import type { Digest, HashEngine } from '../digest/index.js';
import { assembleGuixConfig, assembleImage, guixLayerId, type ImageLayer } from '../image/index.js';
import type { SealedLayer } from '../layer/index.js';
import { MEDIA_TYPES, type Reference } from '../oci/index.js';
import { guixLayeredMembers, guixSingleMembers, type ImageLayout, nixMembers, ociMembers } from '../transport/index.js';
import type { PlannedLayer } from './layering.js';
import type { PreparedBuild } from './prepare-build.js';

/** Names that one history entry lists at the most; a layer of ten thousand items must not make a config of megabytes. */
const MAX_HISTORY_ITEMS = 50;

/** The documents of an image and their place in its archive, made from its sealed layers. */
export interface ImageAssembly {
  readonly layout: ImageLayout;
  digests(layers: readonly SealedLayer[]): { image: Digest; manifest: Digest | null };
}

/**
 * @param layers above the base's
 * @param compressed whether they are
 */
export function assembleLayout(
  build: PreparedBuild,
  layers: readonly Pick<PlannedLayer, 'items'>[],
  engine: HashEngine,
  compressed: boolean,
): ImageAssembly {
  const { config, platform, createdSeconds, tags, annotations } = build;
  const base = build.base && {
    layers: build.base.layers.map(({ diffId, mediaType, digest, sizeBytes }) => ({
      diffId,
      descriptor: { mediaType, digest, size: sizeBytes },
    })),
    history: build.base.history,
  };
  const describe = (sealed: readonly SealedLayer[]): ImageLayer[] =>
    sealed.slice(base?.layers.length ?? 0).map(({ diffId, digest, sizeBytes }, index) => ({
      diffId,
      descriptor: { mediaType: compressed ? MEDIA_TYPES.layerTarGzip : MEDIA_TYPES.layerTar, digest, size: sizeBytes },
      history: { createdBy: 'tarseal build', comment: historyComment(layers[index]!.items) },
    }));

  if (build.dialect === 'guix') {
    const assemble = rememberLast((layers) =>
      assembleGuixConfig({ layers: describe(layers), config, platform, createdSeconds, hashEngine: engine }),
    );
    const [{ repository, tag }] = tags as [Reference];
    const layout =
      build.strategy !== 'single'
        ? guixLayeredMembers(assemble, { repository, tag })
        : guixSingleMembers(
            assemble,
            { repository, tag },
            guixLayerId(engine, encodeUtf8(build.profile ?? '')),
            createdSeconds,
          );
    return { layout, digests: (layers) => ({ image: assemble(layers).configDigest, manifest: null }) };
  }

  const assemble = rememberLast((layers) =>
    assembleImage({
      base,
      layers: describe(layers),
      config,
      platform,
      createdSeconds,
      tags,
      annotations,
      hashEngine: engine,
    }),
  );
  const isNix = build.dialect === 'nix';
  return {
    layout: isNix ? nixMembers(assemble) : ociMembers(assemble, build.format === 'docker-archive'),
    digests: (layers) => {
      const { configDigest, manifestDigest } = assemble(layers);
      return { image: configDigest, manifest: isNix ? null : manifestDigest };
    },
  };
}

/** The members of a written image and its digests are of the same layers. */
function rememberLast<T>(assemble: (layers: readonly SealedLayer[]) => T): (layers: readonly SealedLayer[]) => T {
  let last: { readonly layers: readonly SealedLayer[]; readonly assembled: T } | undefined;
  return (layers) => {
    if (last?.layers !== layers) last = { layers, assembled: assemble(layers) };
    return last.assembled;
  };
}

function historyComment(items: readonly ByteString[]): string {
  const listed = items.slice(0, MAX_HISTORY_ITEMS).map((item) => displayName(item));
  const more = items.length - listed.length;
  return more > 0 ? `${listed.join(' ')} and ${more} more` : listed.join(' ');
}
