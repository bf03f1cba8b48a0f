import { inflateRawSync } from 'node:zlib';

/** A gzip member, taken apart by the rules of RFC 1952 and not by the code under test. */
export interface Member {
  readonly header: {
    readonly id: readonly number[];
    readonly method: number;
    readonly flags: number;
    /** Seconds since 1970. */
    readonly mtime: number;
    readonly extraFlags: number;
    readonly operatingSystem: number;
  };
  readonly content: Uint8Array;
  readonly crc32: number;
  readonly sizeBytes: number;
}

const HEADER_SIZE = 10;

/** Takes a gzip file apart. A header with optional fields is not expected, and would fail to inflate. */
export function parseMembers(bytes: Buffer): Member[] {
  const members: Member[] = [];
  let position = 0;
  while (position < bytes.length) {
    const header = {
      id: [...bytes.subarray(position, position + 2)],
      method: bytes.readUInt8(position + 2),
      flags: bytes.readUInt8(position + 3),
      mtime: bytes.readUInt32LE(position + 4),
      extraFlags: bytes.readUInt8(position + 8),
      operatingSystem: bytes.readUInt8(position + 9),
    };
    // With `info` zlib says how much of the input the deflate stream took.
    const { buffer, engine } = inflateRawSync(bytes.subarray(position + HEADER_SIZE), { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    position += HEADER_SIZE + engine.bytesWritten;
    members.push({
      header,
      content: buffer,
      crc32: bytes.readUInt32LE(position),
      sizeBytes: bytes.readUInt32LE(position + 4),
    });
    position += 8;
  }
  return members;
}
