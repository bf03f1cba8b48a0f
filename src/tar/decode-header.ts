import { BLOCK_SIZE, type ByteString, byteStringFrom } from '../bytes/index.js';
import { TarError } from './tar-error.js';

/** Which tar a header block is of; pax headers stand before headers of `ustar`, as a rule. */
export type HeaderFormat = 'v7' | 'ustar' | 'gnu' | 'star';

/** The fields of one header block as they stand there; longer names and larger numbers may come from elsewhere. */
export interface DecodedHeader {
  /** With the prefix of ustar and star. */
  readonly name: ByteString;
  /** Permission bits, in [0, 0o7777]. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** A safe integer from 0. */
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  /** One char; NUL is that of a regular file before POSIX. */
  readonly typeflag: string;
  readonly linkname: ByteString;
  readonly uname: ByteString;
  readonly gname: ByteString;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly format: HeaderFormat;
}

const EMPTY = '' as ByteString;

/**
 * Decodes one header block of v7, ustar, gnu or star.
 *
 * @param block 512 bytes, not all zero
 * @param offset of the block in the archive, for messages
 * @throws {TarError} TAR_CHECKSUM, TAR_HEADER
 * @see POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"
 */
export function decodeHeader(block: Uint8Array, offset: number): DecodedHeader {
  verifyChecksum(block, offset);
  const field = (name: string, at: number, width: number): number => decodeNumber(block, at, width, name, offset);
  const typeflag = String.fromCharCode(block[156]!);
  const name = decodeText(block, 0, 100);
  const format = formatOf(block);
  const isUstar = format === 'ustar' || format === 'star';
  const hasOwners = format !== 'v7';
  const hasDevice = hasOwners && (typeflag === '3' || typeflag === '4');
  // gnu has times where ustar has its prefix, and so has star behind the first 131 bytes.
  const prefix = isUstar ? decodeText(block, 345, format === 'star' ? 131 : 155) : EMPTY;
  const sizeBytes = field('size', 124, 12);
  if (sizeBytes < 0) throw headerError(offset, 'size', 'must be at least 0', String(sizeBytes));
  return {
    name: prefix === '' ? name : (`${prefix}/${name}` as ByteString),
    mode: field('mode', 100, 8) & 0o7777,
    uid: field('uid', 108, 8),
    gid: field('gid', 116, 8),
    sizeBytes,
    mtimeSeconds: field('mtime', 136, 12),
    typeflag,
    linkname: decodeText(block, 157, 100),
    uname: hasOwners ? decodeText(block, 265, 32) : EMPTY,
    gname: hasOwners ? decodeText(block, 297, 32) : EMPTY,
    devMajor: hasDevice ? field('devmajor', 329, 8) : 0,
    devMinor: hasDevice ? field('devminor', 337, 8) : 0,
    format,
  };
}

/** By the magic alone: a version that is none is a matter of taste, which {@link inspectHeader} shows. */
export function formatOf(block: Uint8Array): HeaderFormat {
  if (!hasText(block, 257, 'ustar')) return 'v7';
  if (block[262] === 0x20) return 'gnu';
  if (block[262] !== 0) return 'v7';
  return hasText(block, 508, 'tar\0') ? 'star' : 'ustar';
}

function hasText(block: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (block[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** The sum of the block's bytes, its own field as spaces. */
export function headerSum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += block[i]!;
  for (let i = 156; i < BLOCK_SIZE; i++) sum += block[i]!;
  return sum;
}

/** The same of bytes that have a sign. */
function signedSum(block: Uint8Array): number {
  let sum = headerSum(block);
  for (let i = 0; i < BLOCK_SIZE; i++) if (block[i]! >= 0x80 && (i < 148 || i >= 156)) sum -= 256;
  return sum;
}

/** Early tars took bytes for signed, which GNU tar accepts too. */
function verifyChecksum(block: Uint8Array, offset: number): void {
  const unsigned = headerSum(block);
  const expected = decodeNumber(block, 148, 8, 'checksum', offset);
  if (expected !== unsigned && expected !== signedSum(block)) {
    throw new TarError(
      'TAR_CHECKSUM',
      `Cannot read tar header at byte ${offset}: its checksum must be ${unsigned}, and is ${expected}`,
      { offset, expected: unsigned, found: expected },
    );
  }
}

/** Text up to a NUL or the end of its field. */
function decodeText(block: Uint8Array, at: number, width: number): ByteString {
  const end = endOfText(block, at, width);
  return end === at ? EMPTY : byteStringFrom(block.subarray(at, end));
}

/** Where the NUL after a text stands, or its field ends. */
export function endOfText(block: Uint8Array, at: number, width: number): number {
  let end = at;
  while (end < at + width && block[end] !== 0) end++;
  return end;
}

/**
 * A numeric field: octal digits that spaces and NULs may surround, nothing but those for 0, or base 256 in two's
 * complement where the first bit is set.
 */
export function decodeNumber(block: Uint8Array, at: number, width: number, field: string, offset: number): number {
  const first = block[at]!;
  const end = at + width;
  let value = 0;
  if (first & 0x80) {
    // The second bit is the sign.
    value = (first & 0x3f) - (first & 0x40);
    for (let i = at + 1; i < end; i++) {
      value = value * 256 + block[i]!;
      if (!Number.isSafeInteger(value)) throw headerError(offset, field, 'must be a safe integer', 'beyond 2^53');
    }
    return value;
  }
  const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0;
  let i = at;
  while (i < end && isBlank(block[i]!)) i++;
  while (i < end && block[i]! >= 0x30 && block[i]! <= 0x37) {
    // Twelve digits at the most: always a safe integer.
    value = value * 8 + (block[i]! - 0x30);
    i++;
  }
  if (i < end && !isBlank(block[i]!)) {
    throw headerError(offset, field, 'must be octal digits', `byte ${block[i]} among them`);
  }
  return value;
}

function headerError(offset: number, field: string, rule: string, value: string): TarError {
  return new TarError('TAR_HEADER', `Cannot read tar header at byte ${offset}: ${field} ${rule}, and is ${value}`, {
    offset,
    field,
  });
}
