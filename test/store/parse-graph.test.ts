import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteStringFrom } from '../../src/bytes/index.js';
import { parseReferenceGraph, type ReferenceGraph, StoreError } from '../../src/store/index.js';
import { ATTRS, EMPTY, HELLO, LIBC, PATH_INFO, REFERENCES_GRAPH, REGISTRATION } from './graph-samples.js';
import { item, SOURCE } from './items.js';

function parse(text: string | Uint8Array): ReferenceGraph {
  return parseReferenceGraph(typeof text === 'string' ? new TextEncoder().encode(text) : text, SOURCE);
}

function parseJson(value: unknown): ReferenceGraph {
  return parse(JSON.stringify(value));
}

function expectRefused(act: () => unknown, message: string, code = 'GRAPH_SYNTAX'): void {
  expect(act).toThrow(StoreError);
  expect(act).toThrow(expect.objectContaining({ code, message }));
}

const EXPECTED = [item(EMPTY, [], 120), item(HELLO, [HELLO, LIBC], 248), item(LIBC, [EMPTY, LIBC], 256)];
const SIZELESS = EXPECTED.map(({ path, references }) => ({ path, references }));

interface PathInfo {
  readonly path: string;
  readonly references: readonly string[];
  readonly narSize: number;
}
const LISTED = JSON.parse(PATH_INFO) as readonly PathInfo[];
const BY_PATH = Object.fromEntries(LISTED.map(({ path, ...fields }) => [path, { ca: null, ...fields }]));

/** As the manual of Nix 2.33 describes version 2 of the format: base names everywhere. */
function baseNames(storeDir: string): object {
  const base = (path: string): string => path.slice('/nix/store/'.length);
  const info = LISTED.map(({ path, references, narSize }) => {
    const narHash = { algorithm: 'sha256', format: 'base16', hash: '00' };
    return [base(path), { version: 2, storeDir, narHash, narSize, references: references.map(base), ca: null }];
  });
  return { info: Object.fromEntries(info), storeDir, version: 2 };
}

