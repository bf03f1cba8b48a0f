import { CompressError } from './compress-error.js';
import { checkLevel, type GzipCodec } from './gzip-codec.js';

/** Compresses a stream block by block; the concatenation of all that it returns is the compressed stream. */
export interface BlockCompressor {
  /**
   * Takes the next bytes, which the caller may reuse afterwards.
   *
   * @returns the members that became whole, in order; the caller owns them
   * @throws {CompressError} COMPRESS_FINISHED after `finish`
   */
  push(chunk: Uint8Array): Uint8Array[];
  /**
   * Compresses what is left. A stream of no bytes is one empty member, for no bytes at all are no gzip file.
   *
   * @throws {CompressError} COMPRESS_FINISHED when called twice
   */
  finish(): Uint8Array[];
}

/**
 * Cuts a stream into blocks of `codec.blockSizeBytes` and makes each a gzip member of its own (RFC 1952, 2.2).
 *
 * Where a block ends depends on the offset in the stream alone, so that neither the chunks in which the input comes
 * nor the number of workers shows in the output.
 *
 * @param level of compression; the codec's default where undefined
 * @throws {CompressError} COMPRESS_LEVEL_RANGE
 */
export function createBlockCompressor(codec: GzipCodec, level: number = codec.defaultLevel): BlockCompressor {
  checkLevel(codec, level);
  const blockSize = codec.blockSizeBytes;
  let pending: Uint8Array | undefined;
  let pendingBytes = 0;
  let hasMembers = false;
  let isFinished = false;

  const compress = (block: Uint8Array): Uint8Array => {
    hasMembers = true;
    return codec.compressBlock(block, level);
  };
  const refuseFinished = (method: string): void => {
    if (isFinished) {
      throw new CompressError('COMPRESS_FINISHED', `Cannot ${method} compressed stream: it was already finished`, {
        method,
      });
    }
  };

  return {
    push(chunk: Uint8Array): Uint8Array[] {
      refuseFinished('push to');
      const members: Uint8Array[] = [];
      let position = 0;
      while (position < chunk.length) {
        if (pendingBytes === 0 && chunk.length - position >= blockSize) {
          // A whole block within the chunk needs no copy.
          members.push(compress(chunk.subarray(position, position + blockSize)));
          position += blockSize;
          continue;
        }
        pending ??= new Uint8Array(blockSize);
        const part = chunk.subarray(position, position + blockSize - pendingBytes);
        pending.set(part, pendingBytes);
        pendingBytes += part.length;
        position += part.length;
        if (pendingBytes === blockSize) {
          members.push(compress(pending));
          pendingBytes = 0;
        }
      }
      return members;
    },
    finish(): Uint8Array[] {
      refuseFinished('finish');
      isFinished = true;
      if (pendingBytes === 0 && hasMembers) return [];
      const rest = pending?.subarray(0, pendingBytes) ?? new Uint8Array(0);
      const members = [compress(rest)];
      pending = undefined;
      return members;
    },
  };
}
