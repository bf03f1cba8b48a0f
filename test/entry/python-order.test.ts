import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import { isDecodable, pythonText, replaceNonAscii, sortInPythonOrder } from '../../src/entry/index.js';
import { clientTest } from '../support/clients.js';
import { python } from '../support/python.js';

const oracle = clientTest('python3');

function bytes(text: string): ByteString {
  return text as ByteString;
}

function sorted(paths: readonly ByteString[]): ByteString[] {
  return sortInPythonOrder(paths, (path) => path);
}

/** Bytes at which the rules of UTF-8 change, each with its neighbour. */
const EDGES = [
  ...[0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0],
  ...[0xf1, 0xf3, 0xf4, 0xf5, 0xff],
].map((byte) => String.fromCharCode(byte));

/** Every string of so many bytes of {@link EDGES}. */
function edgeStrings(length: number): string[] {
  if (length === 0) return [''];
  return edgeStrings(length - 1).flatMap((start) => EDGES.map((edge) => start + edge));
}

describe('names as Python decodes them', () => {
  test.each<[name: string, given: string, text: string, ascii: string]>([
    ['ASCII', 'a/b', 'a/b', 'a/b'],
    ['characters of two, three and four bytes', encodeUtf8('é€😀'), encodeUtf8('é€😀'), '???'],
    ['a byte that begins nothing', '\x80', '\xed\xb2\x80', '?'],
    ['the last byte', '\xff', '\xed\xb3\xbf', '?'],
    ['an overlong slash', '\xc0\xaf', '\xed\xb3\x80\xed\xb2\xaf', '??'],
    ['a surrogate', '\xed\xa0\x80', '\xed\xb3\xad\xed\xb2\xa0\xed\xb2\x80', '???'],
    ['above U+10FFFF', '\xf4\x90\x80\x80', '\xed\xb3\xb4\xed\xb2\x90\xed\xb2\x80\xed\xb2\x80', '????'],
    ['a character that is cut off', '\xe2\x82x', '\xed\xb3\xa2\xed\xb2\x82x', '??x'],
  ])('%s', (_name, given, text, ascii) => {
    expect(pythonText(bytes(given))).toBe(text);
    expect(replaceNonAscii(bytes(given))).toBe(ascii);
    expect(isDecodable(bytes(given))).toBe(text === given);
  });

  oracle('are as Python says, for every sequence of bytes at the edges of UTF-8', () => {
    const names = [1, 2, 3].flatMap(edgeStrings);
    names.push(...EDGES.filter((edge) => edge >= '\xef').flatMap((edge) => edgeStrings(3).map((rest) => edge + rest)));
    const program = `
import json, sys
def views(name):
    text = name.encode('latin-1').decode('utf-8', 'surrogateescape')
    return [text.encode('utf-8', 'surrogatepass').decode('latin-1'), text.encode('ascii', 'replace').decode('latin-1')]
print(json.dumps([views(name) for name in json.load(sys.stdin)]))`;
    const found = python<[text: string, ascii: string][]>(program, [], JSON.stringify(names));
    expect(found).toHaveLength(names.length);
    const different = names.filter(
      (name, at) => pythonText(bytes(name)) !== found[at]![0] || replaceNonAscii(bytes(name)) !== found[at]![1],
    );
    expect(different).toEqual([]);
  });
});

describe('the order of paths', () => {
  test.each<[name: string, ...inOrder: string[]]>([
    ['a directory, what is in it, then names that begin with its own', 'a', 'a/b', 'a/b/c', 'a-b', 'a.b', 'a0', 'ab'],
    ['capitals before small letters', 'A', 'Z', '_', 'a'],
    ['code points, not UTF-16', encodeUtf8('é'), encodeUtf8('\uff5e'), encodeUtf8('\u{10000}')],
    ['an undecodable byte after the characters that its value is below', encodeUtf8('ä'), encodeUtf8('\ud7ff'), '\x80'],
    ['an undecodable byte before U+E000', '\x80', '\xff', encodeUtf8('\ue000'), encodeUtf8('\u{10ffff}')],
    ['undecodable bytes by their value', '\xc3', '\xc3/a', '\xc3a', '\xed\xa0\x80', '\xff'],
  ])('%s', (_name, ...inOrder) => {
    const paths = inOrder.map(bytes);
    expect(sorted(paths.toReversed())).toEqual(paths);
    expect(sorted(paths)).toEqual(paths);
  });

  test('leaves its input as it is, and equal paths in the order given', () => {
    const values = [
      { path: bytes('b'), at: 0 },
      { path: bytes('a'), at: 1 },
      { path: bytes('b'), at: 2 },
    ];
    expect(sortInPythonOrder(values, ({ path }) => path).map(({ at }) => at)).toEqual([1, 0, 2]);
    expect(values.map(({ at }) => at)).toEqual([0, 1, 2]);
  });

  oracle('is that of pathlib, for any paths', () => {
    const piece = fc.constantFrom(
      ...['a', 'b', '-', '.', '0', '~', '\x01', ...EDGES],
      ...['ä', '€', '\ud7ff', '\ue000', '\uff5e', '\u{10000}', '\u{10ffff}'].map(encodeUtf8),
    );
    const component = fc
      .array(piece, { minLength: 1, maxLength: 4 })
      .map((pieces) => pieces.join(''))
      .filter((name) => name !== '.');
    const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((components) => bytes(components.join('/')));
    const program = `
import json, pathlib, sys
def order(names):
    return sorted(names, key=lambda name: pathlib.PurePosixPath(name.encode('latin-1').decode('utf-8', 'surrogateescape')))
print(json.dumps([order(names) for names in json.load(sys.stdin)]))`;
    // Many lists a run, and no shrinking: Python takes longer to start than to sort.
    fc.assert(
      fc.property(fc.array(fc.array(path, { maxLength: 30, size: 'max' }), { maxLength: 40, size: 'max' }), (lists) => {
        expect(lists.map(sorted)).toEqual(python(program, [], JSON.stringify(lists)));
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });
});
