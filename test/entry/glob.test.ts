import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import { compileExclude, compileGlob, EntryError } from '../../src/entry/index.js';
import { clientTest } from '../support/clients.js';
import { gnuTar } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { readTarHeaders } from '../support/tar-headers.js';

const oracle = clientTest('tar');

describe('compileGlob', () => {
  const cases: [pattern: string, matching: string[], other: string[]][] = [
    ['usr/bin/x', ['usr/bin/x'], ['usr/bin', 'usr/bin/x/y', 'usr/bin/xx', 'a/usr/bin/x', 'usr/bin/X']],
    ['/usr/bin/x', ['usr/bin/x'], ['usr/bin']],
    ['*', ['usr', '.hidden', 'a.b'], ['usr/bin', './a']],
    ['usr/*', ['usr/bin', 'usr/.x'], ['usr', 'usr/bin/x']],
    ['usr/*/x', ['usr/bin/x'], ['usr/x', 'usr/a/b/x']],
    ['*.txt', ['a.txt', '.txt'], ['d/a.txt', 'a.txt.gz']],
    ['a*b*c', ['abc', 'axbxbxc'], ['ab', 'abcd', 'a/bc']],
    ['a?c', ['abc', 'a?c'], ['ac', 'abbc', 'a/c']],
    ['**', ['usr', 'usr/bin', 'a/b/c'], []],
    ['**/x', ['x', 'a/x', 'a/b/x'], ['ax', 'a/bx', 'x/a']],
    ['/**/x', ['x', 'a/x', 'a/b/x'], ['ax']],
    ['usr/**', ['usr/bin', 'usr/a/b'], ['usr', 'usrx/a']],
    ['usr/**/x', ['usr/x', 'usr/a/x', 'usr/a/b/x'], ['usr/ax', 'usrx', 'usr/x/y']],
    ['**/share/**', ['share/a', 'usr/share/a', 'usr/share/a/b'], ['share', 'usr/share', 'usr/xshare/a']],
    ['a/**/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['ab']],
    ['a**b', ['ab', 'axb', 'a/x/b', 'a/b'], ['a/x']],
    ['a/**b', ['a/b', 'a/xb', 'a/x/b'], ['ab']],
    ['**/*.py', ['a.py', 'x/a.py', 'x/y/.py'], ['a.pyc']],
    ['[ab]x', ['ax', 'bx'], ['cx', 'x', '[ab]x']],
    ['[a-c]', ['a', 'b', 'c'], ['d', '-']],
    ['[!a-c]', ['d', '-'], ['a', 'c', 'dd']],
    ['[^a-c]', ['d', '^'], ['a']],
    ['a[!b]c', ['axc'], ['abc', 'a/c']],
    ['a[.-0]c', ['a.c', 'a0c'], ['a/c']],
    ['[]-]', [']', '-'], ['[']],
    ['[[:digit:][:upper:]_]', ['7', 'Q', '_'], ['q', ':']],
    ['\\*', ['*'], ['a', '\\*']],
    ['a\\bc', ['abc'], ['a\\bc']],
    ['[\\]]', [']'], ['\\']],
    ['é', ['é'], ['e']],
    ['??', ['é', 'ab'], ['e']],
    ['[\\*\\\\]', ['*', '\\'], ['a']],
    ['a\nb', ['a\nb'], ['ab']],
  ];
  test.each(cases)('%j', (pattern, matching, other) => {
    const matches = compileGlob(encodeUtf8(pattern));
    const subjects = [...matching, ...other].map(encodeUtf8);
    expect(subjects.filter(matches)).toEqual(matching.map(encodeUtf8));
  });

  test.each([
    ['', 'it must name a path'],
    ['/', 'it must name a path'],
    ['usr/', 'it must not end with "/", as no path does'],
    ['usr/**/', 'it must not end with "/", as no path does'],
    ['a[b', 'a bracket expression must end with "]"'],
    ['[]', 'a bracket expression must end with "]"'],
    ['[!]', 'a bracket expression must end with "]"'],
    ['[a-', 'a bracket expression must end with "]"'],
    ['[z-a]', 'range "z-a" must not run backwards'],
    ['[[:letter:]]', '"[:letter:]" must name a POSIX class or one byte'],
    ['[[.ab.]]', '"[.ab.]" must name a POSIX class or one byte'],
    ['a\\', 'a backslash must quote a byte, and ends the pattern'],
  ])('refuses %j', (text, rule) => {
    const pattern = encodeUtf8(text);
    let error: unknown;
    try {
      compileGlob(pattern);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(EntryError);
    const shown = text.replaceAll('\\', '\\\\');
    expect(error).toMatchObject({
      code: 'GLOB_INVALID',
      message: `Cannot use glob "${shown}": ${rule}`,
      data: { pattern },
    });
  });

  test('takes every quoted path, and nothing else', () => {
    const path = fc.stringMatching(/^[ab*?[\]!\\.-][ab*?[\]!\\./-]*$/).filter((text) => !text.endsWith('/'));
    fc.assert(
      fc.property(path, path, (one, other) => {
        const matches = compileGlob(one.replace(/[*?[\\]/g, '\\$&') as ByteString);
        expect(matches(one as ByteString)).toBe(true);
        expect(matches(other as ByteString)).toBe(one === other);
      }),
    );
  });
});

/** Names below the root of the tree that GNU tar is asked about. */
const NAMES = [
  ...[
    'a',
    'b',
    'ab',
    'abc',
    'abab',
    'A',
    'foo',
    'foo.txt',
    'foo~',
    '.hidden',
    '-',
    '!',
    '^',
    '*',
    '?',
    '[',
    ']',
    '\\',
    'x y',
  ],
  ...[
    '[a',
    '[ab]',
    'a]',
    'a\\',
    '\\a',
    'a-c',
    '[[:alpha:]]',
    '\xe9',
    'caf\xc3\xa9',
    '\xff',
    '7',
    'z',
    '_',
    'line\nfeed',
  ],
  ...['d/a', 'd/b', 'd/foo', 'd/foo.txt', 'd/d/a', 'd/d/foo/bar', 'd/.hidden', 'd/[', 'd/ab/abc', 'd/-', 'd/A/a.c'],
  ...[
    'foo.d/bar',
    'foo.d/foo/foo',
    'foo.d/b/c/d/e',
    'ab.d/c',
    '[d]/a',
    '[d]/]',
    'e/\xe9/\xe9',
    'e/a\\/b',
    'e/*/x',
    'e/a*',
  ],
];

function makeTree(root: string): void {
  for (const name of NAMES) {
    const path = Buffer.from(`${root}/${name}`, 'latin1');
    mkdirSync(Buffer.from(dirname(`${root}/${name}`), 'latin1'), { recursive: true });
    writeFileSync(path, '');
  }
}

/** The names of all members, as GNU tar sees them when it decides: without the slash that ends a directory's. */
function membersByTar(root: string, args: readonly string[]): ByteString[] {
  return readTarHeaders(gnuTar(['-cf', '-', '--format=gnu', '--sort=name', ...args], root)).map(
    ({ name }) => name.replace(/\/$/, '') as ByteString,
  );
}

/** What is archived: names relative to `.`, some without, some with doubled slashes. */
const SOURCES = ['.', 'd', 'foo.d', 'd//d', './e', 'd//foo', 'foo'];

function expectSameExclusions(root: string, all: readonly ByteString[], pattern: string): void {
  const excludes = compileExclude(encodeUtf8(pattern));
  const kept = membersByTar(root, [`--exclude=${pattern}`, ...SOURCES]);
  expect(all.filter((name) => !excludes(name))).toEqual(kept);
}

describe('compileExclude', () => {
  oracle('leaves out what --exclude of GNU tar does', () => {
    const root = scratchDirectory();
    makeTree(root);
    const all = membersByTar(root, SOURCES);
    expect(all.length).toBeGreaterThan(100);
    const patterns = [
      ...['', 'a', 'foo', 'foo/', '/foo', './foo', 'foo/bar', 'd', 'd/', '.', './d', 'd/d', 'd//d', '/d', 'oo', 'Foo'],
      ...[
        '*',
        '*/',
        '/*',
        '*/*',
        'd/*',
        '*d',
        'd*',
        '*.txt',
        'foo*',
        'f*o',
        '*oo/*',
        'd*a',
        './*/a',
        '*/a',
        'a*',
        '**',
        '.*',
      ],
      ...['?', '??', 'd?a', 'f??', '?/a', 'foo?d', '*?*', '?*/?'],
      ...[
        '[ab]',
        '[!ab]',
        '[^ab]',
        '[a-c]*',
        '[!a-z]*',
        '[]]',
        '[!]]',
        '[a-]',
        '[-a]',
        '[]-a]',
        '[d/]a',
        'd[!x]a',
        '[[]*',
      ],
      ...[
        '[[:alpha:]]',
        '[![:alpha:]]',
        '[[:digit:]_]',
        '*[[:space:]]*',
        '[[:upper:]]',
        '[[:punct:]]',
        '[[:cntrl:]]',
        '[[:foo:]]',
      ],
      ...[
        '[',
        '[a',
        '[ab',
        '[!',
        '[]',
        '[[:alpha:',
        'd/[',
        '[*',
        '*[',
        '[a-',
        '[z-a]',
        '[z-ab]',
        '[\\]]',
        '[\\a]',
        '[a\\]',
        '[\\',
      ],
      ...[
        '\\a',
        '\\*',
        '\\?',
        '\\[',
        '\\\\',
        '\\\\a',
        'a\\',
        'a\\\\',
        '*\\',
        '\\',
        '\\[ab]',
        '[[.a.]]',
        '[[=a=]]',
        '[[.a.]-c]',
      ],
      ...['é', 'caf?', 'caf??', 'caf[é]', '*\n*', 'x y', '-', '!', '^'],
    ];
    for (const pattern of patterns) expectSameExclusions(root, all, pattern);
  });

  oracle('leaves out what --exclude of GNU tar does, for random patterns', () => {
    const root = scratchDirectory();
    makeTree(root);
    const all = membersByTar(root, SOURCES);
    const tokens = fc.constantFrom(
      ...['a', 'b', 'c', 'd', 'foo', '.', '/', '/', '*', '*', '?', '-', '!', '\\', '[', ']', 'é', 'x', ' ', '\n'],
      ...[
        '[ab]',
        '[!ab]',
        '[^d/]',
        '[a-c]',
        '[[:alpha:]]',
        '[![:punct:]a]',
        '[]a]',
        '[\\]]',
        '[a-]',
        '[+-f]',
        '\\*',
        '\\[',
      ],
    );
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 6 }), (parts) => expectSameExclusions(root, all, parts.join(''))),
      { numRuns: 400 },
    );
  });

  test('knows names as they are on the command line', () => {
    expect(compileExclude(encodeUtf8('/usr/share'))(encodeUtf8('/usr/share/doc'))).toBe(true);
    expect(compileExclude(encodeUtf8('/usr/share'))(encodeUtf8('usr/share/doc'))).toBe(false);
    expect(compileExclude(encodeUtf8('usr/share'))(encodeUtf8('/usr/share/doc'))).toBe(true);
    expect(compileExclude(encodeUtf8('usr/shar?'))(encodeUtf8('/usr/share/doc'))).toBe(true);
    expect(compileExclude(encodeUtf8('usr'))(encodeUtf8('./usr'))).toBe(true);
  });
});

// Backtracking over these would take longer than the age of the universe.
test.each([
  ['compileGlob', compileGlob],
  ['compileExclude', compileExclude],
])('%s takes hostile patterns', (_name, compile) => {
  const name = `${'a'.repeat(4000)}/${'ab'.repeat(40)}` as ByteString;
  expect(compile(`${'*a'.repeat(60)}b?c` as ByteString)(name)).toBe(false);
  expect(compile(`${'**/a*'.repeat(30)}c` as ByteString)(name)).toBe(false);
  expect(compile(`${'[a-z]*'.repeat(60)}c` as ByteString)(name)).toBe(false);
  expect(compile(`${'**a'.repeat(60)}**b` as ByteString)(name)).toBe(true);
});
