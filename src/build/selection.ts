import type { ByteString } from '../bytes/index.js';
import type { ReferenceGraph } from '../store/index.js';
import type { ItemIndex } from './item-index.js';
import type { ResolvedSpec } from './resolve-spec.js';

/** What an image is made of, item by item. */
export interface ItemSelection {
  /**
   * Absolute image paths, each once: with a graph the closure of everything asked for, the most popular first; otherwise
   * what was asked for, in that order.
   */
  readonly items: readonly ByteString[];
  /** References among the items; `undefined` where neither a graph nor a store to scan is given. */
  readonly graph: ReferenceGraph | undefined;
  /** All items that there could be; `undefined` as `graph` is. */
  readonly index: ItemIndex | undefined;
}

/** Where the paths and the references of a selection come from. */
export type SelectionSpec = Pick<ResolvedSpec, 'paths' | 'contents' | 'graph' | 'scan' | 'store'>;

export interface SelectionContext {
  readonly signal?: AbortSignal | undefined;
}

/** A path without slashes at its end, but for the root. */
export function trimSlashes(path: ByteString): ByteString {
  return (path.replace(/(?<=.)\/+$/, '') || '/') as ByteString;
}
