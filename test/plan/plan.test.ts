import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ByteString, byteStringFrom } from '../../src/bytes/index.js';
import { PlanError, type PlanItem, planBySize } from '../../src/plan/index.js';

function item(name: string, sizeBytes: number): PlanItem {
  return { name: name as ByteString, sizeBytes };
}

function names(items: readonly PlanItem[]): string[] {
  return items.map(({ name }) => name);
}

/** `a` is the smallest. */
const FIVE = [item('c', 30), item('a', 10), item('e', 50), item('b', 20), item('d', 40)];

describe('planBySize', () => {
  // Guix: (split-at sorted (if (>= n max) (- max 2) (1- n))), worked out by hand.
  test.each<[name: string, items: PlanItem[], maxLayers: number, head: string[], tail: string[]]>([
    ['no items', [], 2, [], []],
    ['no items and many layers', [], 125, [], []],
    ['one item', [item('a', 1)], 2, [], ['a']],
    ['one item and many layers', [item('a', 1)], 125, [], ['a']],
    ['two items in two layers', [item('a', 1), item('b', 2)], 2, [], ['b', 'a']],
    ['two items in three layers', [item('a', 1), item('b', 2)], 3, ['b'], ['a']],
    ['five items in two layers', FIVE, 2, [], ['e', 'd', 'c', 'b', 'a']],
    ['five items in three layers', FIVE, 3, ['e'], ['d', 'c', 'b', 'a']],
    ['five items in four layers', FIVE, 4, ['e', 'd'], ['c', 'b', 'a']],
    ['as many items as layers', FIVE, 5, ['e', 'd', 'c'], ['b', 'a']],
    ['one item fewer than layers', FIVE, 6, ['e', 'd', 'c', 'b'], ['a']],
    ['layers to spare', FIVE, 100, ['e', 'd', 'c', 'b'], ['a']],
    ['equal sizes', [item('b', 1), item('B', 1), item('a', 1), item('ab', 1)], 125, ['B', 'a', 'ab'], ['b']],
    ['sizes of zero', [item('b', 0), item('a', 0)], 3, ['a'], ['b']],
    ['sizes above 2^32', [item('a', 2 ** 32), item('b', 2 ** 40), item('c', 2 ** 32 + 1)], 4, ['b', 'c'], ['a']],
  ])('%s', (_name, items, maxLayers, head, tail) => {
    const plan = planBySize(items, maxLayers);
    expect({ head: names(plan.head), tail: names(plan.tail) }).toEqual({ head, tail });
  });

  test('ties are in byte order, not in UTF-16 order', () => {
    const [before, after] = ['\u{ff5e}', '\u{10000}'].map((text) => byteStringFrom(new TextEncoder().encode(text)));
    const plan = planBySize([item(after!, 1), item(before!, 1), item('z', 0)], 125);
    expect(plan.head.map(({ name }) => name)).toEqual([before, after]);
  });

  const anItem = fc.record({
    name: fc.string({ unit: 'binary-ascii', maxLength: 6 }).map((name) => name as ByteString),
    sizeBytes: fc.oneof(fc.nat(3), fc.nat(2 ** 31 - 1)),
  });
  const someItems = fc.uniqueArray(anItem, { maxLength: 200, selector: ({ name }) => name, size: 'max' });

  test('every item is in one layer, the largest alone, and there are never too many layers', () => {
    fc.assert(
      fc.property(someItems, fc.integer({ min: 2, max: 125 }), (items, maxLayers) => {
        const { head, tail } = planBySize(items, maxLayers);
        expect([...names(head), ...names(tail)].sort()).toEqual(names(items).sort());
        const layers = head.length + (tail.length > 0 ? 1 : 0) + 1;
        expect(layers).toBeLessThanOrEqual(maxLayers);
        // No layer is wasted: either the maximum is used, or the tail is one item.
        if (items.length > 0 && layers < maxLayers) expect(tail).toHaveLength(1);
        const sizes = [...head, ...tail].map(({ sizeBytes }) => sizeBytes);
        expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  test('the order of the input does not show, and the input is not changed', () => {
    fc.assert(
      fc.property(someItems, fc.integer({ min: 2, max: 125 }), (items, maxLayers) => {
        const before = [...items];
        expect(planBySize(items.toReversed(), maxLayers)).toEqual(planBySize(items, maxLayers));
        expect(items).toEqual(before);
      }),
      { seed: 5 },
    );
  });

  test.each([1, 0, -1, 126, 2.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d layers', (maxLayers) => {
    expect(() => planBySize([], maxLayers)).toThrowError(PlanError);
    expect(() => planBySize([], maxLayers)).toThrowError(
      expect.objectContaining({
        code: 'PLAN_MAX_LAYERS',
        message: `Cannot plan layers: the maximum must be an integer from 2 to 125, and is ${maxLayers}`,
      }),
    );
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses an item of %d bytes', (sizeBytes) => {
    expect(() => planBySize([item('gnu/store/x', sizeBytes)], 100)).toThrowError(
      expect.objectContaining({
        code: 'PLAN_ITEM_SIZE',
        message: `Cannot plan layer of "gnu/store/x": its size must be an integer from 0 to 9007199254740991, and is ${sizeBytes}`,
      }),
    );
  });
});
