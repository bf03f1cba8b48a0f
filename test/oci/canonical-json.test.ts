import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, OciError } from '../../src/oci/index.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';

function text(value: unknown): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(canonicalJson(value));
}

describe('canonicalJson', () => {
  test.each<[name: string, value: unknown, expected: string]>([
    ['null', null, 'null'],
    ['nested values', { b: [1, 'x', { d: true, c: null }], a: {} }, '{"a":{},"b":[1,"x",{"c":null,"d":true}]}'],
    ['undefined keys', { a: undefined, b: 1 }, '{"b":1}'],
    ['keys in byte order, not in UTF-16 order', { '\u{10000}': 1, '\u{ff5e}': 2 }, '{"\u{ff5e}":2,"\u{10000}":1}'],
    ['keys in byte order, not by number', { 10: 1, 9: 2, a: 3, B: 4, '': 5 }, '{"":5,"10":1,"9":2,"B":4,"a":3}'],
    ['a key that is the start of another', { ab: 1, a: 2, 'a b': 3 }, '{"a":2,"a b":3,"ab":1}'],
    ['escapes', '"\\/\b\f\n\r\t\u0001\u007f<>&\u2028é😀', '"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\u007f<>&\u2028é😀"'],
    ['numbers', [0, -0, 1.5, -1, 1e21, 9007199254740991], '[0,0,1.5,-1,1e+21,9007199254740991]'],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    ['a key called __proto__', JSON.parse('{"__proto__":{"b":1},"a":1}'), '{"__proto__":{"b":1},"a":1}'],
  ])('encodes %s', (_name, value, expected) => {
    expect(text(value)).toBe(expected);
  });

  // Python sorts strings by code point, which is the byte order of UTF-8.
  clientTest('python3')('writes what Python writes with sorted keys', () => {
    const aString = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\u{ff5e}', '\u{10000}', 'a', 'B', 'ä'));
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, false),
        fc.maxSafeInteger(),
        aString,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(aString, tie('value'), { maxKeys: 6 }),
      ),
    }));
    const values = fc.sample(value, { seed: 6, numRuns: 400 });
    const program = [
      'import json, sys',
      'for line in sys.argv[1].split("\\n"):',
      '  v = json.loads(line)',
      '  sys.stdout.write(json.dumps(v, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\\n")',
    ].join('\n');
    const input = values.map((sample) => JSON.stringify(sample)).join('\n');
    const witness = run('python3', ['-X', 'utf8', '-c', program, input]).toString('utf8');
    expect(values.map((sample) => `${text(sample)}\n`).join('')).toBe(witness);
  });

  test('equal values have equal bytes, and nothing is lost', () => {
    const aRecord = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ noUnicodeString: false }));
    fc.assert(
      fc.property(aRecord, (record) => {
        const reversed = Object.fromEntries(Object.entries(record).toReversed());
        expect(text(reversed)).toBe(text(record));
        expect(JSON.parse(text(record))).toEqual(JSON.parse(JSON.stringify(record)));
      }),
      { seed: 7 },
    );
  });

  test.each<[name: string, value: unknown, message: string]>([
    ['NaN', { a: [1, Number.NaN] }, '$.a[1] must be a finite number, and is NaN'],
    ['Infinity', Number.NEGATIVE_INFINITY, '$ must be a finite number, and is -Infinity'],
    ['a lone surrogate', { config: { Env: ['A=\ud800'] } }, '$.config.Env[0] must hold no lone surrogate'],
    ['a lone surrogate in a key', { '\udc00': 1 }, 'must hold no lone surrogate'],
    ['undefined', undefined, '$ must be null, a boolean'],
    ['undefined in an array', [undefined], '$[0] must be null, a boolean'],
    // biome-ignore lint/suspicious/noSparseArray: the case
    ['a hole in an array', [1, , 2], '$[1] must be null, a boolean'],
    ['a bigint', 1n, 'and is bigint'],
    [
      'a function',
      { a: () => 1 },
      '$.a must be null, a boolean, number, string, array or plain object, and is function',
    ],
    ['a Map', new Map(), 'and is a Map'],
    ['a date', { a: new Date(0) }, 'and is a Date'],
    ['bytes', new Uint8Array(1), 'and is a Uint8Array'],
  ])('refuses %s', (_name, value, message) => {
    expect(() => canonicalJson(value)).toThrowError(OciError);
    expect(() => canonicalJson(value)).toThrowError(
      expect.objectContaining({ code: 'OCI_JSON_INVALID', message: expect.stringContaining(message) }),
    );
  });
});
