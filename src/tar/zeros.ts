/**
 * The place of the first byte that is not zero, -1 where all are. Four bytes at a time: padding is short, but what
 * follows the end of an archive may be gigabytes.
 */
export function firstNonZero(bytes: Uint8Array): number {
  let at = 0;
  const aligned = -bytes.byteOffset & 3;
  if (bytes.length >= 1024) {
    while (at < aligned && bytes[at] === 0) at++;
    if (at < aligned) return at;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + aligned, (bytes.length - aligned) >> 2);
    let word = 0;
    while (word < words.length && words[word] === 0) word++;
    at += word * 4;
  }
  while (at < bytes.length && bytes[at] === 0) at++;
  return at < bytes.length ? at : -1;
}