describe('parseReferenceGraph reads', () => {
  test.each<[name: string, text: string, items: unknown]>([
    ['exportReferencesGraph text', REFERENCES_GRAPH, SIZELESS],
    ['it without a newline at the end', REFERENCES_GRAPH.trimEnd(), SIZELESS],
    [
      'it with derivers',
      REFERENCES_GRAPH.replace('\n\n', '\nunknown-deriver\n').replace('\n\n', '\n/x.drv\n'),
      SIZELESS,
    ],
    ['an item of it', `${EMPTY}\n\n0`, [item(EMPTY)]],
    ['a registration', REGISTRATION, EXPECTED],
    ['it without derivers, as closureInfo', REGISTRATION.replace(/^.*\.drv$/gm, ''), EXPECTED],
    ['it with unknown derivers', REGISTRATION.replace(/^.*\.drv$/gm, 'unknown-deriver'), EXPECTED],
    [
      'it with hashes in base 32, base 64 and with their algorithm',
      REGISTRATION.replace(/^4d.{62}$/m, 'sha256:091n65j86h05249pbnryipljh6br79660x0fpdpjyz5gzk8gp3ad')
        .replace(/^ec.{62}$/m, 'sha256-7K65ja0KcMD+gAATLcz+YOygiczuchCEepnDubmrS9c=')
        .replace(/^65(?=.{62}$)/m, 'sha256:65'),
      EXPECTED,
    ],
    ['it with sizes that Nix does not know', REGISTRATION.replace(/^(120|256|248)$/gm, '0'), SIZELESS],
    ['path-info as an array', PATH_INFO, EXPECTED],
    ['it with white space and a byte order mark', `\ufeff \r\n\t${PATH_INFO}\n`, EXPECTED],
    ['it with "valid", as Nix 2.15 writes', PATH_INFO.replaceAll('{', '{"valid":true,'), EXPECTED],
    ['it without sizes', PATH_INFO.replace(/"narSize":\d+,/g, ''), SIZELESS],
    [
      'it with sizes of 0 and null',
      PATH_INFO.replace(/"narSize":\d+/, '"narSize":0').replace(/(?<="narSize":)\d{2,}/g, 'null'),
      SIZELESS,
    ],
    ['path-info by path', JSON.stringify(BY_PATH), EXPECTED],
    ['it with the store directory', JSON.stringify({ storeDir: '/nix/store', version: 1, ...BY_PATH }), EXPECTED],
    ['path-info by base name', JSON.stringify(baseNames('/nix/store')), EXPECTED],
    ['it with full paths', JSON.stringify({ version: 2, storeDir: '/x', info: BY_PATH }), EXPECTED],
    ['a whole .attrs.json, of whose attributes exportReferencesGraph names the graphs', ATTRS, EXPECTED],
    ['one graph of it', JSON.stringify({ closure: JSON.parse(ATTRS).closure }), EXPECTED],
    ['two graphs of it', JSON.stringify({ b: JSON.parse(ATTRS).closure, a: JSON.parse(ATTRS).library }), EXPECTED],
    [
      'attributes that are no graphs',
      JSON.stringify({ a: 1, b: [], c: ['x'], d: [{ path: 'x' }], e: null, g: LISTED }),
      EXPECTED,
    ],
    ['a graph named __proto__', `{"__proto__":${PATH_INFO}}`, EXPECTED],
    ['of a key that is there twice the last', `{"${EMPTY}":null,"${EMPTY}":{"references":[]}}`, [item(EMPTY)]],
  ])('%s', (_name, text, items) => {
    expect([...parse(text).values()]).toEqual(items);
  });

  test('a store in the root directory', () => {
    expect([...parseJson({ info: { a: { references: ['b'] }, b: { references: [] } }, storeDir: '/' }).keys()]).toEqual(
      ['/a', '/b'],
    );
  });

  test('paths as bytes in text, as UTF-8 in JSON', () => {
    const path = Uint8Array.of(0x2f, 0xff, 0xc3, 0xa4, 0x0d);
    const text = Uint8Array.of(...path, 0x0a, 0x0a, 0x30, 0x0a);
    expect([...parse(text).keys()]).toEqual([byteStringFrom(path)]);
    expect([...parseJson([{ path: '/\u00e4\u{10000}', references: [] }]).keys()]).toEqual([
      '/\xc3\xa4\xf0\x90\x80\x80',
    ]);
  });

  const anyGraph = fc
    .integer({ min: 1, max: 20 })
    .chain((size) =>
      fc.array(
        fc.record({
          of: fc.uniqueArray(fc.nat(size - 1), { maxLength: 6 }),
          narSize: fc.integer({ min: 1, max: 2 ** 40 }),
        }),
        { minLength: size, maxLength: size },
      ),
    )
    .map((nodes) =>
      nodes.map(({ of, narSize }, i) => ({
        path: `/nix/store/${'0'.repeat(32)}-p${i}`,
        references: of.filter((to) => to >= i).map((to) => `/nix/store/${'0'.repeat(32)}-p${to}`),
        narSize,
      })),
    );

  test('the same graph from every form', () => {
    fc.assert(
      fc.property(anyGraph, (infos) => {
        const expected = parseJson(infos);
        expect(expected.size).toBe(infos.length);
        const lines = (...parts: unknown[]): string => parts.map((part) => `${part}\n`).join('');
        const hash = '0'.repeat(64);
        const forms = [
          JSON.stringify(Object.fromEntries(infos.map(({ path, ...info }) => [path, info]))),
          JSON.stringify({ x: infos.slice(0, 3), y: infos }),
          infos.map((i) => lines(i.path, hash, i.narSize, '', i.references.length, ...i.references)).join(''),
        ];
        for (const form of forms) expect(parse(form)).toEqual(expected);
        const text = infos.map((i) => lines(i.path, '/d.drv', i.references.length, ...i.references)).join('');
        expect([...parse(text).values()]).toEqual(
          [...expected.values()].map(({ path, references }) => ({ path, references })),
        );
      }),
      { seed: 6 },
    );
  });
});

