/**
 * What a deflate stream is made of: a byte in [0, 255], a match as `length * 2^16 + distance`, or as a negative number so
 * many bytes as they were, of which nobody knows how they would have been matched.
 */
export type DeflateToken = number;

const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const;
const END_OF_BLOCK = 256;
const MAX_LENGTH = 15;

/** A prefix code: how many codes there are of each length, and their symbols in order. */
interface PrefixCode {
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
}

class EndOfSample extends Error {}

/** The beginning of a deflate stream. */
export interface DeflateSample {
  readonly tokens: readonly DeflateToken[];
  /** Blocks of nothing, but for the last: a compressor that works in pieces ends each of them so. */
  readonly emptyBlocks: number;
}

/**
 * Reads which bytes and matches a compressor chose, which the decompressed bytes do not show. Slowly, bit by bit: it is
 * for the first bytes of a stream that was decompressed before.
 *
 * @param bytes the stream from its first block on, as far as it is there
 * @param limitBytes stops when so many bytes are decompressed
 * @returns what there is up to there, or to where the bytes end
 * @see RFC 1951
 */
export function readDeflateTokens(bytes: Uint8Array, limitBytes: number): DeflateSample {
  const tokens: DeflateToken[] = [];
  let position = 0;
  let outputBytes = 0;
  let emptyBlocks = 0;
  const bit = (): number => {
    const byte = bytes[position >> 3];
    if (byte === undefined) throw new EndOfSample();
    return (byte >> (position++ & 7)) & 1;
  };
  const bits = (count: number): number => {
    let value = 0;
    for (let index = 0; index < count; index++) value |= bit() << index;
    return value;
  };
  const symbol = ({ counts, symbols }: PrefixCode): number => {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length <= MAX_LENGTH; length++) {
      code |= bit();
      const count = counts[length]!;
      if (code - first < count) return symbols[index + code - first]!;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw new EndOfSample();
  };
  const readCodes = (): readonly [PrefixCode, PrefixCode] => {
    const [literals, distances, count] = [bits(5) + 257, bits(5) + 1, bits(4) + 4];
    const lengthLengths = new Array<number>(19).fill(0);
    for (let index = 0; index < count; index++) lengthLengths[LENGTH_ORDER[index]!] = bits(3);
    const lengthCode = prefixCode(lengthLengths);
    const lengths: number[] = [];
    while (lengths.length < literals + distances) {
      const next = symbol(lengthCode);
      if (next < 16) lengths.push(next);
      else {
        const value = next === 16 ? (lengths.at(-1) ?? 0) : 0;
        const repeat = next === 16 ? 3 + bits(2) : next === 17 ? 3 + bits(3) : 11 + bits(7);
        for (let index = 0; index < repeat; index++) lengths.push(value);
      }
    }
    return [prefixCode(lengths.slice(0, literals)), prefixCode(lengths.slice(literals))];
  };
  const readBlock = ([literals, distances]: readonly [PrefixCode, PrefixCode]): void => {
    while (outputBytes < limitBytes) {
      const next = symbol(literals);
      if (next === END_OF_BLOCK) return;
      if (next < END_OF_BLOCK) {
        tokens.push(next);
        outputBytes++;
        continue;
      }
      const length = lengthOf(next - 257, bits);
      tokens.push(length * 2 ** 16 + distanceOf(symbol(distances), bits));
      outputBytes += length;
    }
  };
  try {
    for (let isLast = false; !isLast && outputBytes < limitBytes; ) {
      isLast = bit() === 1;
      const type = bits(2);
      const before = outputBytes;
      if (type === 0) {
        position = (position + 7) & ~7;
        const length = bits(16);
        position += 16;
        if (length > 0) tokens.push(-length);
        position += 8 * length;
        outputBytes += length;
      } else readBlock(type === 1 ? FIXED : readCodes());
      if (outputBytes === before && !isLast) emptyBlocks++;
    }
  } catch (error) {
    if (!(error instanceof EndOfSample)) throw error;
  }
  return { tokens, emptyBlocks };
}

function prefixCode(lengths: readonly number[]): PrefixCode {
  const counts = new Array<number>(MAX_LENGTH + 1).fill(0);
  const symbols: number[] = [];
  for (let length = 1; length <= MAX_LENGTH; length++) {
    for (const [symbol, own] of lengths.entries()) {
      if (own !== length) continue;
      counts[length]!++;
      symbols.push(symbol);
    }
  }
  return { counts, symbols };
}

/** The value of a symbol whose extra bits grow by one every `step` symbols. */
function extendedValue(symbol: number, step: 2 | 4, first: number, bits: (count: number) => number): number {
  if (symbol < 2 * step) return first + symbol;
  const extra = Math.floor(symbol / step) - 1;
  return first + ((step + (symbol % step)) << extra) + bits(extra);
}

function lengthOf(symbol: number, bits: (count: number) => number): number {
  return symbol === 28 ? 258 : extendedValue(symbol, 4, 3, bits);
}

function distanceOf(symbol: number, bits: (count: number) => number): number {
  return extendedValue(symbol, 2, 1, bits);
}

const FIXED: readonly [PrefixCode, PrefixCode] = [
  prefixCode(Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8))),
  prefixCode(new Array<number>(30).fill(5)),
];
