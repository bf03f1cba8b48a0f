/**
 * Where in a large buffer what is read from files had best begin, in bytes.
 *
 * The system copies contents from the beginnings of pages. Some processors take several times as long to copy to a place
 * just behind the same place of another page: they take what they read for what they have just written (AMD EPYC: 2 GB/s in
 * place of 8 to 13). Runtimes begin large buffers at the beginning of a page or, with glibc's allocator, 16 bytes behind it;
 * this is clear of both, and so is whatever is a multiple of 512 bytes behind it.
 */
export const READ_OFFSET: number = 4096 - 16;

/** A buffer of so many bytes that files are read into from positions that are multiples of 512. */
export function createReadBuffer(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(READ_OFFSET + sizeBytes).subarray(READ_OFFSET);
}
