export { MAX_MAX_LAYERS, MIN_MAX_LAYERS, planBySize } from './by-size.js';
export type { LayerPlan, PlanItem } from './layer-plan.js';
export { PlanError } from './plan-error.js';
