export { planByPopularity } from './by-popularity.js';
export { planBySize } from './by-size.js';
export type { LayerPlan, PlanItem } from './layer-plan.js';
export { checkMaxLayers, MAX_MAX_LAYERS, MIN_MAX_LAYERS } from './max-layers.js';
export { PlanError } from './plan-error.js';
