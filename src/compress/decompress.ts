import { createGunzip, type GunzipOptions } from './gunzip.js';

/** Of a gzip file so much is decompressed at once: at most about 4 MiB come of it. */
const SLICE_SIZE = 1 << 12;

/**
 * Gives what is in a gzip file of one or many members, by its first two bytes; any other bytes as they are.
 *
 * @param source chunks of any size, each lent until the next is asked for
 * @returns chunks, each lent until the next is asked for
 * @throws {CompressError} GZIP_INVALID, GZIP_CHECKSUM, GZIP_TRAILING, GZIP_TRUNCATED; whatever the source throws
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  options?: GunzipOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const pieces: Uint8Array[] = [];
  const gunzip = createGunzip((bytes) => pieces.push(bytes.slice()), options);
  /** Where the file begins, until it is known what it is. */
  let start: Uint8Array | undefined = new Uint8Array(0);
  let isGzip = false;
  for await (const next of source) {
    let chunk = next;
    if (start !== undefined) {
      chunk = new Uint8Array(start.length + next.length);
      chunk.set(start);
      chunk.set(next, start.length);
      start = chunk.length < 2 ? chunk : undefined;
      if (start !== undefined) continue;
      isGzip = chunk[0] === 0x1f && chunk[1] === 0x8b;
    }
    if (!isGzip) {
      yield chunk;
      continue;
    }
    for (let at = 0; at < chunk.length; at += SLICE_SIZE) {
      gunzip.push(chunk.subarray(at, at + SLICE_SIZE));
      yield* pieces;
      pieces.length = 0;
    }
  }
  if (start !== undefined && start.length > 0) yield start;
  if (!isGzip) return;
  gunzip.finish();
  yield* pieces;
}
