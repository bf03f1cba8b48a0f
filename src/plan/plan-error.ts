import { TarsealError } from '../errors/index.js';

/** Errors of the plan room: `PLAN_MAX_LAYERS`, `PLAN_ITEM_SIZE`. */
export class PlanError extends TarsealError {}
