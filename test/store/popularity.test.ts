import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import {
  createReferenceGraph,
  orderByPopularity,
  popularityOf,
  type ReferenceGraph,
  type StoreItem,
} from '../../src/store/index.js';
import { item, letters, numbered, pseudoRandom, SOURCE, scattered } from './items.js';

/** Popularity as it is defined, by unfolding the graph into trees: exponential, for small graphs. */
function unfold(graph: ReferenceGraph): Map<ByteString, bigint> {
  const childrenOf = ({ path, references }: StoreItem): StoreItem[] =>
    references.filter((reference) => reference !== path).map((reference) => graph.get(reference)!);
  const referred = new Set([...graph.values()].flatMap(childrenOf));
  const contest = (items: readonly StoreItem[]): Map<ByteString, bigint> => {
    const counts = new Map<ByteString, bigint>();
    const count = (path: ByteString, times: bigint): unknown => counts.set(path, (counts.get(path) ?? 0n) + times);
    for (const one of items) {
      count(one.path, 1n);
      for (const [path, times] of contest(childrenOf(one))) count(path, times + 1n);
    }
    return counts;
  };
  return contest([...graph.values()].filter((one) => !referred.has(one)));
}

function ordered(graph: ReferenceGraph): string[] {
  return orderByPopularity(graph).map(({ path }) => path);
}

describe('popularityOf', () => {
  test('the example of the reference program', () => {
    const graph = letters({ a: 'bg', b: 'ce', c: 'de', d: 'f', e: 'f', f: '', g: '' });
    expect(Object.fromEntries(popularityOf(graph))).toEqual({
      ...{ '/a': 1n, '/b': 2n, '/c': 3n, '/d': 4n, '/e': 5n, '/f': 9n, '/g': 2n },
    });
    expect(ordered(graph)).toEqual(['/f', '/e', '/d', '/c', '/b', '/g', '/a']);
  });

  test.each<[name: string, references: Record<string, string>, popularities: Record<string, bigint>]>([
    ['nothing', {}, {}],
    ['one item', { a: '' }, { '/a': 1n }],
    ['self references do not count', { a: 'ab', b: 'b' }, { '/a': 1n, '/b': 2n }],
    ['an item that only refers to itself is a root', { a: 'a', b: 'b' }, { '/a': 1n, '/b': 1n }],
    ['two roots', { a: 'c', b: 'c', c: '' }, { '/a': 1n, '/b': 1n, '/c': 4n }],
    ['a diamond', { a: 'bc', b: 'd', c: 'd', d: '' }, { '/a': 1n, '/b': 2n, '/c': 2n, '/d': 5n }],
  ])('%s', (_name, references, popularities) => {
    expect(Object.fromEntries(popularityOf(letters(references)))).toEqual(popularities);
  });

  const smallGraph = fc.integer({ min: 1, max: 9 }).chain((size) =>
    fc
      .tuple(
        fc.array(fc.array(fc.nat(size - 1), { maxLength: 6 }), { minLength: size, maxLength: size }),
        fc.shuffledSubarray(
          Array.from({ length: size }, (_, i) => i),
          { minLength: size },
        ),
      )
      .map(([references, names]) =>
        createReferenceGraph(
          numbered(
            references.map((of, i) => of.filter((to) => to >= i)),
            (i) => `/${names[i]}`,
          ),
          SOURCE,
        ),
      ),
  );

  test('is what unfolding counts', () => {
    fc.assert(
      fc.property(smallGraph, (graph) => {
        expect(new Map(popularityOf(graph))).toEqual(unfold(graph));
      }),
      { seed: 3, numRuns: 500 },
    );
  });

  test('a chain of 100,000 items', () => {
    const items = numbered(
      Array.from({ length: 100_000 }, (_, i) => (i < 99_999 ? [i + 1] : [])),
      scattered,
    );
    const popularities = popularityOf(createReferenceGraph(items, SOURCE));
    expect(items.findIndex(({ path }, i) => popularities.get(path) !== BigInt(i + 1))).toBe(-1);
    expect(popularities.size).toBe(100_000);
  });

  test('counts beyond any float, in a ladder of 200 diamonds', () => {
    // Three items a diamond; the one on top occurs twice as often as that of the diamond above it.
    const names = ['top', 'left', 'right'];
    const rungs = Array.from({ length: 200 }, (_, k) => [[3 * k + 1, 3 * k + 2], [3 * k + 3], [3 * k + 3]]).flat();
    const items = numbered([...rungs, []], (i) => `/s/${i}-${names[i % 3]}`);
    const graph = createReferenceGraph(items, SOURCE);
    const popularities = popularityOf(graph);
    for (let k = 0; k <= 200; k++) {
      // 1 + the sum over the diamonds above of 2^j for each side and 2^(j + 1) for the next top.
      const top = 2n ** BigInt(k + 2) - 3n;
      expect(popularities.get(items[3 * k]!.path)).toBe(top);
      if (k < 200) expect(popularities.get(items[3 * k + 1]!.path)).toBe(top + 2n ** BigInt(k));
    }
    // Sides of a diamond are equal: /s/1-left before /s/2-right.
    expect(ordered(graph)).toEqual(
      Array.from({ length: 201 }, (_, k) => [3 * k, ...(k > 0 ? [3 * k - 2, 3 * k - 1] : [])])
        .reverse()
        .flat()
        .map((i) => items[i]!.path),
    );
  });

  test.each([
    ['the name', (i: number) => `/s/${i}-x${i}`],
    ['the name, the other way round', (i: number) => `/s/${1000 - i}-x${1000 - i}`],
  ])('beyond 2^200 a difference of 2 decides, not %s', (_name, nameOf) => {
    const rungs = Array.from({ length: 200 }, (_, k) => [[3 * k + 1, 3 * k + 2], [3 * k + 3], [3 * k + 3]]).flat();
    // Items 601 and 602 are the feet of the ladder; the second has one more root, 603, that refers to it.
    const items = numbered([...rungs, [601, 602], [], [], [602]], nameOf);
    const graph = createReferenceGraph(items, SOURCE);
    const popularities = popularityOf(graph);
    const [first, second] = [items[601]!.path, items[602]!.path];
    expect(popularities.get(second)! - popularities.get(first)!).toBe(2n);
    expect(Number(popularities.get(second))).toBe(Number(popularities.get(first)));
    expect(ordered(graph).slice(0, 2)).toEqual([second, first]);
  });
});

