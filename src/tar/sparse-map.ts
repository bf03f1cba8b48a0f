import { BLOCK_SIZE } from '../bytes/index.js';
import { decodeNumber } from './decode-header.js';
import { type PaxRecord, type PaxRecords, paxNumber } from './decode-pax.js';
import { TarError } from './tar-error.js';

/** A part of a sparse file that is not a hole. */
export interface SparseRegion {
  /** In the file when it is unpacked. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** How a map is written: in gnu headers, or in one of the three ways of GNU tar's pax archives. */
export type SparseForm = 'gnu' | '0.0' | '0.1' | '1.0';

/** Where the content of a sparse member belongs. */
export interface SparseMap {
  readonly form: SparseForm;
  /** In order, one behind the other, within the file; their sizes add up to the member's content. */
  readonly regions: readonly SparseRegion[];
}

/** Reads a map that stands in blocks between a header and the content. */
export interface SparseMapReader {
  readonly form: SparseForm;
  /** Whether its blocks are counted in the size that the header gives. */
  readonly isInContent: boolean;
  /** Of the file when it is unpacked. */
  readonly realSizeBytes: number;
  /** Whether another block follows. */
  readonly needsBlock: boolean;
  /** @returns how many bytes at the end of the block are none of the map */
  take(block: Uint8Array, offset: number): number;
  /** The map, when it needs no block. @throws {TarError} TAR_SPARSE_MAP */
  finish(contentSizeBytes: number): SparseMap;
}

/** Above what a disk image in use has; regions are the one part of a map that memory is needed for. */
const MAX_REGIONS = 1 << 18;

const IN_HEADER = 4;
const IN_EXTENSION = 21;
const ENTRY_SIZE = 24;

/** Gathers regions; each begins where or after the one before it ends. */
function createRegions(headerOffset: number, realSizeBytes: number) {
  const regions: SparseRegion[] = [];
  let end = 0;
  return {
    regions,
    add(offset: number, sizeBytes: number): void {
      if (regions.length === MAX_REGIONS) {
        throw new TarError(
          'TAR_LIMIT',
          `Cannot read tar member at byte ${headerOffset}: a sparse map must have at most ${MAX_REGIONS} regions, and has more`,
          { offset: headerOffset, limit: MAX_REGIONS },
        );
      }
      if (sizeBytes < 0 || offset < end || offset + sizeBytes > realSizeBytes) {
        const what = `a region must be behind the one before it and within ${realSizeBytes} bytes, and is ${sizeBytes} at ${offset}`;
        throw mapError(headerOffset, what);
      }
      end = offset + sizeBytes;
      regions.push({ offset, sizeBytes });
    },
    finish(form: SparseForm, contentSizeBytes: number): SparseMap {
      const sum = regions.reduce((total, region) => total + region.sizeBytes, 0);
      if (sum !== contentSizeBytes) {
        throw mapError(headerOffset, `its regions must have ${contentSizeBytes} bytes, as it stores, and have ${sum}`);
      }
      return { form, regions };
    },
  };
}

/**
 * Reads the map of a gnu header of type `S`, which may go on in blocks of its own.
 *
 * @param header 512 bytes
 * @see GNU tar manual, "Storing Sparse Files", "Old GNU Format"
 */
export function gnuSparseMap(header: Uint8Array, headerOffset: number): SparseMapReader {
  const number = (block: Uint8Array, at: number, field: string, offset: number): number =>
    decodeNumber(block, at, 12, field, offset);
  const realSizeBytes = number(header, 483, 'real size', headerOffset);
  if (realSizeBytes < 0) throw mapError(headerOffset, `its real size must be at least 0, and is ${realSizeBytes}`);
  const regions = createRegions(headerOffset, realSizeBytes);

  /** @returns whether another block follows */
  const takeEntries = (block: Uint8Array, start: number, count: number, offset: number): boolean => {
    const continues = block[start + count * ENTRY_SIZE] !== 0;
    for (let at = start; at < start + count * ENTRY_SIZE; at += ENTRY_SIZE) {
      if (block[at + 12] === 0) {
        // Some readers stop at the first entry that is empty, others where no block follows.
        if (continues)
          throw mapError(headerOffset, `it must end in its last block, and has no entry at byte ${offset + at}`);
        return false;
      }
      regions.add(number(block, at, 'offset of a region', offset), number(block, at + 12, 'size of a region', offset));
    }
    return continues;
  };
  let needsBlock = takeEntries(header, 386, IN_HEADER, headerOffset);
  return {
    form: 'gnu',
    isInContent: false,
    realSizeBytes,
    get needsBlock() {
      return needsBlock;
    },
    take(block, offset) {
      needsBlock = takeEntries(block, 0, IN_EXTENSION, offset);
      return BLOCK_SIZE - IN_EXTENSION * ENTRY_SIZE - 1;
    },
    finish: (contentSizeBytes) => regions.finish('gnu', contentSizeBytes),
  };
}

/** Digits of a number in a map of 1.0 that is a safe integer. */
const MAX_DIGITS = 16;

/**
 * Reads the map that pax records give, or say to stand before the content.
 *
 * @param records of the member's own pax header, in order
 * @returns `undefined` where no record is of a sparse file
 * @throws {TarError} TAR_SPARSE for a version that is not known, TAR_SPARSE_MAP, TAR_LIMIT
 * @see GNU tar manual, "Storing Sparse Files", "PAX Format, Versions 0.0 and 0.1", "Version 1.0"
 */
export function paxSparseMap(
  records: readonly PaxRecord[],
  byKey: PaxRecords,
  headerOffset: number,
): SparseMapReader | undefined {
  const number = (key: string): number | undefined => {
    const value = byKey.get(`GNU.sparse.${key}`);
    return value === undefined ? undefined : paxNumber(`GNU.sparse.${key}`, value, headerOffset, false);
  };
  if (byKey.has('SCHILY.realsize')) throw unknownSparse(headerOffset, 'that of star');
  if (!records.some(({ key }) => key.startsWith('GNU.sparse.'))) return undefined;
  const [major = 0, minor = 0] = [number('major'), number('minor')];
  const isInContent = major === 1 && minor === 0;
  if (!isInContent && (major !== 0 || minor > 1)) throw unknownSparse(headerOffset, `${major}.${minor}`);
  const realSizeBytes = number('realsize') ?? number('size');
  if (realSizeBytes === undefined || realSizeBytes < 0) {
    throw mapError(headerOffset, `its real size must be at least 0, and is ${realSizeBytes ?? 'missing'}`);
  }
  const regions = createRegions(headerOffset, realSizeBytes);
  if (isInContent) return contentMap(regions, realSizeBytes, headerOffset);

  const map = byKey.get('GNU.sparse.map');
  const numbers =
    map === undefined
      ? pairedNumbers(records, headerOffset)
      : map === ''
        ? []
        : map.split(',').map((value) => (/^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN));
  const count = number('numblocks');
  if (
    numbers.length % 2 !== 0 ||
    !numbers.every(Number.isSafeInteger) ||
    (count ?? numbers.length / 2) !== numbers.length / 2
  ) {
    throw mapError(
      headerOffset,
      `it must have ${count ?? 'whole'} pairs of numbers, and has ${numbers.length} numbers`,
    );
  }
  for (let i = 0; i < numbers.length; i += 2) regions.add(numbers[i]!, numbers[i + 1]!);
  const form = map === undefined ? '0.0' : '0.1';
  return {
    form,
    isInContent: false,
    realSizeBytes,
    needsBlock: false,
    take: () => 0,
    finish: (contentSizeBytes) => regions.finish(form, contentSizeBytes),
  };
}

/** Of 0.0, where a pair of records with the same keys is written for each region. */
function pairedNumbers(records: readonly PaxRecord[], headerOffset: number): number[] {
  const numbers: number[] = [];
  for (const { key, value } of records) {
    if (key !== 'GNU.sparse.offset' && key !== 'GNU.sparse.numbytes') continue;
    const expected = numbers.length % 2 === 0 ? 'GNU.sparse.offset' : 'GNU.sparse.numbytes';
    if (key !== expected) throw mapError(headerOffset, `its next record must be ${expected}, and is ${key}`);
    numbers.push(paxNumber(key, value, headerOffset, false));
  }
  return numbers;
}

/** Of 1.0: lines of decimal numbers, the first their pairs' number, up to the end of a block. */
function contentMap(
  regions: ReturnType<typeof createRegions>,
  realSizeBytes: number,
  headerOffset: number,
): SparseMapReader {
  let digits = 0;
  let value = 0;
  let offset: number | undefined;
  /** Pairs that are missing; none is known before the first line. */
  let left: number | undefined;
  const takeLine = (number: number): void => {
    if (left === undefined) left = number;
    else if (offset === undefined) offset = number;
    else {
      regions.add(offset, number);
      offset = undefined;
      left--;
    }
  };
  return {
    form: '1.0',
    isInContent: true,
    realSizeBytes,
    get needsBlock() {
      return left !== 0;
    },
    take(block, blockOffset) {
      let at = 0;
      for (; at < block.length && left !== 0; at++) {
        const byte = block[at]!;
        const isDigit = byte >= 0x30 && byte <= 0x39 && digits < MAX_DIGITS;
        if (isDigit) {
          value = value * 10 + (byte - 0x30);
          digits++;
        } else if (byte === 0x0a && digits > 0 && Number.isSafeInteger(value)) {
          takeLine(value);
          value = 0;
          digits = 0;
        } else {
          throw mapError(
            headerOffset,
            `it must be lines of decimal numbers within 2^53, and has byte ${byte} at byte ${blockOffset + at}`,
          );
        }
      }
      return block.length - at;
    },
    finish: (contentSizeBytes) => regions.finish('1.0', contentSizeBytes),
  };
}

/** A map that is wrong, of the member whose header is at `offset`. */
export function mapError(offset: number, what: string): TarError {
  return new TarError('TAR_SPARSE_MAP', `Cannot read sparse map of tar member at byte ${offset}: ${what}`, { offset });
}

/** A sparse member of a kind that cannot be read. */
export function unknownSparse(offset: number, kind: string): TarError {
  return new TarError(
    'TAR_SPARSE',
    `Cannot read tar member at byte ${offset}: a sparse file must be of gnu, or of pax 0.0, 0.1 or 1.0, and is of ${kind}`,
    { offset },
  );
}
