/** Bytes in a tar block; headers and bodies occupy whole blocks. */
export const BLOCK_SIZE = 512;

/** Bytes in a record of GNU tar's default blocking factor, 20; an archive is a whole number of records. */
export const RECORD_SIZE = 10_240;

/** The smallest multiple of `unit` that is at least `size`. Plain arithmetic: `|` and `<<` would cut sizes at 2^32. */
export function roundUp(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}

/** Bytes of padding from `size` to the next block boundary, in [0, 511]. */
export function blockPadding(size: number): number {
  return roundUp(size, BLOCK_SIZE) - size;
}
