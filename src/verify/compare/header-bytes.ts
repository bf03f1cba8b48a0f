/** Fields of a header block: where they stand in ustar, and nearly so in all others. */
export const HEADER_FIELDS: readonly (readonly [field: string, start: number, end: number])[] = [
  ['name', 0, 100],
  ['mode', 100, 108],
  ['uid', 108, 116],
  ['gid', 116, 124],
  ['size', 124, 136],
  ['mtime', 136, 148],
  ['checksum', 148, 156],
  ['typeflag', 156, 157],
  ['linkname', 157, 257],
  ['magic', 257, 265],
  ['uname', 265, 297],
  ['gname', 297, 329],
  ['devmajor', 329, 337],
  ['devminor', 337, 345],
  ['prefix', 345, 500],
  ['padding', 500, 512],
];

/** The field of a header that has the byte at `offset`, in [0, 511]. */
export function headerFieldAt(offset: number): string {
  return HEADER_FIELDS.find(([, , end]) => offset < end)![0];
}

/** Place of the first byte that differs; `undefined` where there is none. What ends first differs there. */
export function firstDifference(a: Uint8Array, b: Uint8Array, start = 0, end?: number): number | undefined {
  const shorter = Math.min(a.length, b.length, end ?? Number.MAX_SAFE_INTEGER);
  for (let at = start; at < shorter; at++) if (a[at] !== b[at]) return at;
  return end === undefined && a.length !== b.length ? shorter : undefined;
}

/** Fields whose bytes differ in two header blocks; the checksum only where nothing else does, for it follows. */
export function differingFields(a: Uint8Array, b: Uint8Array): { readonly field: string; readonly at: number }[] {
  const fields: { readonly field: string; readonly at: number }[] = [];
  for (const [field, start, end] of HEADER_FIELDS) {
    const at = firstDifference(a, b, start, end);
    if (at !== undefined) fields.push({ field, at });
  }
  const others = fields.filter(({ field }) => field !== 'checksum');
  return others.length === 0 ? fields : others;
}
