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
  out.set(frame.block, offset);
  // The checksum is the sum of all bytes with its own field as eight spaces. Taken as they are written, it needs no pass
  // over the block, which is zero elsewhere.
  let { sum } = frame;
  sum += putText(out, offset, fields.name);
  sum += putNumber(out, offset + 100, 8, fields.mode);
  sum += putNumber(out, offset + 124, 12, fields.sizeBytes);
  out[offset + 156] = fields.typeflag;
  sum += fields.typeflag;
  sum += putText(out, offset + 157, fields.linkname);
  sum += putText(out, offset + 345, fields.prefix);
  putChecksum(out, offset, sum);
}

/** A header of which nothing is missing but name and size. */
export interface HeaderTemplate {
  readonly block: Uint8Array;
  /** Of the block's bytes, its checksum as eight spaces. */
  readonly sum: number;
}

/** @param fields whose names, links and sizes are left out */
export function headerTemplate(fields: HeaderFields): HeaderTemplate {
  const { block, sum } = frameOf(fields);
  block[156] = fields.typeflag;
  return { block, sum: sum + putNumber(block, 100, 8, fields.mode) + fields.typeflag };
}

/**
 * Completes a template: the header of a member that is no link.
 *
 * @param path of which what is behind `nameAt` goes to the name field, and what is before the slash there to the prefix
 * @param sizeBytes at most {@link USTAR_LIMITS}`.size`
 */
export function fillTemplate(
  template: HeaderTemplate,
  path: ByteString,
  nameAt: number,
  sizeBytes: number,
  out: Uint8Array,
  offset: number,
): void {
  out.set(template.block, offset);
  let { sum } = template;
  sum += putText(out, offset, path, nameAt);
  if (nameAt > 0) sum += putText(out, offset + 345, path, 0, nameAt - 1);
  sum += putOctal(out, offset + 124, 11, sizeBytes);
  putChecksum(out, offset, sum);
}

function putChecksum(out: Uint8Array, offset: number, sum: number): void {
  putOctal(out, offset + 148, 6, sum);
  out[offset + 155] = 0x20;
}

type FrameFields = Pick<HeaderFields, 'magic' | 'uid' | 'gid' | 'mtimeSeconds' | 'uname' | 'gname' | 'device'>;

/** A block of the fields that most often are those of the header before, and the sum of their bytes. */
interface Frame extends FrameFields {
  readonly block: Uint8Array;
  readonly sum: number;
}

function frameOf({ magic, uid, gid, mtimeSeconds, uname, gname, device }: FrameFields): Frame {
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
let frame: Frame = frameOf({
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
