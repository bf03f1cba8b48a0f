import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import { createReferenceGraph, type ReferenceGraph, type StoreItem } from '../../src/store/index.js';

/** How messages of the tests name a graph. */
export const SOURCE = '--graph "g.json"';

/** An item; paths are given as text. */
export function item(path: string, references: readonly string[] = [], narSizeBytes?: number): StoreItem {
  return {
    path: encodeUtf8(path),
    references: references.map(encodeUtf8),
    ...(narSizeBytes !== undefined && { narSizeBytes }),
  };
}

/** A graph of single letters: `{ a: 'bc' }` is an item /a that refers to /b and /c. */
export function letters(references: Readonly<Record<string, string>>): ReferenceGraph {
  const items = Object.entries(references).map(([name, of]) =>
    item(
      `/${name}`,
      [...of].map((to) => `/${to}`),
    ),
  );
  return createReferenceGraph(items, SOURCE);
}

/** Items whose references are given by their places. */
export function numbered(references: readonly (readonly number[])[], nameOf: (place: number) => string): StoreItem[] {
  const names = references.map((_, place) => nameOf(place) as ByteString);
  return references.map((of, place) => ({ path: names[place]!, references: of.map((to) => names[to]!) }));
}

/** A path whose order among others says nothing about its place, the same in every run. */
export function scattered(place: number): string {
  return `/nix/store/${(Math.imul(place + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')}-${place}`;
}

/** Numbers in [0, 1) that follow no pattern, the same in every run. */
export function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
