import { BLOCK_SIZE, type ByteString } from '../bytes/index.js';

/** Limits of the fields of a ustar header, in bytes or as the largest value. */
export const USTAR_LIMITS = {
  name: 100,
  prefix: 155,
  linkname: 100,
  /** The field has 32 bytes, of which the last is NUL. */
  ownerName: 31,
  /** Seven octal digits. */
  id: 0o7777777,
  /** Eleven octal digits: 8 GiB less 1. */
  size: 0o77777777777,
  mtimeSeconds: 0o77777777777,
  device: 0o7777777,
} as const;

/** Every field of one header block, already decided: nothing here is cut, clamped or chosen. */
export interface HeaderFields {
  readonly magic: 'ustar' | 'gnu';
  readonly name: ByteString;
  readonly prefix: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  /** Typeflag as its char code. */
  readonly typeflag: number;
  readonly linkname: ByteString;
  readonly uname: ByteString;
  readonly gname: ByteString;
  /** Device numbers; `undefined` leaves the fields NUL, as GNU tar does for pax headers and for gnu non-devices. */
  readonly device: { readonly major: number; readonly minor: number } | undefined;
}

const MAGIC_USTAR = 'ustar\x0000';
const MAGIC_GNU = 'ustar  \x00';

/**
 * Encodes one header block with its checksum (six octal digits, NUL, space).
 *
 * Numbers that exceed their octal digits, or are negative, are written in base 256, which only the gnu format allows:
 * callers of the other formats have checked {@link USTAR_LIMITS}.
 *
 * @param out overwritten where the block goes
 * @see POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"
 */
export function encodeHeader(fields: HeaderFields, out: Uint8Array, offset: number): void {
  const { magic, uid, gid, mtimeSeconds, uname, gname, device } = fields;
  if (
    magic !== frame.magic ||
    uid !== frame.uid ||
    gid !== frame.gid ||
    mtimeSeconds !== frame.mtimeSeconds ||
    uname !== frame.uname ||
    gname !== frame.gname ||
    (device !== frame.device && (device?.major !== frame.device?.major || device?.minor !== frame.device?.minor))
  ) {
    frame = frameOf(fields);
  }
  const { name, prefix, mode, sizeBytes, typeflag } = fields;
  let sum = beginInFrame(frame, name, 0, mode, sizeBytes, typeflag, out, offset);
  sum += putText(out, offset + 157, fields.linkname);
  sum += putText(out, offset + 345, prefix);
  putChecksum(out, offset, sum);
}

/**
 * Encodes the header of a member that is no link, all other fields of which are a frame's.
 *
 * @param name the path; of one whose first part goes to the prefix field, `nameAt` is where its name begins, else 0
 */
export function encodeInFrame(
  frame: HeaderFrame,
  name: ByteString,
  nameAt: number,
  mode: number,
  sizeBytes: number,
  typeflag: number,
  out: Uint8Array,
  offset: number,
): void {
  let sum = beginInFrame(frame, name, nameAt, mode, sizeBytes, typeflag, out, offset);
  // Without the slash between the two.
  if (nameAt > 0) sum += putText(out, offset + 345, name, 0, nameAt - 1);
  putChecksum(out, offset, sum);
}

/**
 * Puts the fields that every header has of its own.
 *
 * @returns the sum of all bytes with the checksum's own field as eight spaces. Taken as they are written, it needs no pass
 *   over the block, which is zero elsewhere
 */
function beginInFrame(
  { block, sum: frameSum }: HeaderFrame,
  name: ByteString,
  nameAt: number,
  mode: number,
  sizeBytes: number,
  typeflag: number,
  out: Uint8Array,
  offset: number,
): number {
  out.set(block, offset);
  out[offset + 156] = typeflag;
  let sum = frameSum + typeflag;
  sum += putText(out, offset, name, nameAt);
  sum += putNumber(out, offset + 100, 8, mode);
  sum += putNumber(out, offset + 124, 12, sizeBytes);
  return sum;
}

function putChecksum(out: Uint8Array, offset: number, sum: number): void {
  putOctal(out, offset + 148, 6, sum);
  out[offset + 155] = 0x20;
}

type FrameFields = Pick<HeaderFields, 'magic' | 'uid' | 'gid' | 'mtimeSeconds' | 'uname' | 'gname' | 'device'>;

/** A block of the fields that most often are those of the header before, and the sum of their bytes. */
export interface HeaderFrame extends FrameFields {
  readonly block: Uint8Array;
  readonly sum: number;
}

export function frameOf({ magic, uid, gid, mtimeSeconds, uname, gname, device }: FrameFields): HeaderFrame {
  const block = new Uint8Array(BLOCK_SIZE);
  let sum = 8 * 0x20;
  sum += putNumber(block, 108, 8, uid);
  sum += putNumber(block, 116, 8, gid);
  sum += putNumber(block, 136, 12, mtimeSeconds);
  sum += putText(block, 257, magic === 'ustar' ? MAGIC_USTAR : MAGIC_GNU);
  sum += putText(block, 265, uname);
  sum += putText(block, 297, gname);
  if (device !== undefined) {
    sum += putNumber(block, 329, 8, device.major);
    sum += putNumber(block, 337, 8, device.minor);
  }
  return { magic, uid, gid, mtimeSeconds, uname, gname, device, block, sum };
}

/** Of the last header: what it holds is told by its fields alone. */
let frame: HeaderFrame = frameOf({
  magic: 'ustar',
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  uname: '' as ByteString,
  gname: '' as ByteString,
  device: undefined,
});

// Each of these returns the sum of the bytes that it wrote.

function putText(out: Uint8Array, offset: number, text: string, from = 0, to: number = text.length): number {
  let sum = 0;
  for (let i = from, at = offset; i < to; i++, at++) {
    const byte = text.charCodeAt(i);
    out[at] = byte;
    sum += byte;
  }
  return sum;
}

/** A numeric field: octal digits and NUL, or base 256 where they do not reach. */
function putNumber(out: Uint8Array, offset: number, width: number, value: number): number {
  if (value >= 0 && value < 8 ** (width - 1)) return putOctal(out, offset, width - 1, value);
  return putBase256(out, offset, width, value);
}

function putOctal(out: Uint8Array, offset: number, digits: number, value: number): number {
  let sum = 0;
  let at = offset + digits - 1;
  // Sizes exceed 32 bits, where shifting would truncate.
  let rest = value;
  for (; rest >= 0x40000000; at--) {
    const digit = 0x30 + (rest % 8);
    out[at] = digit;
    sum += digit;
    rest = Math.floor(rest / 8);
  }
  for (; at >= offset; at--) {
    const digit = 0x30 + (rest & 7);
    out[at] = digit;
    sum += digit;
    rest >>= 3;
  }
  return sum;
}

/** Two's complement, big-endian; the first byte is 0x80 for a positive and 0xff for a negative number. */
function putBase256(out: Uint8Array, offset: number, width: number, value: number): number {
  let sum = 0;
  let rest = value;
  for (let i = offset + width - 1; i > offset; i--) {
    const byte = ((rest % 256) + 256) % 256;
    out[i] = byte;
    sum += byte;
    rest = Math.floor(rest / 256);
  }
  const first = value < 0 ? 0xff : 0x80;
  out[offset] = first;
  return sum + first;
}
