import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createReferenceScanner } from '../../src/store/reference-scanner.js';
import { StoreError } from '../../src/store/store-error.js';

const ALPHABET = '0123456789abcdfghijklmnpqrsvwxyz';

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

/** What a plain search of strings finds. */
function naive(hashParts: readonly string[], streams: readonly string[]): string[] {
  return [...new Set(hashParts)].filter((hashPart) => streams.some((stream) => stream.includes(hashPart))).sort();
}

/** Scans streams in chunks of a size; each chunk is overwritten when it was pushed. */
function scanned(hashParts: readonly string[], streams: readonly string[], chunkSize = Infinity): string[] {
  const scanner = createReferenceScanner(hashParts);
  for (const stream of streams) {
    for (let at = 0; at < stream.length; at += chunkSize) {
      const chunk = bytes(stream.slice(at, at + chunkSize));
      scanner.push(chunk);
      chunk.fill(0x30);
    }
    scanner.end();
  }
  return scanner.take();
}

/** Digits that follow no pattern a search could lean on, the same in every run. */
function digits(length: number, seed: number): string {
  let state = seed;
  let text = '';
  while (text.length < length) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += ALPHABET[state >>> 27];
  }
  return text;
}

const A = '0c5b6y1mkd9qsr7m3a4jzl8v2xhnfwgp';
const B = 'zqsv4hjabm70flgw2ikn1s9dyx3cp86r';
const NOUGHT = '0'.repeat(32);
const NEARLY = `${'0'.repeat(31)}1`;

const CASES: readonly [name: string, hashParts: readonly string[], streams: readonly string[], found: string[]][] = [
  ['nothing in nothing', [A], [''], []],
  ['no hash parts', [], [A], []],
  ['the whole stream', [A], [A], [A]],
  ['at the start', [A], [`${A}-hello`], [A]],
  ['at the end', [A], [`/nix/store/${A}`], [A]],
  ['after a digit', [A], [`0${A}`], [A]],
  ['between digits', [A], [`${digits(40, 1)}${A}${digits(40, 2)}`], [A]],
  ['after zero bytes', [A], [`${'\0'.repeat(100)}${A}`], [A]],
  ['two, one after the other', [A, B], [A + B], [A, B]],
  ['in two streams', [A, B], [B, A], [A, B]],
  ['not across two streams', [A], [A.slice(0, 16), A.slice(16)], []],
  ['not across two streams, by a byte', [A], [A.slice(0, 31), A.slice(31)], []],
  ['31 characters of it', [A], [A.slice(0, 31), A.slice(1), `${A.slice(0, 31)}-x`, `-${A.slice(1)}`], []],
  ['one character is another', [A], [`x${A.slice(0, 15)}7${A.slice(16)}y`], []],
  ['an uppercase letter', [A], [A.toUpperCase(), A.replace('m', 'M')], []],
  ['with letters that are no digits', [A], ['e', 'o', 'u', 't'].map((letter) => A.replace(/.$/, letter)), []],
  ['beside letters that are no digits', [A], [`touteou${A}touteou`], [A]],
  ['a high bit', [A], [`${A.slice(0, 10)}${String.fromCharCode(A.charCodeAt(10) + 128)}${A.slice(11)}`], []],
  ['broken by a newline', [A], [`${A.slice(0, 20)}\n${A.slice(20)}`], []],
  ['the same part twice', [A, A], [A], [A]],
  ['a character repeated', [NOUGHT], ['0'.repeat(200)], [NOUGHT]],
  ['a character repeated, once too few', [NOUGHT], [`${'0'.repeat(31)}1${'0'.repeat(31)}`], []],
  ['overlapping', [NOUGHT, NEARLY], [`${'0'.repeat(40)}1`], [NOUGHT, NEARLY]],
  ['overlapping, the second alone', [NOUGHT, NEARLY], [NEARLY], [NEARLY]],
  [
    'overlapping by 31 characters',
    [A, `${A.slice(1)}0`, `${A.slice(2)}00`],
    [`${A}00`],
    [A, `${A.slice(1)}0`, `${A.slice(2)}00`].sort(),
  ],
  [
    'a part whose end is in another',
    [A, `${B.slice(0, 10)}${A.slice(28)}${B.slice(14)}`],
    [`${B.slice(0, 10)}${A}`],
    [A],
  ],
  [
    'parts with one prefix',
    ['x', 'y', 'z'].map((last) => A.slice(0, 31) + last),
    [`${A.slice(0, 31)}y`],
    [`${A.slice(0, 31)}y`],
  ],
  [
    'parts with one suffix',
    ['x', 'y', 'z'].map((first) => first + A.slice(1)),
    [`${digits(9, 3)}z${A.slice(1)}`],
    [`z${A.slice(1)}`],
  ],
  [
    'the first and the last of the alphabet',
    [NOUGHT, 'z'.repeat(32)],
    [`${'z'.repeat(32)}-${NOUGHT}`],
    [NOUGHT, 'z'.repeat(32)],
  ],
];