describe('orderByPopularity', () => {
  test.each<[name: string, paths: string[]]>([
    ['by name, whatever the hash', ['/s/z-a', '/s/a-b', '/s/m-c']],
    ['by all that follows the first dash', ['/s/x-a-1', '/s/a-a-2', '/s/a-a.3']],
    ['equal names by directory and hash', ['/r/z-a', '/s/a-a', '/s/b-a']],
    ['where a name begins another, by what follows it and the directory', ['/s/9-a-.', '/s/1-a', '/s/0-a-0']],
    ['a path without a dash as it is', ['/s/a', '/s/b', '/s/0-a']],
    ['in byte order', ['/s/z-Z', '/s/a-a', '/s/b-\u{ff5e}', '/s/a-\u{10000}']],
  ])('equal counts: %s', (_name, paths) => {
    const items = paths.map((path) => item(path));
    expect(orderByPopularity(createReferenceGraph(items.toReversed(), SOURCE))).toEqual(items);
  });
});

describe('of 2,200 items, more than are looked at together', () => {
  const SIZE = 2200;
  const random = pseudoRandom(2);
  const near = (i: number, span: number): number => i + 1 + Math.floor(random() * Math.min(span, SIZE - i - 1));
  const references = (many: number, of: (i: number) => number): number[][] =>
    Array.from({ length: SIZE }, (_, i) => [...new Set(Array.from({ length: i < SIZE - 1 ? many : 0 }, () => of(i)))]);

  test.each<[name: string, references: number[][]]>([
    ['two references to any later ones', references(2, (i) => near(i, SIZE))],
    ['three references to near ones', references(3, (i) => near(i, 30))],
    ['one near reference and one far', references(2, (i) => near(i, random() < 0.5 ? 3 : SIZE))],
    ['three towers on one ground', references(2, (i) => (i < 1800 ? Math.min(i + 3, 1800 + (i % 7)) : near(i, 5)))],
  ])('%s, popularity is the sum over all ancestors', (_name, references) => {
    const items = numbered(references, scattered);
    const popularities = popularityOf(createReferenceGraph(items, SOURCE));
    const ancestors = references.map((_, i) => 1n << BigInt(i));
    const occurrences = references.map(() => 0n);
    for (const [i, of] of references.entries()) {
      occurrences[i] ||= 1n;
      for (const to of of) {
        ancestors[to]! |= ancestors[i]!;
        occurrences[to]! += occurrences[i]!;
      }
    }
    const differing = items.filter(({ path }, i) => {
      const digits = ancestors[i]!.toString(2).split('').reverse();
      return (
        popularities.get(path) !== digits.reduce((sum, digit, j) => (digit === '1' ? sum + occurrences[j]! : sum), 0n)
      );
    });
    expect(differing).toEqual([]);
  });
});

describe('of 20,000 items with 200,000 references', () => {
  const SIZE = 20_000;
  const random = pseudoRandom(1);
  const shapes: Record<string, number[][]> = {
    'to any later ones': Array.from({ length: SIZE }, (_, i) => [
      ...new Set(Array.from({ length: i < SIZE - 1 ? 10 : 0 }, () => i + 1 + Math.floor(random() * (SIZE - i - 1)))),
    ]),
    'to the next ten': Array.from({ length: SIZE }, (_, i) =>
      Array.from({ length: 10 }, (_, j) => i + 1 + j).filter((to) => to < SIZE),
    ),
  };

  test.each(Object.entries(shapes))('%s, popularity is the sum over all ancestors', (_name, references) => {
    const items = numbered(references, scattered);
    const popularities = popularityOf(createReferenceGraph(items, SOURCE));
    expect(popularities.size).toBe(SIZE);

    const parents: number[][] = references.map(() => []);
    for (const [i, of] of references.entries()) for (const to of of) parents[to]!.push(i);
    const occurrences: bigint[] = [];
    for (const of of parents) occurrences.push(of.reduce((sum, i) => sum + occurrences[i]!, of.length === 0 ? 1n : 0n));
    for (const place of [0, 1, 2, 31, 32, 33, 1023, 1024, 1025, 5000, 12_345, SIZE - 2, SIZE - 1]) {
      const ancestors = new Set([place]);
      for (const i of ancestors) for (const parent of parents[i]!) ancestors.add(parent);
      const expected = [...ancestors].reduce((sum, i) => sum + occurrences[i]!, 0n);
      // A comparison of our own: a message with 20,000 bits would take longer than the test.
      expect(popularities.get(items[place]!.path) === expected, `item ${place}`).toBe(true);
    }
    expect(popularities.get(items[SIZE - 1]!.path)! > 2n ** 100n).toBe(true);
  });
});
