import type { LayerPlan } from './layer-plan.js';
import { checkMaxLayers } from './max-layers.js';

/**
 * Plans layers as nixpkgs does: the first `maxLayers - 2` items, the most popular, get layers of their own, the others
 * share one. With the customisation layer there are never more than `maxLayers`.
 *
 * @param ordered the most popular first
 * @param maxLayers of the image, the customisation layer included; an integer in [2, 125]
 * @throws {PlanError} PLAN_MAX_LAYERS
 */
export function planByPopularity<T>(ordered: readonly T[], maxLayers: number): LayerPlan<T> {
  checkMaxLayers(maxLayers);
  return { head: ordered.slice(0, maxLayers - 2), tail: ordered.slice(maxLayers - 2) };
}