test.each(CASES)('%s', (_name, hashParts, streams, found) => {
  expect(naive(hashParts, streams)).toEqual(found);
  for (const chunkSize of [Infinity, ...Array.from({ length: 65 }, (_, size) => size + 1)]) {
    expect(scanned(hashParts, streams, chunkSize), `in chunks of ${chunkSize}`).toEqual(found);
  }
});

test('a match is found at every offset from a boundary of chunks', () => {
  for (let offset = 0; offset <= 100; offset++) {
    const stream = `${digits(offset, 7)}${A}${digits(100 - offset, 8)}`;
    for (const chunkSize of [31, 32, 33, 50, 64]) expect(scanned([A, B], [stream], chunkSize)).toEqual([A]);
  }
});

test('any hash parts in any streams, in any chunks, as a plain search finds them', () => {
  // Few characters and shared parts make near misses, overlaps and repetitions common.
  const piece = fc.oneof(
    fc.constantFrom(
      '0',
      '1',
      'z',
      'e',
      '-',
      '\0',
      '\xff',
      '0000',
      '01'.repeat(8),
      '0'.repeat(31),
      A,
      B,
      A.slice(5),
      B.slice(0, 27),
    ),
    fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 40 }),
    fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 40 }),
  );
  const text = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''));
  const hashPart = fc.oneof(
    fc.string({ unit: fc.constantFrom('0', '1'), minLength: 32, maxLength: 32 }),
    fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 32, maxLength: 32 }),
    fc.constantFrom(A, B, NOUGHT, NEARLY),
  );
  fc.assert(
    fc.property(
      fc.array(hashPart, { maxLength: 12 }),
      fc.array(text, { maxLength: 4 }),
      fc.array(fc.nat({ max: 400 }), { maxLength: 4 }),
      fc.integer({ min: 1, max: 80 }),
      (others, streams, cuts, chunkSize) => {
        // Parts cut out of the streams, so that there is something to find.
        const all = streams.join('');
        const inside = cuts
          .map((cut) => all.slice(cut, cut + 32))
          .filter((part) => /^[0-9a-df-np-sv-z]{32}$/.test(part));
        const hashParts = [...others, ...inside];
        const expected = naive(hashParts, streams);
        expect(scanned(hashParts, streams, chunkSize)).toEqual(expected);
        expect(scanned(hashParts, streams)).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

test('a megabyte of hash characters and 2,000 hash parts', () => {
  const text = digits(1 << 20, 11);
  const absent = Array.from({ length: 1000 }, (_, index) => digits(32, index + 100_000));
  const inside = Array.from({ length: 1000 }, (_, index) => text.slice(index * 1048, index * 1048 + 32));
  const expected = naive([...absent, ...inside], [text]);
  expect(expected.length).toBeGreaterThanOrEqual(1000);
  expect(scanned([...absent, ...inside], [text], 65_537)).toEqual(expected);
});

test('a megabyte that ends as every hash part does, at every place', () => {
  const hashParts = Array.from({ length: 5000 }, (_, index) => `${digits(20, index + 1)}${'0'.repeat(12)}`);
  const text = '0'.repeat(1 << 20);
  expect(scanned(hashParts, [text])).toEqual([]);
  expect(scanned(hashParts, [`${text}${hashParts[4321]}`])).toEqual([hashParts[4321]]);
});

test('what was found is there at once, and forgotten when it is taken', () => {
  const scanner = createReferenceScanner([B, A]);
  scanner.push(bytes(`-${B}`));
  expect([...scanner.found]).toEqual([B]);
  scanner.push(bytes(`-${A}-${A.slice(0, 20)}`));
  expect(scanner.take()).toEqual([A, B]);
  expect([...scanner.found]).toEqual([]);
  // Taking ends the stream, too.
  scanner.push(bytes(A.slice(20)));
  expect(scanner.take()).toEqual([]);
  scanner.push(bytes(A));
  expect(scanner.take()).toEqual([A]);
});

test('scanners do not share what they found', () => {
  const [one, two] = [createReferenceScanner([A]), createReferenceScanner([A])];
  one.push(bytes(A.slice(0, 16)));
  two.push(bytes(A.slice(16)));
  expect([...one.take(), ...two.take()]).toEqual([]);
});

test.each([
  ['too short', A.slice(1)],
  ['too long', `${A}0`],
  ['empty', ''],
  ['with an e', A.replace('m', 'e')],
  ['in uppercase', A.toUpperCase()],
  ['with a character beyond bytes', `${A.slice(1)}\u{130}`],
  ['with a surrogate pair', `${A.slice(2)}\u{1f600}`],
])('a hash part that is %s is refused', (_name, hashPart) => {
  expect(() => createReferenceScanner([A, hashPart])).toThrow(StoreError);
  expect(() => createReferenceScanner([A, hashPart])).toThrow(
    /^Cannot scan for ".*": a hash part must be 32 characters of 0123456789abcdfghijklmnpqrsvwxyz$/,
  );
});
