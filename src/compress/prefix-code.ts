/** A prefix code of deflate, ready to decode. */
export interface Code {
  /** `symbol << 4 | length` by the next ten bits, for codes that are no longer; 0 for the others. */
  readonly table: Uint16Array;
  /** Number of codes of each length from 0 to 15. */
  readonly counts: Uint16Array;
  /** Symbols in the order of their codes. */
  readonly symbols: Uint16Array;
}

const MAX_LENGTH = 15;
const TABLE_BITS = 10;
export const TABLE_MASK: number = (1 << TABLE_BITS) - 1;

/**
 * Makes the code of which each symbol has a code of `lengths[symbol]` bits, 0 for none.
 *
 * A table of all 15 bits would cost more than the block that a bomb needs to ask for it; so long codes, which are rare
 * symbols, are decoded bit by bit.
 *
 * @param kind `complete or single` takes what encoders write where one symbol or none is used, as zlib does
 * @returns `undefined` for lengths that make no such code
 * @see RFC 1951, 3.2.2
 */
export function buildCode(lengths: Uint8Array, kind: 'complete' | 'complete or single'): Code | undefined {
  const counts = new Uint16Array(MAX_LENGTH + 1);
  for (const length of lengths) counts[length]!++;
  const used = lengths.length - counts[0]!;
  counts[0] = 0;

  // The first code of each length, and where its symbols begin.
  const nextCode = new Uint16Array(MAX_LENGTH + 1);
  const nextIndex = new Uint16Array(MAX_LENGTH + 1);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= MAX_LENGTH; length++) {
    code <<= 1;
    nextCode[length] = code;
    nextIndex[length] = index;
    code += counts[length]!;
    index += counts[length]!;
    if (code > 1 << length) return undefined;
  }
  const isComplete = code === 1 << MAX_LENGTH;
  const isSingle = used === 0 || (used === 1 && counts[1] === 1);
  if (!isComplete && !(isSingle && kind === 'complete or single')) return undefined;

  const table = new Uint16Array(1 << TABLE_BITS);
  const symbols = new Uint16Array(used);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol]!;
    if (length === 0) continue;
    symbols[nextIndex[length]!++] = symbol;
    const own = nextCode[length]!++;
    if (length > TABLE_BITS) continue;
    for (let at = reverseBits(own, length); at <= TABLE_MASK; at += 1 << length) table[at] = (symbol << 4) | length;
  }
  return { table, counts, symbols };
}

/**
 * Decodes a code that the table does not hold.
 *
 * @param bits the next 15 or more bits, the first one lowest
 * @returns `symbol << 4 | length`; 0 where the bits are no code
 */
export function decodeLongCode({ counts, symbols }: Code, bits: number): number {
  let code = 0;
  let first = 0;
  let index = 0;
  for (let length = 1; length <= MAX_LENGTH; length++) {
    code = (code << 1) | ((bits >>> (length - 1)) & 1);
    first <<= 1;
    const count = counts[length]!;
    if (code - first < count) return (symbols[index + code - first]! << 4) | length;
    first += count;
    index += count;
  }
  return 0;
}

/** Codes stand in the stream with their first bit first, numbers with their lowest. */
function reverseBits(code: number, length: number): number {
  let reversed = 0;
  for (let bit = 0; bit < length; bit++) reversed |= ((code >> bit) & 1) << (length - 1 - bit);
  return reversed;
}

/** Codes of blocks that bring none. Two symbols of each have a code and no meaning. */
export const FIXED_LITERALS: Code = buildCode(
  Uint8Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
  'complete',
)!;
export const FIXED_DISTANCES: Code = buildCode(new Uint8Array(32).fill(5), 'complete')!;
