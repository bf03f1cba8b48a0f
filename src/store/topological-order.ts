import { type ByteString, compareBytes, displayName } from '../bytes/index.js';
import { StoreError } from './store-error.js';
import type { StoreItem } from './store-item.js';

/** Of a longer cycle a message names the ends: a hostile graph could make it megabytes long. */
const MAX_NAMED = 32;

/**
 * Items with their references before them: depth first through items and references in byte order, as
 * `nix-store --query --requisites` lists them. References of an item to itself do not count.
 *
 * @param items in byte order of the paths; every reference is among them
 * @param source how messages name where the items come from
 * @throws {StoreError} GRAPH_CYCLE
 */
export function topologicalOrder(items: ReadonlyMap<ByteString, StoreItem>, source: string): StoreItem[] {
  const order: StoreItem[] = [];
  const open = new Set<ByteString>();
  const done = new Set<ByteString>();
  for (const root of items.values()) {
    if (done.has(root.path)) continue;
    // A stack of our own: a chain of references may be longer than the engine's stack is deep.
    const way = [{ item: root, next: 0 }];
    open.add(root.path);
    while (way.length > 0) {
      const last = way[way.length - 1]!;
      const reference = last.item.references[last.next++];
      if (reference === undefined) {
        way.pop();
        open.delete(last.item.path);
        done.add(last.item.path);
        order.push(last.item);
      } else if (reference !== last.item.path && !done.has(reference)) {
        if (open.has(reference)) throw cycleError([...open], reference, source);
        open.add(reference);
        way.push({ item: items.get(reference)!, next: 0 });
      }
    }
  }
  return order;
}

/** The cycle is the end of the way, from `reference` on; it is named from its smallest path on. */
function cycleError(way: readonly ByteString[], reference: ByteString, source: string): StoreError {
  const found = way.slice(way.indexOf(reference));
  const smallest = found.indexOf([...found].sort(compareBytes)[0]!);
  const cycle = [...found.slice(smallest), ...found.slice(0, smallest)];
  const names = [...cycle, cycle[0]!].map((path) => `"${displayName(path)}"`);
  const left = names.length - MAX_NAMED;
  if (left > 0) names.splice(MAX_NAMED / 2, left, `(${left} more)`);
  return new StoreError(
    'GRAPH_CYCLE',
    `Cannot use ${source}: references must form no cycle, and do: ${names.join(' -> ')}`,
    {
      cycle,
    },
  );
}
