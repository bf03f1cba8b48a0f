import type { ByteString } from '../bytes/index.js';

/** One item of a store, and the items that it refers to. */
export interface StoreItem {
  /** Absolute path, e.g. `/nix/store/HASH-NAME`. */
  readonly path: ByteString;
  /** Each once, in byte order; an item may refer to itself. */
  readonly references: readonly ByteString[];
  /** Size of its serialisation as a NAR in bytes, where it is known. */
  readonly narSizeBytes?: number;
}

/** The items of a store by their paths, in byte order of these; every reference is among them, and there is no cycle. */
export type ReferenceGraph = ReadonlyMap<ByteString, StoreItem>;
