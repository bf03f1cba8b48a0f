import type { LayerPlan, PlanItem } from './layer-plan.js';

/** Plans one layer: every item is in the tail, in the order given, and the customisation joins them there. */
export function planSingle<T extends PlanItem>(items: readonly T[]): LayerPlan<T> {
  return { head: [], tail: [...items] };
}
