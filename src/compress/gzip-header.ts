import { type ByteString, byteStringFrom } from '../bytes/index.js';
import { CompressError } from './compress-error.js';
import { crc32 } from './crc32.js';

/** Bits of the byte FLG. FTEXT (1) says nothing that a reader needs; the upper three are reserved. */
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;
const RESERVED = 0xe0;

const FIXED_SIZE = 10;

/** An extra field of 64 KiB, a name and a comment as long as any file's; a header without an end is refused. */
const MAX_HEADER_SIZE = 1 << 18;

/** What the header of a gzip member says. */
export interface GzipHeader {
  /** Of the member in its file. */
  readonly offset: number;
  readonly sizeBytes: number;
  /** The byte FLG. */
  readonly flags: number;
  /** In [0, 2^32); 0 for none. */
  readonly mtimeSeconds: number;
  /** 2 for the best compression, 4 for the fastest. */
  readonly extraFlags: number;
  /** 3 for Unix, 255 for unknown. */
  readonly operatingSystem: number;
  /** Bytes, one char each, without the NUL; `undefined` where there is none. */
  readonly name: ByteString | undefined;
  readonly comment: ByteString | undefined;
  /** Size of the extra field in bytes. */
  readonly extraSizeBytes: number | undefined;
}

/**
 * Reads the header of a gzip member.
 *
 * @param bytes the member from its first byte on, as far as it is there
 * @param offset of the member in its file, for messages
 * @returns `undefined` when more of it is needed
 * @throws {CompressError} GZIP_INVALID, GZIP_CHECKSUM
 * @see RFC 1952, 2.3
 */
export function readGzipHeader(bytes: Uint8Array, offset: number): GzipHeader | undefined {
  const invalid = (what: string, value: number): CompressError =>
    new CompressError('GZIP_INVALID', `Cannot read gzip member at byte ${offset}: ${what}, and is ${value}`, {
      offset,
      value,
    });
  const [id1, id2, method, flags] = bytes;
  if (id1 !== undefined && id1 !== 0x1f) throw invalid('its first byte must be 31', id1);
  if (id2 !== undefined && id2 !== 0x8b) throw invalid('its second byte must be 139', id2);
  if (method !== undefined && method !== 8) throw invalid('its method must be 8 (deflate)', method);
  if (flags === undefined) return undefined;
  if (flags & RESERVED) throw invalid('reserved bits of its flags must be 0', flags);

  let end = FIXED_SIZE;
  let extraSizeBytes: number | undefined;
  if (flags & FEXTRA) {
    if (bytes.length < end + 2) return undefined;
    extraSizeBytes = bytes[end]! | (bytes[end + 1]! << 8);
    end += 2 + extraSizeBytes;
  }
  const texts: (ByteString | undefined)[] = [];
  for (const text of [FNAME, FCOMMENT]) {
    if ((flags & text) === 0) {
      texts.push(undefined);
      continue;
    }
    const zero = bytes.indexOf(0, end);
    if (zero < 0) {
      if (bytes.length > MAX_HEADER_SIZE)
        throw invalid(`its header must end within ${MAX_HEADER_SIZE} bytes`, bytes.length);
      return undefined;
    }
    texts.push(byteStringFrom(bytes.subarray(end, zero)));
    end = zero + 1;
  }
  if (flags & FHCRC) {
    if (bytes.length < end + 2) return undefined;
    const expected = bytes[end]! | (bytes[end + 1]! << 8);
    const found = crc32(bytes.subarray(0, end)) & 0xffff;
    if (found !== expected) {
      throw new CompressError(
        'GZIP_CHECKSUM',
        `Cannot read gzip member at byte ${offset}: CRC of its header must be ${expected}, and is ${found}`,
        { offset, expected, found },
      );
    }
    end += 2;
  }
  if (bytes.length < end) return undefined;
  return {
    offset,
    sizeBytes: end,
    flags,
    mtimeSeconds: new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true),
    extraFlags: bytes[8]!,
    operatingSystem: bytes[9]!,
    name: texts[0],
    comment: texts[1],
    extraSizeBytes,
  };
}
