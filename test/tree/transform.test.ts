import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { parsePrefixReplacement, prefixTransform, TreeError } from '../../src/tree/index.js';
import { guixExpression } from '../build/guix-oracle.js';
import { clientTest } from '../support/clients.js';
import { gnuTar } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';

type Pair = readonly [from: string, to: string];

function transform(pairs: readonly Pair[]): (path: string) => string {
  const replacements = pairs.map(([from, to]) => parsePrefixReplacement(`${from}=${to}` as ByteString));
  const apply = prefixTransform(replacements);
  return (path) => apply(path as ByteString);
}

const oracle = clientTest('tar');

/** Names that real GNU tar gives members with the expression that Guix makes of these pairs. */
function gnuNames(paths: readonly string[], pairs: readonly Pair[]): string[] {
  const root = scratchDirectory();
  for (const path of paths) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), '');
  }
  const list = Buffer.from(paths.map((path) => `${path}\0`).join(''));
  const archive = gnuTar(['--transform', guixExpression(pairs), '--null', '-T', '-', '-cf', '-'], root, list);
  const listed = gnuTar(['-tf', '-', '--quoting-style=literal'], root, archive).toString();
  return listed.split('\n').slice(0, -1);
}

describe('names are those of GNU tar with the expression of Guix', () => {
  oracle.each<[name: string, paths: string[], pairs: Pair[]]>([
    ['a prefix', ['gnu/store/a', 'gnu/store/b/c', 'x'], [['/gnu/store', '/opt']]],
    ['to the root', ['gnu/store/a', 'gnu/store/b/c'], [['/gnu/store', '']]],
    ['to the root, with slashes', ['gnu/store/a', 'gnu/store/b/c'], [['/gnu/store/', '/']]],
    ['of bytes, not components', ['a/x', 'ab', 'abc/d', 'b/a'], [['/a', '/z']]],
    [
      'several in turn',
      ['a/x', 'b/x', 'c/x'],
      [
        ['/a', '/b'],
        ['/b', '/c'],
        ['/c', '/d'],
      ],
    ],
    [
      'several that do not follow',
      ['a/x', 'b/x'],
      [
        ['/b', '/c'],
        ['/a', '/b'],
      ],
    ],
    ['without leading slashes', ['a/x'], [['a', 'b']]],
    ['with many leading slashes', ['a/x'], [['///a', '///b']]],
    ['that hits only at the beginning', ['x/a', 'a/a/a'], [['/a', '/b']]],
    ['once', ['aaa'], [['/a', '/b']]],
    ['that is a whole name', ['file'], [['/file', '/other']]],
    [
      'that leaves a leading slash for the next',
      ['a/b'],
      [
        ['/a', ''],
        ['b', 'c'],
      ],
    ],
  ])('%s', (_name, paths, pairs) => {
    expect(paths.map(transform(pairs))).toEqual(gnuNames(paths, pairs));
  });

  oracle('every character that is special in a pattern', () => {
    const specials = [
      '.',
      '*',
      '^',
      '$',
      '[',
      ']',
      '[a]',
      '[^a]',
      '\\z',
      '+',
      '?',
      '{1}',
      '(',
      ')',
      '|',
      '&',
      ',',
      ';',
      '#',
      '!',
      '"',
      "'",
      ' ',
      '-',
      '=x',
    ];
    for (const special of specials) {
      const from = `p${special}q`.replace('=', '');
      const paths = [`${from}/file`, 'pxq/file', 'ppq/file', 'pq/file', 'paq/file', `x${from}/file`].filter(
        (path, index, all) => all.indexOf(path) === index,
      );
      const pairs: Pair[] = [[`/${from}`, '/new']];
      expect(paths.map(transform(pairs)), special).toEqual(gnuNames(paths, pairs));
    }
  });

  oracle('any prefixes', () => {
    const component = fc.constantFrom('a', 'b', 'ab', 'a.b', 'a*', 'x[y]', '$z', '^', 'c d', 'é');
    const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    // What a replacement says is taken as it is; GNU tar would leave Guix's escapes in, so that these have none.
    const to = fc
      .array(fc.constantFrom('a', 'b', 'new'), { maxLength: 2 })
      .map((parts) => parts.map((part) => `/${part}`).join(''));
    const pair = fc.tuple(path, to).map(([from, target]): Pair => [`/${from}`, target]);
    const sample = fc.sample(fc.tuple(path, fc.array(pair, { minLength: 1, maxLength: 3 })), { numRuns: 60, seed: 3 });
    for (const [name, pairs] of sample) {
      const member = `${name}/file`;
      expect([transform(pairs)(member)], JSON.stringify(pairs)).toEqual(gnuNames([member], pairs));
    }
  });

  oracle('link targets stay', () => {
    const root = scratchDirectory();
    symlinkSync('a/target', join(root, 'a'));
    const archive = gnuTar(['--transform', guixExpression([['/a', '/b']]), '-cf', '-', 'a'], root);
    expect(gnuTar(['-tvf', '-'], root, archive).toString()).toMatch(/ b -> a\/target\n$/);
    expect(transform([['/a', '/b']])('a')).toBe('b');
  });
});

test('no replacements change nothing', () => {
  expect(prefixTransform([])('a/b' as ByteString)).toBe('a/b');
});

test.each<[text: string, from: string, to: string]>([
  ['/a=/b', 'a', 'b'],
  ['a=', 'a', ''],
  ['a=/', 'a', ''],
  ['a=b=c', 'a', 'b=c'],
  ['///a//=///b//', 'a//', 'b//'],
])('%s is parsed', (text, from, to) => {
  expect(parsePrefixReplacement(text as ByteString)).toEqual({ from, to });
});

test.each(['', 'a', '=', '=b', '/=b', '///=b'])('%j is refused', (text) => {
  expect(() => parsePrefixReplacement(text as ByteString)).toThrow(TreeError);
  expect(() => parsePrefixReplacement(text as ByteString)).toThrow(
    expect.objectContaining({ code: 'TRANSFORM_INVALID', message: expect.stringContaining(`"${text}"`) }),
  );
});