describe('parseReferenceGraph refuses text', () => {
  const hash = '0'.repeat(64);
  test.each<[name: string, text: string, message: string]>([
    ['a word', 'hello', 'line 1 must be the absolute path of an item, and is "hello"'],
    ['an empty line', '\n', 'line 1 must be the absolute path of an item, and is ""'],
    ['a path alone', '/a', 'line 2 must be a deriver, empty, or the SHA-256 of a NAR, and is missing'],
    ['a path and a newline', '/a\n', 'line 2 must be a deriver, empty, or the SHA-256 of a NAR, and is missing'],
    ['a list of paths', '/a\n/b\n/c\n', 'line 3 must be the number of references, a number, and is "/c"'],
    ['something for the deriver', '/a\nx\n0\n', 'line 2 must be a deriver, empty, or the SHA-256 of a NAR, and is "x"'],
    ['no number of references', '/a\n\n', 'line 3 must be the number of references, a number, and is missing'],
    ['a negative number', '/a\n\n-1\n', 'line 3 must be the number of references, a number, and is "-1"'],
    ['a fraction', '/a\n\n1.0\n', 'line 3 must be the number of references, a number, and is "1.0"'],
    [
      'a number beyond 2^53',
      '/a\n\n9007199254740992\n',
      'line 3 must be the number of references, a number, and is "9007199254740992"',
    ],
    [
      'lines that end in CR LF',
      '/a\r\n\r\n0\r\n',
      'line 2 must be a deriver, empty, or the SHA-256 of a NAR, and is "\\r"',
    ],
    ['a huge number', '/a\n\n999999999999\n/a\n', 'line 5 must be the absolute path of a reference, and is missing'],
    ['a number too large', '/a\n\n2\n/a\n', 'line 5 must be the absolute path of a reference, and is missing'],
    ['a number too small', '/a\n\n0\n/a\n/b\n\n0\n', 'line 6 must be the number of references, a number, and is ""'],
    ['a relative reference', '/a\n\n1\nb\n', 'line 4 must be the absolute path of a reference, and is "b"'],
    ['an empty line at the end', '/a\n\n0\n\n', 'line 4 must be the absolute path of an item, and is ""'],
    [
      'a hash in the second item',
      `/a\n\n0\n/b\n${hash}\n1\n\n0\n`,
      `line 5 must be a deriver or empty, and is "${hash}"`,
    ],
    ['no hash in the second item', `/a\n${hash}\n1\n\n0\n/b\n\n0\n`, 'line 7 must be the SHA-256 of a NAR, and is ""'],
    ['no size', `/a\n${hash}\n\n\n0\n`, 'line 3 must be the size of a NAR, a number, and is ""'],
    ['no deriver', `/a\n${hash}\n1\n0\n`, 'line 4 must be a deriver or empty, and is "0"'],
    ['a byte order mark', '\ufeff/a\n\n0\n', 'line 1 must be the absolute path of an item, and is "\ufeff/a"'],
    ['control characters', '\u001b[2J', 'line 1 must be the absolute path of an item, and is "\\x1b[2J"'],
    ['a long line', 'x'.repeat(1000), `line 1 must be the absolute path of an item, and is "${'x'.repeat(100)}…"`],
  ])('with %s', (_name, text, message) => {
    expectRefused(() => parse(text), `Cannot read --graph "g.json": ${message}`);
  });
});

