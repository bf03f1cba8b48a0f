import { type ByteString, compareBytes } from '../bytes/index.js';
import { popularityOf } from './popularity.js';
import type { ReferenceGraph, StoreItem } from './store-item.js';
import { topologicalOrder } from './topological-order.js';

/**
 * The most popular item first; of equal ones that whose name, without directory and hash, comes first.
 *
 * The order does not change when every hash does, as long as names and references stay.
 */
export function orderByPopularity(graph: ReferenceGraph): readonly StoreItem[] {
  const popularities = popularityOf(graph);
  return Array.from(graph.values(), (item) => ({
    item,
    popularity: popularities.get(item.path)!,
    tieKey: tieKeyOf(item.path),
  }))
    .sort((a, b) =>
      a.popularity === b.popularity ? compareBytes(a.tieKey, b.tieKey) : a.popularity < b.popularity ? 1 : -1,
    )
    .map(({ item }) => item);
}

/** In byte order of the paths. */
export function orderByName(graph: ReferenceGraph): readonly StoreItem[] {
  return [...graph.values()].sort((a, b) => compareBytes(a.path, b.path));
}

/**
 * References before what refers to them, as `nix-store --query --requisites` lists them: items in byte order, each after
 * those of its references, in byte order too, that have not come yet. References of an item to itself do not count.
 */
export function orderTopologically(graph: ReferenceGraph): readonly StoreItem[] {
  return topologicalOrder(graph, 'the reference graph');
}

/** `/nix/store/HASH-hello-2.10` as `hello-2.10-/nix/store/HASH`: different paths have different keys. */
function tieKeyOf(path: ByteString): string {
  const dash = path.indexOf('-');
  return dash < 0 ? path : `${path.slice(dash + 1)}-${path.slice(0, dash)}`;
}
