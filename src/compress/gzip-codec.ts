import { CompressError } from './compress-error.js';

/** Names of the frozen codecs; a change of bytes is a new name, and the old one stays. */
export type CodecName = 'gzip-libdeflate-1' | 'gzip-fflate-1';

/**
 * A frozen gzip codec: for one block and one level it gives the same bytes in every version of tarseal, on every
 * runtime and processor.
 */
export interface GzipCodec {
  readonly name: CodecName;
  readonly encoding: 'gzip';
  /** Input bytes of every block but the last. Part of the name's promise, for block ends show in the output. */
  readonly blockSizeBytes: number;
  readonly defaultLevel: number;
  readonly minLevel: number;
  readonly maxLevel: number;
  /**
   * Compresses one block to one whole gzip member (RFC 1952) with mtime 0, no name and OS 255 (unknown).
   *
   * @param block at most `blockSizeBytes` bytes, in shared memory too; it is read only, and not kept
   * @param level in [minLevel, maxLevel]
   * @param output takes the member, in shared memory too; without it the member is a new array
   * @returns the member, which the caller owns: the start of `output` where that is given
   * @throws {CompressError} COMPRESS_LEVEL_RANGE, COMPRESS_BLOCK_SIZE; {RangeError} where `output` has no room
   */
  compressBlock(block: Uint8Array, level: number, output?: Uint8Array): Uint8Array;
}

/**
 * Checks a level before any work is done with it.
 *
 * @throws {CompressError} COMPRESS_LEVEL_RANGE when it is no integer in the codec's range
 */
export function checkLevel(codec: Pick<GzipCodec, 'name' | 'minLevel' | 'maxLevel'>, level: number): void {
  if (!Number.isInteger(level) || level < codec.minLevel || level > codec.maxLevel) {
    throw new CompressError(
      'COMPRESS_LEVEL_RANGE',
      `Cannot compress with ${codec.name}: level must be an integer from ${codec.minLevel} to ${codec.maxLevel}, and is ${level}`,
      { codec: codec.name, value: level, limit: [codec.minLevel, codec.maxLevel] },
    );
  }
}

/**
 * Checks the size of a block.
 *
 * @throws {CompressError} COMPRESS_BLOCK_SIZE when it is larger than the codec's blocks
 */
export function checkBlockSize(codec: Pick<GzipCodec, 'name' | 'blockSizeBytes'>, block: Uint8Array): void {
  if (block.length > codec.blockSizeBytes) {
    throw new CompressError(
      'COMPRESS_BLOCK_SIZE',
      `Cannot compress block with ${codec.name}: it must be at most ${codec.blockSizeBytes} bytes, and is ${block.length}`,
      { codec: codec.name, value: block.length, limit: codec.blockSizeBytes },
    );
  }
}

/** Copies a member to the start of `output`. */
export function placeMember(member: Uint8Array, output: Uint8Array): Uint8Array {
  output.set(member);
  return output.subarray(0, member.length);
}
