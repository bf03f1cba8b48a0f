import { CompressError } from './compress-error.js';
import { buildCode, type Code, decodeLongCode, FIXED_DISTANCES, FIXED_LITERALS, TABLE_MASK } from './prefix-code.js';

/** Decompresses one deflate stream, piece by piece, and finds where it ends. */
export interface Inflate {
  /**
   * Takes the next bytes, which the caller may reuse afterwards.
   *
   * @returns what follows the end of the stream, as far as it is there; `undefined` until it has ended
   * @throws {CompressError} GZIP_INVALID
   */
  push(chunk: Uint8Array): Uint8Array | undefined;
}

/** How far back a match can reach. */
const WINDOW_SIZE = 1 << 15;
export const INFLATE_BUFFER_SIZE: number = 1 << 17;
const MAX_MATCH = 258;

/** The bits of one symbol with its match are at most 48: so many bytes beyond the input may be looked at. */
const LOOKAHEAD = 16;

const END_OF_BLOCK = 256;
const MAX_LITERAL = 285;
const MAX_DISTANCE = 29;
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const;

/** Extra bits of the symbols 257 to 285, and of distances; the smallest value of each symbol follows from them. */
const LENGTH_EXTRA = Uint8Array.of(
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
  1,
  1,
  1,
  2,
  2,
  2,
  2,
  3,
  3,
  3,
  3,
  4,
  4,
  4,
  4,
  5,
  5,
  5,
  5,
  0,
);
const DISTANCE_EXTRA = Uint8Array.from({ length: 30 }, (_, symbol) => Math.max(0, (symbol >> 1) - 1));
const LENGTH_BASE = basesOf(LENGTH_EXTRA, 3);
const DISTANCE_BASE = basesOf(DISTANCE_EXTRA, 1);
// 285 has no extra bits, and 284 could say the same length.
LENGTH_BASE[28] = MAX_MATCH;

function basesOf(extraBits: Uint8Array, first: number): Uint16Array {
  let base = first;
  return Uint16Array.from(extraBits, (bits) => {
    base += 1 << bits;
    return base - (1 << bits);
  });
}

/** Thrown within this file where the input ends before what is being read does. */
const STARVED: Error = new Error('starved');

/**
 * Makes an inflater. fflate's does not do: it neither says where a stream ended nor refuses every stream that is
 * wrong (lengths of stored blocks, incomplete codes), and a piece of its output is up to a thousand times its input.
 *
 * @param sink takes the output in pieces of at most 128 KiB, lent until the call returns
 * @param memberStart offset of the gzip member, for messages
 * @param output of INFLATE_BUFFER_SIZE bytes, whatever they are; the members of a file may share it, for there may be
 *   millions of a few bytes
 * @see RFC 1951
 */
