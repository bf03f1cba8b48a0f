import { compareBytes, displayName } from '../bytes/index.js';
import type { LayerPlan, PlanItem } from './layer-plan.js';
import { checkMaxLayers } from './max-layers.js';
import { PlanError } from './plan-error.js';

/**
 * Plans layers as Guix does: the largest items get layers of their own, the others share one.
 *
 * Of n items the first `maxLayers - 2` are the head when n is at least `maxLayers`, else the first n - 1; with the
 * tail and the customisation layer there are never more than `maxLayers`.
 *
 * @param items in any order; equal sizes are put in byte order of the name
 * @param maxLayers of the image, the customisation layer included; an integer in [2, 125]
 * @throws {PlanError} PLAN_MAX_LAYERS, and PLAN_ITEM_SIZE for a size that is no safe integer from 0
 */
export function planBySize<T extends PlanItem>(items: readonly T[], maxLayers: number): LayerPlan<T> {
  checkMaxLayers(maxLayers);
  for (const { name, sizeBytes } of items) {
    // A NaN among the sizes would leave the order to the sorting algorithm.
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
      throw new PlanError(
        'PLAN_ITEM_SIZE',
        `Cannot plan layer of "${displayName(name)}": its size must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, and is ${sizeBytes}`,
        { name, value: sizeBytes, limit: [0, Number.MAX_SAFE_INTEGER] },
      );
    }
  }
  const sorted = [...items].sort((a, b) => b.sizeBytes - a.sizeBytes || compareBytes(a.name, b.name));
  const heads = sorted.length >= maxLayers ? maxLayers - 2 : Math.max(0, sorted.length - 1);
  return { head: sorted.slice(0, heads), tail: sorted.slice(heads) };
}
