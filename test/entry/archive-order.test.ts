import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { parentsOf, sortInArchiveOrder, withMissingParents } from '../../src/entry/index.js';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '\x01', '-', '.', '0', '\xff'), minLength: 1, maxLength: 3 });
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/') as ByteString);

const sorted = (paths: readonly ByteString[]): ByteString[] => sortInArchiveOrder(paths, (each) => each);

describe('archive order', () => {
  test.each<[name: string, ...inOrder: string[]]>([
    [
      'a directory, what is in it, then names that begin with its own',
      'a',
      'a/b',
      'a/b/c',
      'a\x01',
      'a-b',
      'a.b',
      'ab',
    ],
    ['bytes, not UTF-16', 'A', 'a', '\x7f', '\xc3\xa9', '\xef\xbd\x9e', '\xf0\x90\x80\x80'],
  ])('%s', (_name, ...inOrder) => {
    expect(sorted(inOrder.toReversed() as ByteString[])).toEqual(inOrder);
  });

  test('is that of a walk that sorts the names of each directory', () => {
    const walk = (names: readonly string[][]): string[] =>
      [...new Set(names.map(([first]) => first!))].sort().flatMap((first) => {
        const below = names.filter((each) => each[0] === first).map((each) => each.slice(1));
        const isThere = below.some((each) => each.length === 0);
        return [
          ...(isThere ? [first] : []),
          ...walk(below.filter((each) => each.length > 0)).map((p) => `${first}/${p}`),
        ];
      });
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 30 }), (paths) => {
        expect(sorted(paths)).toEqual(walk(paths.map((each) => each.split('/'))));
      }),
    );
  });

  test('leaves its input as it is, and equal paths in the order given', () => {
    const values = ['b', 'a', 'b'].map((text, at) => ({ path: text as ByteString, at }));
    expect(sortInArchiveOrder(values, (value) => value.path).map(({ at }) => at)).toEqual([1, 0, 2]);
    expect(values.map(({ at }) => at)).toEqual([0, 1, 2]);
  });
});

describe('missing parents', () => {
  const complete = (paths: readonly ByteString[]): string[] =>
    withMissingParents<string>(
      paths,
      (each) => each as ByteString,
      (parent) => `+${parent}`,
    );

  test.each<[name: string, paths: string[], expected: string[]]>([
    ['all of a deep path', ['a/b/c'], ['+a', '+a/b', 'a/b/c']],
    ['none that is there', ['a', 'a/b'], ['a', 'a/b']],
    ['once for several', ['a/b/c', 'a/b/d', 'a/c/d'], ['+a', '+a/b', 'a/b/c', 'a/b/d', '+a/c', 'a/c/d']],
    ['not those of a name that begins alike', ['a', 'a-b/c', 'a.b/c'], ['a', '+a-b', 'a-b/c', '+a.b', 'a.b/c']],
    ['above one that is there', ['a/b', 'a/b/c'], ['+a', 'a/b', 'a/b/c']],
  ])('%s', (_name, paths, expected) => {
    expect(complete(paths as ByteString[])).toEqual(expected);
  });

  test('are all there, each once and in its place', () => {
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 30 }), (paths) => {
        const result = complete(sorted(paths));
        const all = new Set([...paths, ...paths.flatMap(parentsOf)]);
        expect(result.map((each) => each.replace(/^\+/, ''))).toEqual(sorted([...all]));
        expect(result.filter((each) => !each.startsWith('+')).length).toBe(paths.length);
      }),
    );
  });
});