export function createInflate(sink: (bytes: Uint8Array) => void, memberStart: number, output: Uint8Array): Inflate {
  /** Input that is not used up, `size` bytes of it, and zeros. */
  let input = new Uint8Array(LOOKAHEAD);
  let size = 0;
  let at = 0;
  /** The next bits of the input, the first one lowest. */
  let hold = 0;
  let holdBits = 0;

  /** Of the output, from the last of which matches are copied. */
  let outputEnd = 0;
  let handedOn = 0;

  let state: 'header' | 'stored' | 'codes' | 'done' = 'header';
  let isLastBlock = false;
  let storedLeft = 0;
  let literals: Code = FIXED_LITERALS;
  let distances: Code = FIXED_DISTANCES;

  const handOn = (): void => {
    const start = handedOn;
    // First: what the sink throws at must not be handed to it again.
    handedOn = outputEnd;
    if (outputEnd > start) sink(output.subarray(start, outputEnd));
  };
  const makeRoom = (): void => {
    handOn();
    output.copyWithin(0, outputEnd - WINDOW_SIZE, outputEnd);
    outputEnd = WINDOW_SIZE;
    handedOn = WINDOW_SIZE;
  };
  const takeByte = (): void => {
    if (at >= size) throw STARVED;
    hold |= input[at++]! << holdBits;
    holdBits += 8;
  };
  const takeBits = (count: number): number => {
    while (holdBits < count) takeByte();
    const value = hold & ((1 << count) - 1);
    hold >>>= count;
    holdBits -= count;
    return value;
  };
  /** Puts back the whole bytes of `hold`: what follows begins at a byte. */
  const alignToByte = (): void => {
    at -= holdBits >> 3;
    hold = 0;
    holdBits = 0;
  };

  const readBlockHeader = (): void => {
    const isLast = takeBits(1) === 1;
    const type = takeBits(2);
    if (type === 3) throw invalid(memberStart, 'a block has no type');
    if (type === 0) {
      alignToByte();
      const length = takeBits(16);
      if ((takeBits(16) ^ length) !== 0xffff)
        throw invalid(memberStart, 'the length of a stored block is not that of its complement');
      storedLeft = length;
    } else if (type === 1) {
      literals = FIXED_LITERALS;
      distances = FIXED_DISTANCES;
    } else readCodes();
    isLastBlock = isLast;
    state = type === 0 ? 'stored' : 'codes';
  };

  const readCodes = (): void => {
    const literalCount = takeBits(5) + 257;
    const distanceCount = takeBits(5) + 1;
    if (literalCount > 286 || distanceCount > 30) throw invalid(memberStart, 'a block has too many symbols');
    const lengthLengths = new Uint8Array(19);
    const lengthCount = takeBits(4) + 4;
    for (let i = 0; i < lengthCount; i++) lengthLengths[CODE_LENGTH_ORDER[i]!] = takeBits(3);
    const lengthCode = buildCode(lengthLengths, 'complete');
    if (lengthCode === undefined) throw invalid(memberStart, 'the code of code lengths is none');

    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let i = 0; i < lengths.length; ) {
      const symbol = takeLength(lengthCode);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw invalid(memberStart, 'a code length repeats none');
      const value = symbol === 16 ? lengths[i - 1]! : 0;
      const count = symbol === 16 ? 3 + takeBits(2) : symbol === 17 ? 3 + takeBits(3) : 11 + takeBits(7);
      if (i + count > lengths.length) throw invalid(memberStart, 'code lengths are more than there are symbols');
      lengths.fill(value, i, i + count);
      i += count;
    }
    if (lengths[END_OF_BLOCK] === 0) throw invalid(memberStart, 'a block has no end');
    const newLiterals = buildCode(lengths.subarray(0, literalCount), 'complete or single');
    const newDistances = buildCode(lengths.subarray(literalCount), 'complete or single');
    if (newLiterals === undefined || newDistances === undefined)
      throw invalid(memberStart, 'the code of a block is none');
    literals = newLiterals;
    distances = newDistances;
  };

  /** One symbol of the code of code lengths, which are of at most 7 bits. */
  const takeLength = (code: Code): number => {
    for (;;) {
      const entry = code.table[hold & TABLE_MASK]!;
      if (entry !== 0 && (entry & 15) <= holdBits) {
        takeBits(entry & 15);
        return entry >> 4;
      }
      if (holdBits >= 7) throw invalid(memberStart, 'bits are no code');
      takeByte();
    }
  };

  const copyStored = (): void => {
    while (storedLeft > 0 && at < size) {
      if (outputEnd === INFLATE_BUFFER_SIZE) makeRoom();
      const count = Math.min(storedLeft, size - at, INFLATE_BUFFER_SIZE - outputEnd);
      output.set(input.subarray(at, at + count), outputEnd);
      at += count;
      outputEnd += count;
      storedLeft -= count;
    }
    if (storedLeft > 0) throw STARVED;
    state = isLastBlock ? 'done' : 'header';
  };

  /** Keeps the bits of a byte that is used in part and no others: those after the end of the input are not real. */
  const keepPosition = (h: number, n: number, i: number, o: number): void => {
    at = i - (n >> 3);
    holdBits = n & 7;
    hold = h & ((1 << holdBits) - 1);
    outputEnd = o;
  };

  /** The loop in which the time goes: what changes is in local variables, and put back where it ends. */
  const decodeSymbols = (): void => {
    const bytes = input;
    const bytesEnd = size;
    const out = output;
    const literalTable = literals.table;
    const distanceTable = distances.table;
    let h = hold;
    let n = holdBits;
    let i = at;
    let o = outputEnd;
    for (;;) {
      // Where the input ends within this symbol, it is read again from here when there is more.
      const hBefore = h;
      const nBefore = n;
      const iBefore = i;
      if (o > INFLATE_BUFFER_SIZE - MAX_MATCH) {
        outputEnd = o;
        makeRoom();
        o = outputEnd;
      }
      let failure: string | undefined;
      let length = 0;
      let distance = 0;
      for (; n < 24; n += 8) h |= bytes[i++]! << n;
      let entry = literalTable[h & TABLE_MASK]! || decodeLongCode(literals, h);
      h >>>= entry & 15;
      n -= entry & 15;
      const symbol = entry >> 4;
      if (entry === 0 || symbol > MAX_LITERAL) failure = 'bits are no code';
      else if (symbol > END_OF_BLOCK) {
        const lengthExtra = LENGTH_EXTRA[symbol - 257]!;
        length = LENGTH_BASE[symbol - 257]! + (h & ((1 << lengthExtra) - 1));
        h >>>= lengthExtra;
        n -= lengthExtra;
        for (; n < 24; n += 8) h |= bytes[i++]! << n;
        entry = distanceTable[h & TABLE_MASK]! || decodeLongCode(distances, h);
        h >>>= entry & 15;
        n -= entry & 15;
        if (entry === 0 || entry >> 4 > MAX_DISTANCE) failure = 'bits are no code';
        else {
          for (; n < 24; n += 8) h |= bytes[i++]! << n;
          const distanceExtra = DISTANCE_EXTRA[entry >> 4]!;
          distance = DISTANCE_BASE[entry >> 4]! + (h & ((1 << distanceExtra) - 1));
          h >>>= distanceExtra;
          n -= distanceExtra;
          if (distance > o) failure = 'a match begins before the output';
        }
      }
      if (i > bytesEnd && i - (n >> 3) > bytesEnd) {
        keepPosition(hBefore, nBefore, iBefore, o);
        throw STARVED;
      }
      if (failure !== undefined) {
        outputEnd = o;
        throw invalid(memberStart, failure);
      }
      if (symbol < END_OF_BLOCK) out[o++] = symbol;
      else if (symbol > END_OF_BLOCK) for (const end = o + length; o < end; o++) out[o] = out[o - distance]!;
      else {
        keepPosition(h, n, i, o);
        state = isLastBlock ? 'done' : 'header';
        return;
      }
    }
  };

  const advance = (): void => {
    while (state !== 'done') {
      const before = [hold, holdBits, at] as const;
      try {
        if (state === 'header') readBlockHeader();
        else if (state === 'stored') copyStored();
        else decodeSymbols();
      } catch (error) {
        if (error !== STARVED) throw error;
        // A header is read as a whole.
        if (state === 'header') [hold, holdBits, at] = before;
        return;
      }
    }
  };

  return {
    push(chunk: Uint8Array): Uint8Array | undefined {
      const left = size - at;
      const next = new Uint8Array(left + chunk.length + LOOKAHEAD);
      next.set(input.subarray(at, size));
      next.set(chunk, left);
      input = next;
      size = left + chunk.length;
      at = 0;
      try {
        advance();
      } finally {
        // Also what comes before an error: it may be one itself, and which is first must not depend on the chunks.
        handOn();
      }
      if (state !== 'done') return undefined;
      alignToByte();
      return input.subarray(at, size);
    },
  };
}

function invalid(memberStart: number, what: string): CompressError {
  return new CompressError(
    'GZIP_INVALID',
    `Cannot read gzip member at byte ${memberStart}: its content must be deflate, and ${what}`,
    { offset: memberStart },
  );
}
