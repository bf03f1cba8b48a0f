import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PlanError, planByPopularity } from '../../src/plan/index.js';

function places(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describe('planByPopularity', () => {
  // `head -n $((maxLayers - 2))` and `tail -n +$((maxLayers - 1))` of the list, worked out by hand.
  test.each<[name: string, items: number, maxLayers: number, heads: number, tails: number]>([
    ['no items', 0, 100, 0, 0],
    ['no items in two layers', 0, 2, 0, 0],
    ['one item', 1, 100, 1, 0],
    ['one item in two layers', 1, 2, 0, 1],
    ['one item in three layers', 1, 3, 1, 0],
    ['two items in three layers', 2, 3, 1, 1],
    ['two items fewer than layers', 98, 100, 98, 0],
    ['one item fewer than layers', 99, 100, 98, 1],
    ['as many items as layers', 100, 100, 98, 2],
    ['one item more than layers', 101, 100, 98, 3],
    ['many items in two layers', 500, 2, 0, 500],
    ['many items in most layers', 500, 125, 123, 377],
  ])('%s', (_name, items, maxLayers, heads, tails) => {
    const { head, tail } = planByPopularity(places(items), maxLayers);
    expect([head.length, tail.length]).toEqual([heads, tails]);
    expect([...head, ...tail]).toEqual(places(items));
  });

  test('every item is in one layer, in order, and there are never too many layers', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 2, max: 125 }), (count, maxLayers) => {
        const ordered = Object.freeze(places(count));
        const { head, tail } = planByPopularity(ordered, maxLayers);
        expect([...head, ...tail]).toEqual(ordered);
        const layers = head.length + (tail.length > 0 ? 1 : 0) + 1;
        expect(layers).toBe(Math.min(count + 1, maxLayers));
      }),
      { seed: 7 },
    );
  });

  test.each([1, 0, -1, 126, 2.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d layers', (maxLayers) => {
    expect(() => planByPopularity([], maxLayers)).toThrow(PlanError);
    expect(() => planByPopularity([], maxLayers)).toThrow(
      expect.objectContaining({
        code: 'PLAN_MAX_LAYERS',
        message: `Cannot plan layers: the maximum must be an integer from 2 to 125, and is ${maxLayers}`,
      }),
    );
  });
});
