import { compareBytes, displayText } from '../bytes/index.js';
import { StoreError } from './store-error.js';

/** Finds which hash parts of store items occur in streams of bytes. */
export interface ReferenceScanner {
  /** Reads the next bytes of a stream; the chunk is the caller's again when the call returns. */
  push(chunk: Uint8Array): void;
  /** Ends a stream: what is pushed next begins another, and no match straddles the two. */
  end(): void;
  /** What was found since the last `take`. */
  readonly found: ReadonlySet<string>;
  /** Ends the stream and forgets what was found. @returns that, in byte order */
  take(): string[];
}

/** Characters of a hash part (nix-base32); their order is also that of ASCII. */
const ALPHABET = '0123456789abcdfghijklmnpqrsvwxyz';
const HASH_LENGTH = 32;
/** Characters that are looked up at once: 20 bits, whose table of 1 MiB stays in a processor's second-level cache. */
const GRAM_LENGTH = 4;
const GRAMS = HASH_LENGTH / GRAM_LENGTH;
/** How far the search goes on where a gram is in no hash part. */
const FULL_JUMP = HASH_LENGTH - GRAM_LENGTH + 1;
/** Added to the jump of a gram that ends a hash part: there the window is looked at as a whole before the jump. */
const IS_LAST = 32;

/** Value of each byte as a digit of base 32; NO_DIGIT for all others. */
const DIGITS = new Uint8Array(256);
const NO_DIGIT = 32;
DIGITS.fill(NO_DIGIT);
for (let digit = 0; digit < ALPHABET.length; digit++) DIGITS[ALPHABET.charCodeAt(digit)] = digit;

/**
 * A scanner for hash parts, each of 32 characters of `0123456789abcdfghijklmnpqrsvwxyz`.
 *
 * The search is Wu and Manber's: a window of 32 bytes is judged by its last four. Where these are no characters of a
 * hash part, or together in none of those searched for, no match can begin for 29 bytes; where they are in some, a table
 * says how far the next possible match is. So most bytes are never looked at, in base-32 text neither; bench/scan.mjs
 * measures it beside `grep -F`.
 *
 * Once all are found, what is pushed is not looked at.
 *
 * @throws {StoreError} GRAPH_PATH_INVALID for anything that is no hash part
 * @see Wu and Manber, "A fast algorithm for multi-pattern searching", 1994
 */
