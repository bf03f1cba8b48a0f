import { type ByteString, byteStringFrom } from '../bytes/index.js';
import { decodeHeader, decodeNumber, decodeText, type HeaderFormat, headerSums } from './decode-header.js';
import { firstNonZero } from './zeros.js';

/**
 * How a number is written: as many octal digits as there is room for before one NUL (`octal`) or one space
 * (`octal-space`), or without an end (`octal-full`); in binary; as nothing but NULs (`empty`) or in any other way.
 */
export type NumberSpelling = 'octal' | 'octal-space' | 'octal-full' | 'base-256' | 'empty' | 'other';

/** `digits-nul-space` is what nearly all write: six octal digits, a NUL, a space. */
export type ChecksumForm = 'digits-nul-space' | 'digits-space-nul' | 'seven-digits-nul' | 'other';

export type NumberField = 'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'devmajor' | 'devminor';

/** Bytes that say nothing to a reader, and are not zero. */
export interface Residue {
  /** The field that ended before, or that is none of this format or type. */
  readonly field: string;
  /** Of the first such byte, in the block. */
  readonly offset: number;
}

/** How a header block is written, beyond what it says. */
export interface HeaderForm {
  readonly format: HeaderFormat;
  /** Eight bytes: magic and version. */
  readonly magic: ByteString;
  readonly checksum: ChecksumForm;
  /** Whether its checksum is that of signed bytes, and not of unsigned ones. */
  readonly isSigned: boolean;
  readonly numbers: readonly { readonly field: NumberField; readonly spelling: NumberSpelling }[];
  readonly residues: readonly Residue[];
}

type Field = readonly [name: string, at: number, width: number];

const TEXTS: readonly Field[] = [
  ['name', 0, 100],
  ['linkname', 157, 100],
];
const OWNERS: readonly Field[] = [
  ['uname', 265, 32],
  ['gname', 297, 32],
];
const NUMBERS: readonly (readonly [NumberField, number, number])[] = [
  ['mode', 100, 8],
  ['uid', 108, 8],
  ['gid', 116, 8],
  ['size', 124, 12],
  ['mtime', 136, 12],
];
const DEVICES: readonly (readonly [NumberField, number, number])[] = [
  ['devmajor', 329, 8],
  ['devminor', 337, 8],
];
const V7_REST: Field = ['padding', 257, 255];
const USTAR_REST: Field = ['padding', 500, 12];
/** What gnu has behind its devices; an incremental archive has times there. */
const GNU_REST: readonly Field[] = [
  ['atime', 345, 12],
  ['ctime', 357, 12],
  ['offset', 369, 12],
  ['longnames', 381, 4],
  ['unused', 385, 1],
  ['sparse', 386, 97],
  ['realsize', 483, 12],
  ['padding', 495, 17],
];
const STAR_REST: readonly Field[] = [
  ['atime', 476, 12],
  ['ctime', 488, 12],
  ['padding', 500, 8],
];

/**
 * Says how a header is written: of two headers that mean the same, what differs.
 *
 * @param block 512 bytes that a decoder gave (its handler's `block`), but of no sparse map
 * @throws {TarError} as the decoder does, for a block that it would refuse
 */
export function inspectHeader(block: Uint8Array): HeaderForm {
  const { format, typeflag } = decodeHeader(block, 0);
  const isUstar = format === 'ustar' || format === 'star';
  const residues: Residue[] = [];
  const wantZeros = (field: string, from: number, to: number): void => {
    const at = firstNonZero(block.subarray(from, to));
    if (at >= 0) residues.push({ field, offset: from + at });
  };

  const texts = format === 'v7' ? TEXTS : [...TEXTS, ...OWNERS];
  const prefix: readonly Field[] = isUstar ? [['prefix', 345, format === 'star' ? 131 : 155]] : [];
  for (const [field, at, width] of [...texts, ...prefix]) {
    wantZeros(field, at + decodeText(block, at, width).length, at + width);
  }
  const isDevice = typeflag === '3' || typeflag === '4';
  const rest =
    format === 'v7'
      ? [V7_REST]
      : format === 'ustar'
        ? [USTAR_REST]
        : format === 'star'
          ? STAR_REST
          : GNU_REST.filter(([field]) => typeflag !== 'S' || (field !== 'sparse' && field !== 'realsize'));
  for (const [field, at, width] of rest) wantZeros(field, at, at + width);
  if (format !== 'v7' && !isDevice) {
    // Zeros as digits say nothing either, and most write them; bsdtar with a space.
    for (const [field, at, width] of DEVICES) {
      const end = at + width;
      const byte = block.subarray(at, end).findIndex((value) => value !== 0 && value !== 0x20 && value !== 0x30);
      if (byte >= 0) residues.push({ field, offset: at + byte });
    }
  }
  residues.sort((a, b) => a.offset - b.offset);

  const { unsigned } = headerSums(block);
  const checksum = byteStringFrom(block.subarray(148, 156));
  return {
    format,
    magic: byteStringFrom(block.subarray(257, 265)),
    checksum: checksumForm(checksum),
    isSigned: decodeNumber(block, 148, 8, 'checksum', 0) !== unsigned,
    numbers: (format === 'v7' ? NUMBERS : [...NUMBERS, ...DEVICES]).map(([field, at, width]) => ({
      field,
      spelling: spellingOf(block.subarray(at, at + width)),
    })),
    residues,
  };
}

function checksumForm(field: ByteString): ChecksumForm {
  if (/^[0-7]{6}\0 $/.test(field)) return 'digits-nul-space';
  if (/^[0-7]{6} \0$/.test(field)) return 'digits-space-nul';
  return /^[0-7]{7}\0$/.test(field) ? 'seven-digits-nul' : 'other';
}

function spellingOf(field: Uint8Array): NumberSpelling {
  if (field[0]! & 0x80) return 'base-256';
  const digits = field.findIndex((byte) => byte < 0x30 || byte > 0x37);
  if (digits < 0) return 'octal-full';
  const last = field.at(-1);
  if (digits === field.length - 1) return last === 0 ? 'octal' : last === 0x20 ? 'octal-space' : 'other';
  return digits === 0 && firstNonZero(field) < 0 ? 'empty' : 'other';
}
