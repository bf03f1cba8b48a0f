import { type ByteString, byteStringFrom } from '../bytes/index.js';
import { decodeNumber, endOfText, formatOf, type HeaderFormat, headerSum } from './decode-header.js';

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
  /** Of v7 without the devices. */
  readonly numbers: Readonly<Partial<Record<NumberField, NumberSpelling>>>;
  /** In the order of their offsets. */
  readonly residues: readonly Residue[];
}

type Field = readonly [name: string, at: number, width: number];

const NUMBERS: readonly (readonly [NumberField, at: number, width: number])[] = [
  ['mode', 100, 8],
  ['uid', 108, 8],
  ['gid', 116, 8],
  ['size', 124, 12],
  ['mtime', 136, 12],
];
const DEVICES: readonly (readonly [NumberField, at: number, width: number])[] = [
  ['devmajor', 329, 8],
  ['devminor', 337, 8],
];
const NAMES: readonly Field[] = [
  ['name', 0, 100],
  ['linkname', 157, 100],
];
const OWNERS: readonly Field[] = [
  ['uname', 265, 32],
  ['gname', 297, 32],
];
/** Texts, whose end the rest of their fields must be. */
const TEXTS: Readonly<Record<HeaderFormat, readonly Field[]>> = {
  v7: NAMES,
  gnu: [...NAMES, ...OWNERS],
  ustar: [...NAMES, ...OWNERS, ['prefix', 345, 155]],
  star: [...NAMES, ...OWNERS, ['prefix', 345, 131]],
};
/** What is none of the fields of a format. In gnu and star it has names: an incremental archive has times there. */
const REST: Readonly<Record<HeaderFormat, readonly Field[]>> = {
  v7: [['padding', 257, 255]],
  ustar: [['padding', 500, 12]],
  gnu: [
    ['atime', 345, 12],
    ['ctime', 357, 12],
    ['offset', 369, 12],
    ['longnames', 381, 4],
    ['unused', 385, 1],
    ['sparse', 386, 97],
    ['realsize', 483, 12],
    ['padding', 495, 17],
  ],
  star: [
    ['atime', 476, 12],
    ['ctime', 488, 12],
    ['padding', 500, 8],
  ],
};

/**
 * Says how a header is written: of two headers that mean the same, what differs.
 *
 * @param block 512 bytes that a decoder gave (its handler's `block`), but of no sparse map
 * @throws {TarError} TAR_HEADER for a checksum that is no number; a block that a decoder gave has none
 */
export function inspectHeader(block: Uint8Array): HeaderForm {
  const format = formatOf(block);
  const typeflag = block[156];
  const residues: Residue[] = [];
  for (const [field, at, width] of TEXTS[format]) {
    wantZeros(block, field, endOfText(block, at, width), at + width, residues);
  }
  for (const [field, at, width] of REST[format]) {
    const isMap = typeflag === SPARSE && (field === 'sparse' || field === 'realsize');
    if (!isMap) wantZeros(block, field, at, at + width, residues);
  }
  if (format !== 'v7' && typeflag !== CHARACTER_DEVICE && typeflag !== BLOCK_DEVICE) {
    for (const [field, at, width] of DEVICES) {
      // Zeros as digits say nothing either, and most write them; bsdtar with a space.
      let i = at;
      while (i < at + width && (block[i] === 0 || block[i] === 0x20 || block[i] === 0x30)) i++;
      if (i < at + width) residues.push({ field, offset: i });
    }
  }
  if (residues.length > 1) residues.sort((a, b) => a.offset - b.offset);

  const numbers: Partial<Record<NumberField, NumberSpelling>> = {};
  for (const [field, at, width] of NUMBERS) numbers[field] = spellingOf(block, at, at + width);
  if (format !== 'v7') for (const [field, at, width] of DEVICES) numbers[field] = spellingOf(block, at, at + width);
  return {
    format,
    magic: byteStringFrom(block.subarray(257, 265)),
    checksum: checksumForm(block),
    isSigned: decodeNumber(block, 148, 8, 'checksum', 0) !== headerSum(block),
    numbers,
    residues,
  };
}

const SPARSE = 0x53;
const CHARACTER_DEVICE = 0x33;
const BLOCK_DEVICE = 0x34;

function wantZeros(block: Uint8Array, field: string, from: number, to: number, residues: Residue[]): void {
  let at = from;
  while (at < to && block[at] === 0) at++;
  if (at < to) residues.push({ field, offset: at });
}

function checksumForm(block: Uint8Array): ChecksumForm {
  const digits = endOfDigits(block, 148, 156);
  const [first, second] = [block[154], block[155]];
  if (digits === 154 && first === 0 && second === 0x20) return 'digits-nul-space';
  if (digits === 154 && first === 0x20 && second === 0) return 'digits-space-nul';
  return digits === 155 && second === 0 ? 'seven-digits-nul' : 'other';
}

function spellingOf(block: Uint8Array, from: number, to: number): NumberSpelling {
  if (block[from]! & 0x80) return 'base-256';
  const digits = endOfDigits(block, from, to);
  if (digits === to) return 'octal-full';
  const last = block[to - 1];
  if (digits === to - 1) return last === 0 ? 'octal' : last === 0x20 ? 'octal-space' : 'other';
  let at = from;
  while (at < to && block[at] === 0) at++;
  return at === to ? 'empty' : 'other';
}

/** Where octal digits end that begin at `from`. */
function endOfDigits(block: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && block[at]! >= 0x30 && block[at]! <= 0x37) at++;
  return at;
}