describe('parseReferenceGraph refuses JSON', () => {
  const unknown = '(the store does not know this path)';
  test.each<[name: string, value: unknown, message: string]>([
    ['a number for an item', [LISTED[0], 7], '$[1] must be an object, and is 7'],
    ['null for an item', [null], `$[0] must be an object ${unknown}, and is null`],
    ['an array for an item', [[]], '$[0] must be an object, and is an array'],
    ['an item without a path', [{ references: [] }], '$[0].path must be a path, and is missing'],
    ['a path that is a number', [{ path: 1, references: [] }], '$[0].path must be a path, and is 1'],
    ['a path that is an object', [{ path: {}, references: [] }], '$[0].path must be a path, and is an object'],
    ['a relative path', [{ path: 'a', references: [] }], '$[0].path must be an absolute path, and is "a"'],
    [
      'half a surrogate pair',
      [{ path: '/\ud800', references: [] }],
      '$[0].path must hold no lone surrogate, and is "/\ufffd"',
    ],
    ['an item without references', [{ path: '/a' }], '$[0].references must be an array, and is missing'],
    ['references that are text', [{ path: '/a', references: '/a' }], '$[0].references must be an array, and is "/a"'],
    [
      'a reference that is null',
      [{ path: '/a', references: ['/a', null] }],
      '$[0].references[1] must be a path, and is null',
    ],
    [
      'a relative reference',
      [{ path: '/a', references: ['a'] }],
      '$[0].references[0] must be an absolute path, and is "a"',
    ],
    [
      'a size as text',
      [{ path: '/a', references: [], narSize: '1' }],
      '$[0].narSize must be a safe integer from 0, and is "1"',
    ],
    [
      'a negative size',
      [{ path: '/a', references: [], narSize: -1 }],
      '$[0].narSize must be a safe integer from 0, and is -1',
    ],
    [
      'a fractional size',
      [{ path: '/a', references: [], narSize: 0.5 }],
      '$[0].narSize must be a safe integer from 0, and is 0.5',
    ],
    [
      'a size beyond 2^53',
      [{ path: '/a', references: [], narSize: 2 ** 53 }],
      '$[0].narSize must be a safe integer from 0, and is 9007199254740992',
    ],
    [
      'a path that the store does not know, in an array',
      [{ path: '/a', valid: false }],
      `$[0].valid must be true ${unknown}, and is false`,
    ],
    [
      'a path that the store does not know, by path',
      { '/a': null },
      `$["/a"] must be an object ${unknown}, and is null`,
    ],
    [
      'a path that the store does not know, by base name',
      { info: { a: null }, storeDir: '/s', version: 2 },
      `$.info.a must be an object ${unknown}, and is null`,
    ],
    [
      'a key that is no path among paths',
      { '/a': { references: [] }, 'b-': { references: [] } },
      '$["b-"] must be an absolute path, and is "b-"',
    ],
    [
      'a reference by path',
      { '/a': { references: ['a\n'] } },
      '$["/a"].references[0] must be an absolute path, and is "a\\n"',
    ],
    [
      'base names without the store directory',
      { info: { a: { references: [] } }, storeDir: 1 },
      '$.info.a must be an absolute path, and is "a"',
    ],
    ['a graph that is named and absent', { exportReferencesGraph: { g: [] } }, '$.g must be an array, and is missing'],
    [
      'a named graph of the prototype',
      { exportReferencesGraph: { constructor: [] } },
      '$.constructor must be an array, and is missing',
    ],
    [
      'a place in a named graph',
      { x: { y: 1 }, foo: [...LISTED, { path: '/a', references: [1] }] },
      '$.foo[3].references[0] must be a path, and is 1',
    ],
    ['a long key', { [`/${'x'.repeat(200)}`]: 1 }, `$["/${'x'.repeat(99)}…"] must be an object, and is 1`],
    ['no item, in an array', [], 'it must list at least one store item, and lists none'],
    ['no item, in an object', {}, 'it must list at least one store item, and lists none'],
    ['no item, in a named graph', { closure: [] }, 'it must list at least one store item, and lists none'],
    ['no graph', { name: 'attrs', outputs: { out: '/a' } }, 'it must list at least one store item, and lists none'],
  ])('with %s', (_name, value, message) => {
    expectRefused(() => parseJson(value), `Cannot read --graph "g.json": ${message}`);
  });

  test('with __proto__ for an item, whose fields are its own', () => {
    const message = 'Cannot read --graph "g.json": $[0].path must be a path, and is missing';
    expectRefused(() => parse('[{"__proto__":{"path":"/a","references":[]},"references":[]}]'), message);
    expect(Object.hasOwn(Object.prototype, 'path')).toBe(false);
  });

  test.each([
    ['cut off', '[{"path":'],
    ['with a comma too much', '[{"path":"/a","references":[],}]'],
    ['twice', '[] []'],
    ['nested deeper than any stack', '['.repeat(1_000_000)],
    ['in UTF-16', new Uint8Array(new Uint16Array([0x5b, 0x5d]).buffer)],
    ['with bytes that are not UTF-8', Uint8Array.of(0x5b, 0x22, 0xff, 0x22, 0x5d)],
    ['with half a character at the end', Uint8Array.of(0x5b, 0x22, 0xc3)],
  ])('that is %s', (_name, text) => {
    expect(() => parse(text)).toThrow(StoreError);
    expect(() => parse(text)).toThrow(
      expect.objectContaining({
        code: 'GRAPH_SYNTAX',
        message: expect.stringMatching(
          /^Cannot read --graph "g\.json": it must be JSON in UTF-8, and is not: [ -~…]+$/,
        ),
      }),
    );
  });
});

