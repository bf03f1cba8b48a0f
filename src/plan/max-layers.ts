import { PlanError } from './plan-error.js';

/** The customisation layer and one for all items: fewer cannot be. */
export const MIN_MAX_LAYERS = 2;

/** What Docker loads: it refuses above 125 (127 less 2). */
export const MAX_MAX_LAYERS = 125;

/** @throws {PlanError} PLAN_MAX_LAYERS for anything but an integer in [2, 125] */
export function checkMaxLayers(maxLayers: number): void {
  if (Number.isInteger(maxLayers) && maxLayers >= MIN_MAX_LAYERS && maxLayers <= MAX_MAX_LAYERS) return;
  throw new PlanError(
    'PLAN_MAX_LAYERS',
    `Cannot plan layers: the maximum must be an integer from ${MIN_MAX_LAYERS} to ${MAX_MAX_LAYERS}, and is ${maxLayers}`,
    { value: maxLayers, limit: [MIN_MAX_LAYERS, MAX_MAX_LAYERS] },
  );
}