export function createReferenceScanner(hashParts: Iterable<string>): ReferenceScanner {
  const candidates = [...new Set(hashParts)].sort(compareBytes);
  const grams = gramsOf(candidates);
  const jumps = jumpsOf(grams);
  const found = new Set<string>();
  const window = new Int32Array(GRAMS);

  /** The last bytes of the stream, fewer than a hash part has, and room for as many of the next chunk. */
  const tail = new Uint8Array(2 * (HASH_LENGTH - 1));
  let tailLength = 0;

  function search(bytes: Uint8Array, length: number): void {
    let last = HASH_LENGTH - 1;
    while (last < length) {
      const a = DIGITS[bytes[last - 3] as number] as number;
      const b = DIGITS[bytes[last - 2] as number] as number;
      const c = DIGITS[bytes[last - 1] as number] as number;
      const d = DIGITS[bytes[last] as number] as number;
      // Which of the four is no digit could save up to three bytes more, but costs branches that are hard to predict.
      if ((a | b | c | d) >= NO_DIGIT) {
        last += FULL_JUMP;
        continue;
      }
      const jump = jumps[(a << 15) | (b << 10) | (c << 5) | d] as number;
      if (jump < IS_LAST) {
        last += jump;
        continue;
      }
      if (readWindow(bytes, last)) {
        const index = findWindow();
        if (index >= 0) {
          found.add(candidates[index] as string);
          if (found.size === candidates.length) return;
        }
      }
      last += jump - IS_LAST;
    }
  }

  /** Reads the hash part that ends at `last`. @returns whether there is one */
  function readWindow(bytes: Uint8Array, last: number): boolean {
    let at = last - HASH_LENGTH + 1;
    for (let index = 0; index < GRAMS; index++) {
      let gram = 0;
      for (const end = at + GRAM_LENGTH; at < end; at++) {
        const digit = DIGITS[bytes[at] as number] as number;
        if (digit === NO_DIGIT) return false;
        gram = (gram << 5) | digit;
      }
      window[index] = gram;
    }
    return true;
  }

  /** Index of the candidate that the window holds, or -1. A binary search has no collisions that input could provoke. */
  function findWindow(): number {
    let low = 0;
    let high = candidates.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      let order = 0;
      for (let index = 0; index < GRAMS && order === 0; index++) {
        order = (grams[middle * GRAMS + index] as number) - (window[index] as number);
      }
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  return {
    found,
    push(chunk) {
      if (found.size === candidates.length) return;
      const head = Math.min(chunk.length, HASH_LENGTH - 1);
      tail.set(chunk.subarray(0, head), tailLength);
      const joined = tailLength + head;
      if (tailLength > 0) search(tail, joined);
      search(chunk, chunk.length);
      if (chunk.length > head) tail.set(chunk.subarray(chunk.length - head));
      else tail.copyWithin(0, Math.max(0, joined - HASH_LENGTH + 1), joined);
      tailLength = Math.min(joined, HASH_LENGTH - 1);
    },
    end() {
      tailLength = 0;
    },
    take() {
      const taken = [...found].sort(compareBytes);
      found.clear();
      tailLength = 0;
      return taken;
    },
  };
}

/** The characters of hash parts, four to a number and one after another; numbers are in the order of the strings. */
function gramsOf(hashParts: readonly string[]): Int32Array {
  const grams = new Int32Array(hashParts.length * GRAMS);
  hashParts.forEach((hashPart, index) => {
    if (hashPart.length !== HASH_LENGTH || [...hashPart].some((character) => !ALPHABET.includes(character))) {
      throw new StoreError(
        'GRAPH_PATH_INVALID',
        `Cannot scan for "${displayText(hashPart)}": a hash part must be ${HASH_LENGTH} characters of ${ALPHABET}`,
        { hashPart },
      );
    }
    for (let at = 0; at < HASH_LENGTH; at++) {
      const place = index * GRAMS + Math.floor(at / GRAM_LENGTH);
      grams[place] = ((grams[place] as number) << 5) | (DIGITS[hashPart.charCodeAt(at)] as number);
    }
  });
  return grams;
}

/** For each gram that a window may end with: how far it is to the next window that can match, and whether this one can. */
function jumpsOf(grams: Int32Array): Uint8Array {
  const jumps = new Uint8Array(32 ** GRAM_LENGTH).fill(FULL_JUMP);
  for (let start = 0; start < grams.length; start += GRAMS) {
    for (let behind = FULL_JUMP - 1; behind > 0; behind--) {
      const gram = gramAt(grams, start, behind);
      jumps[gram] = Math.min(jumps[gram] as number, behind);
    }
  }
  for (let start = 0; start < grams.length; start += GRAMS) {
    const gram = grams[start + GRAMS - 1] as number;
    const jump = jumps[gram] as number;
    if (jump < IS_LAST) jumps[gram] = jump + IS_LAST;
  }
  return jumps;
}

/** The four characters that end `behind` characters before the end of a hash part. */
function gramAt(grams: Int32Array, start: number, behind: number): number {
  const whole = start + GRAMS - 1 - Math.floor(behind / GRAM_LENGTH);
  const shift = 5 * (behind % GRAM_LENGTH);
  if (shift === 0) return grams[whole] as number;
  return (((grams[whole - 1] as number) << (20 - shift)) & 0xfffff) | ((grams[whole] as number) >> shift);
}
