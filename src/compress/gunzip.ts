import { CompressError } from './compress-error.js';
import { crc32 } from './crc32.js';
import { type GzipHeader, readGzipHeader } from './gzip-header.js';
import { createInflate, INFLATE_BUFFER_SIZE, type Inflate } from './inflate.js';

/** Decompresses a gzip file of one or many members, piece by piece. */
export interface Gunzip {
  /**
   * Takes the next bytes, which the caller may reuse afterwards, and hands on what they decompress to.
   *
   * @throws {CompressError} GZIP_INVALID, GZIP_CHECKSUM, GZIP_TRAILING; whatever the sink throws
   */
  push(chunk: Uint8Array): void;
  /** @throws {CompressError} GZIP_TRUNCATED when a member is not whole, or there is none */
  finish(): void;
}

export interface GunzipOptions {
  /** Takes the header of each member, before what is in it. */
  readonly gzipMember?: (header: GzipHeader) => void;
}

const TRAILER_SIZE = 8;
const NOTHING = new Uint8Array(0);

/**
 * Makes a decompressor that checks CRC-32 and size of every member, and that nothing but members is there; zeros may
 * follow the last, to which tapes are padded (gzip(1) takes them too).
 *
 * @param sink takes the decompressed bytes in pieces of at most 128 KiB, lent until the call returns
 * @see RFC 1952
 */
export function createGunzip(sink: (bytes: Uint8Array) => void, { gzipMember }: GunzipOptions = {}): Gunzip {
  let state: 'header' | 'body' | 'trailer' | 'zeros' = 'header';
  let members = 0;
  let pushedBytes = 0;
  let memberStart = 0;
  /** A header or a trailer as far as it is there. */
  let pending: Uint8Array = NOTHING;
  let inflate: Inflate;
  let crc = 0;
  let sizeBytes = 0;

  const buffer = new Uint8Array(INFLATE_BUFFER_SIZE);
  const takeOutput = (output: Uint8Array): void => {
    crc = crc32(output, crc);
    sizeBytes += output.length;
    sink(output);
  };

  /** Reads from `bytes`, which are not empty. @returns what is of the next state */
  const step = (bytes: Uint8Array): Uint8Array => {
    switch (state) {
      case 'header': {
        if (pending.length === 0) memberStart = pushedBytes - bytes.length;
        if (members > 0 && pending.length === 0 && bytes[0] !== 0x1f) {
          state = 'zeros';
          return bytes;
        }
        pending = concat(pending, bytes);
        const header = readGzipHeader(pending, memberStart);
        if (header === undefined) return NOTHING;
        const rest = pending.subarray(header.sizeBytes);
        gzipMember?.(header);
        pending = NOTHING;
        crc = 0;
        sizeBytes = 0;
        inflate = createInflate(takeOutput, memberStart, buffer);
        state = 'body';
        return rest;
      }
      case 'body': {
        const rest = inflate.push(bytes);
        if (rest === undefined) return NOTHING;
        state = 'trailer';
        return rest;
      }
      case 'trailer': {
        const part = bytes.subarray(0, TRAILER_SIZE - pending.length);
        pending = concat(pending, part);
        if (pending.length === TRAILER_SIZE) {
          const trailer = new DataView(pending.buffer);
          check('CRC-32', trailer.getUint32(0, true), crc, memberStart);
          check('size modulo 2^32', trailer.getUint32(4, true), sizeBytes % 2 ** 32, memberStart);
          pending = NOTHING;
          members++;
          state = 'header';
        }
        return bytes.subarray(part.length);
      }
      case 'zeros': {
        const at = bytes.findIndex((byte) => byte !== 0);
        if (at < 0) return NOTHING;
        const offset = pushedBytes - bytes.length + at;
        throw new CompressError(
          'GZIP_TRAILING',
          `Cannot read gzip file: after its last member there must be nothing or zeros, and there is ${bytes[at]} at byte ${offset}`,
          { offset },
        );
      }
    }
  };

  return {
    push(chunk: Uint8Array): void {
      pushedBytes += chunk.length;
      for (let rest = chunk; rest.length > 0; ) rest = step(rest);
    },
    finish(): void {
      if (state === 'zeros' || (state === 'header' && members > 0 && pending.length === 0)) return;
      throw new CompressError(
        'GZIP_TRUNCATED',
        `Cannot read gzip file: it must have a whole member at byte ${memberStart}, and ends in its ${state} after ${pushedBytes} bytes`,
        { offset: pushedBytes, memberOffset: memberStart },
      );
    },
  };
}

function check(what: string, expected: number, found: number, memberStart: number): void {
  if (found === expected) return;
  throw new CompressError(
    'GZIP_CHECKSUM',
    `Cannot read gzip member at byte ${memberStart}: ${what} of its content must be ${expected}, and is ${found}`,
    { offset: memberStart, expected, found },
  );
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
