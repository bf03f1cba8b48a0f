import { requireLayerCount } from '../image/index.js';
import { createLookAhead } from '../layer/index.js';
import { measureArchive } from '../tar/index.js';
import { adoptBaseDirectories } from './base-directories.js';
import { type ImageSources, readImageSources } from './image-sources.js';
import {
  type LayeringOptions,
  type PlannedLayer,
  planGuixLayers,
  planNativeLayers,
  planNixLayers,
} from './layering.js';
import type { PreparedBuild } from './prepare-build.js';
import { hasSources } from './spec-choices.js';

export interface MeasuredLayer extends PlannedLayer {
  /** Exact size of the uncompressed tar in bytes. */
  readonly tarSizeBytes: number;
}

/**
 * Reads names and metadata of the sources, cuts them into layers and measures these.
 *
 * @param jobs the most threads
 * @throws {TarsealError} of the room that finds something wrong; nothing has been written
 */
export function readLayers(build: PreparedBuild, jobs: number): MeasuredLayer[] {
  const { spec, warn } = build;
  const lookAhead = createLookAhead(jobs);
  try {
    const sources = readImageSources(spec, { ...build.sources, lookAhead, onWarning: warn });
    sources.rules.warnOfUnused();
    const planned = planLayers(build, sources, build.layering);
    if (planned.length === 0 && hasSources(spec))
      warn('the image has no layers of its own: nothing of the sources is left');
    return planned.map((layer) => ({ ...layer, tarSizeBytes: measureArchive(layer.entries, layer.tar) }));
  } finally {
    lookAhead?.stop();
  }
}

const PLANNERS = { native: planNativeLayers, guix: planGuixLayers, nix: planNixLayers } as const;

/** Fits sources to the base image and cuts them into layers. */
export function planLayers(
  { base, dialect }: PreparedBuild,
  sources: ImageSources,
  layering: LayeringOptions,
): PlannedLayer[] {
  if (base !== undefined) adoptBaseDirectories(sources.tree, base.files);
  const planned = PLANNERS[dialect](sources, layering);
  requireLayerCount((base?.layers.length ?? 0) + planned.length);
  return planned;
}
