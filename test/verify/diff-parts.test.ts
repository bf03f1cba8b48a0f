import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { compareJson } from '../../src/verify/compare/compare-json.js';
import type { MemberRecord } from '../../src/verify/compare/listing.js';
import { movedLayers, type PairableLayer, pairLayers } from '../../src/verify/compare/pair-layers.js';
import { movedMembers, pairMembers } from '../../src/verify/compare/pair-members.js';
import { orderKind } from '../../src/verify/explain/order-kind.js';

describe('JSON values, by their paths', () => {
  const CASES: readonly (readonly [name: string, a: unknown, b: unknown, expected: readonly string[]])[] = [
    ['equal', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['a scalar', { a: { b: 1 } }, { a: { b: '1' } }, ['a.b 1 "1"']],
    ['a key of one side', { a: 1 }, { a: 1, b: null }, ['b undefined null']],
    ['keys that are no names', { 'x.y/z': 1 }, { 'x.y/z': 2 }, ['["x.y/z"] 1 2']],
    [
      'a key of every object',
      {},
      JSON.parse('{"__proto__": 1, "constructor": 2}'),
      ['__proto__ undefined 1', 'constructor undefined 2'],
    ],
    ['an element', { a: ['x', 'y', 'z'] }, { a: ['x', 'w', 'z'] }, ['a[1] "y" "w"']],
    ['an element more in front', { a: ['x', 'y'] }, { a: ['w', 'x', 'y'] }, ['a[0] undefined "w"']],
    ['an element less in the middle', { a: [1, 2, 3] }, { a: [1, 3] }, ['a[1] 2 undefined']],
    ['another order', { a: ['x', 'y'] }, { a: ['y', 'x'] }, ['a ["x","y"] ["y","x"] order']],
    ['an object in an array', [{ a: 1 }, { a: 2 }], [{ a: 1 }, { a: 3 }], ['[1].a 2 3']],
    ['an array and an object', { a: [] }, { a: {} }, ['a [] {}']],
    ['the whole', [], null, [' [] null']],
    ['large values', { a: [[1], [2]] }, {}, ['a [2 values] undefined']],
  ];
  for (const [name, a, b, expected] of CASES) {
    test(name, () => {
      const found = compareJson(a, b).map(
        (one) => `${one.path} ${one.a ?? 'undefined'} ${one.b ?? 'undefined'}${one.isOrder ? ' order' : ''}`,
      );
      expect(found).toEqual(expected);
    });
  }

  test('however deep', () => {
    const deep = (end: string): unknown => JSON.parse(`${'['.repeat(50_000)}${end}${']'.repeat(50_000)}`);
    expect(compareJson(deep('1'), deep('2'))).toEqual([]);
  });
});

function member(name: string, contentHash = name, type = 'file'): MemberRecord {
  return { name, contentHash, linkname: '', attributes: { type } } as unknown as MemberRecord;
}

const members = (...names: readonly string[]): MemberRecord[] => names.map((name) => member(name));

describe('members', () => {
  const CASES: readonly (readonly [
    name: string,
    a: readonly string[],
    b: readonly string[],
    pairs: readonly number[],
  ])[] = [
    ['the same', ['a', 'b'], ['a', 'b'], [0, 1]],
    ['another order', ['a', 'b', 'c'], ['c', 'a', 'b'], [1, 2, 0]],
    ['dots and slashes', ['./', './a/', '/b', 'c//d'], ['', 'a', 'b', 'c/./d'], [0, 1, 2, 3]],
    ['one that is missing', ['a', 'b'], ['b'], [-1, 0]],
    ['the first of a name with the first', ['x', 'x', 'y', 'x'], ['y', 'x', 'x'], [1, 2, 0, -1]],
    ['other bytes of one text', ['e\xcc\x81'], ['\xc3\xa9'], [0]],
    ['Latin-1', ['\xe9'], ['\xc3\xa9'], [0]],
    ['its own name before another encoding', ['\xe9', '\xc3\xa9'], ['\xc3\xa9'], [-1, 0]],
  ];
  for (const [name, a, b, pairs] of CASES) {
    test(name, () => expect([...pairMembers(members(...a), members(...b)).ofA]).toEqual(pairs));
  }

  test('as few as can be are moved', () => {
    const moved = (a: string, b: string): string =>
      movedMembers(pairMembers(members(...a), members(...b)))
        .map((index) => a[index])
        .join('');
    expect(moved('abcdef', 'abcdef')).toBe('');
    expect(moved('abcdef', 'bcdefa')).toBe('a');
    expect(moved('abcdef', 'fabcde')).toBe('f');
    expect(moved('abcdef', 'abXcYdef')).toBe('');
    expect(moved('abcd', 'dcba')).toHaveLength(3);
  });
});

describe('layers', () => {
  const layer = (digest: string, ...files: readonly (readonly [string, string])[]): PairableLayer => ({
    digest,
    members: () => files.map(([name, content]) => member(name, content)),
  });
  const pair = (a: readonly PairableLayer[], b: readonly PairableLayer[]): string[] =>
    pairLayers(a, b).map((one) => `${one.a}-${one.b} ${one.by}`);

  test('by digest, wherever they stand', () => {
    expect(pair([layer('1'), layer('2'), layer('3')], [layer('3'), layer('1'), layer('2')])).toEqual([
      '0-1 diffID',
      '1-2 diffID',
      '2-0 diffID',
    ]);
  });

  test('equal ones with the nearest', () => {
    expect(pair([layer('x'), layer('e'), layer('e')], [layer('e'), layer('x'), layer('e')])).toEqual([
      '0-1 diffID',
      '1-0 diffID',
      '2-2 diffID',
    ]);
  });

  test('by content, though another stands there', () => {
    const a = [layer('1', ['a', '1'], ['b', '1']), layer('2', ['c', '1'], ['d', '1'])];
    const b = [layer('3', ['c', '1'], ['d', '2']), layer('4', ['a', '1'], ['b', '2'], ['z', '1'])];
    expect(pair(a, b)).toEqual(['0-1 content', '1-0 content']);
    expect(movedLayers(pairLayers(a, b))).toHaveLength(1);
  });

  test('by index where they have nothing in common, and none for what is left', () => {
    const a = [layer('1', ['a', '1']), layer('2', ['b', '1'])];
    const b = [layer('3', ['c', '1']), layer('4', ['b', '2']), layer('5', ['d', '1'])];
    expect(pair(a, b)).toEqual(['0-0 index', '1-1 content', '-1-2 none']);
    expect(pair(b, a)).toEqual(['0-0 index', '1-1 content', '2--1 none']);
    expect(pair([], a)).toEqual(['-1-0 none', '-1-1 none']);
  });

  test('directories do not make them alike', () => {
    const directories = (digest: string, file: string): PairableLayer => ({
      digest,
      members: () => [member('usr', '', 'directory'), member('usr/lib', '', 'directory'), member(file)],
    });
    expect(
      pair([directories('1', 'x'), directories('2', 'y')], [directories('3', 'y'), directories('4', 'x')]),
    ).toEqual(['0-1 content', '1-0 content']);
  });
});

describe('orders', () => {
  for (const [kind, ...names] of [
    ['tree', './', './a/', './a/x', './a-b', './b'],
    ['bytes', 'a/', 'a-b', 'a/x'],
    ['locale', 'a', 'B', 'c', 'D/', 'D/_e', 'D/f'],
    ['walk', 'z', 'b/', 'b/y', 'b/x', 'a', 'c'],
    ['none', 'z', 'b/', 'b/y', 'a', 'b/x'],
  ] as const) {
    test(kind, () => expect(orderKind(names as unknown as ByteString[])).toBe(kind));
  }
});
