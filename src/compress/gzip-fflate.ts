import { checkBlockSize, checkLevel, type GzipCodec, placeMember } from './gzip-codec.js';

/** Byte 9 of a gzip header, the operating system: 255 is "unknown" (RFC 1952, 2.3.1). fflate says 3, Unix. */
const OS_OFFSET = 9;
const OS_UNKNOWN = 255;

// fflate sizes its hash table by Math.log of the input, which engines may round as they like, unless told. 8 (2^20
// entries) is what it takes for a whole block, so that the last, shorter block is treated alike.
const HASH_TABLE_MEMORY = 8;

/**
 * Loads `gzip-fflate-1`, the codec in plain JavaScript: `gzipSync` of fflate 0.8.3, a block at a time. Its streaming
 * Gzip gives other bytes for other push sizes and cannot be used.
 */
export async function loadGzipFflate(): Promise<GzipCodec> {
  const { gzipSync } = await import('fflate');
  const codec = {
    name: 'gzip-fflate-1',
    encoding: 'gzip',
    blockSizeBytes: 1_048_576,
    defaultLevel: 6,
    minLevel: 0,
    maxLevel: 9,
    compressBlock(block: Uint8Array, level: number, output?: Uint8Array): Uint8Array {
      checkLevel(codec, level);
      checkBlockSize(codec, block);
      const member = gzipSync(block, { level: level as 6, mem: HASH_TABLE_MEMORY, mtime: 0 });
      member[OS_OFFSET] = OS_UNKNOWN;
      return output === undefined ? member : placeMember(member, output);
    },
  } as const satisfies GzipCodec;
  return codec;
}