describe('parseReferenceGraph refuses', () => {
  test('nothing', () => {
    expectRefused(
      () => parse(''),
      'Cannot read --graph "g.json": it must list at least one store item, and lists none',
    );
  });

  test('what its items are refused for, in every form', () => {
    const absent = 'Cannot use --graph "g.json": every reference must be listed, and "/b" of "/a" is not';
    const invalid =
      'Cannot use --graph "g.json": the path of an item must have no empty component, "." or "..", and is "/s/../a"';
    const cycle = 'Cannot use --graph "g.json": references must form no cycle, and do: "/a" -> "/b" -> "/a"';
    const differing =
      'Cannot use --graph "g.json": all entries of "/a" must be equal, and only one has the reference "/a"';
    expectRefused(() => parse('/a\n\n1\n/b\n'), absent, 'GRAPH_REFERENCE_ABSENT');
    expectRefused(() => parseJson([{ path: '/a', references: ['/b'] }]), absent, 'GRAPH_REFERENCE_ABSENT');
    expectRefused(() => parse('/s/../a\n\n0\n'), invalid, 'GRAPH_PATH_INVALID');
    expectRefused(
      () => parseJson({ info: { '../a': { references: [] } }, storeDir: '/s' }),
      invalid,
      'GRAPH_PATH_INVALID',
    );
    expectRefused(() => parse('/b\n\n1\n/a\n/a\n\n1\n/b\n'), cycle, 'GRAPH_CYCLE');
    const two = { x: [{ path: '/a', references: [] }], y: [{ path: '/a', references: ['/a'] }] };
    expectRefused(() => parseJson(two), differing, 'GRAPH_DUPLICATE');
  });

  test('anything, with an error of its own and no other', () => {
    const mutated = fc
      .tuple(fc.constantFrom(REFERENCES_GRAPH, REGISTRATION, PATH_INFO, ATTRS), fc.nat(), fc.nat(255), fc.boolean())
      .map(([text, at, byte, cut]) => {
        const bytes = new TextEncoder().encode(text);
        bytes[at % bytes.length] = byte;
        return cut ? bytes.subarray(0, (at % bytes.length) + 1) : bytes;
      });
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          fc.uint8Array({ maxLength: 40 }),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        (bytes) => {
          try {
            for (const { references } of parse(bytes).values()) expect(Array.isArray(references)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(StoreError);
          }
        },
      ),
      { seed: 8, numRuns: 2000 },
    );
  });
});
