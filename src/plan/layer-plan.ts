import type { ByteString } from '../bytes/index.js';

/** What is put into layers as a whole: a store item, a file or a directory with everything below it. */
export interface PlanItem {
  readonly name: ByteString;
  /** Bytes that its members occupy in a tar: headers, bodies and padding. Never `st_size`, which differs per file system. */
  readonly sizeBytes: number;
}

/**
 * Which item goes into which layer. The customisation layer, with everything that is no item, comes after these and
 * is no part of the plan.
 */
export interface LayerPlan<T> {
  /** Each of these is a layer of its own, in this order. */
  readonly head: readonly T[];
  /** All of these are one layer, after those of the head; where empty, there is no such layer. */
  readonly tail: readonly T[];
}
