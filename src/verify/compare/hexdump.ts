const ROW = 16;
const ROWS = 3;

/** How many bytes a dump may show. */
export const HEXDUMP_SIZE: number = ROW * ROWS;

/** Where the dump of bytes around `offset` begins: a row before it where there is one. */
export function hexdumpStart(offset: number): number {
  return Math.max(0, offset - (offset % ROW) - ROW);
}

/**
 * Bytes as people look at them: offset, hexadecimal digits, and ASCII.
 *
 * @param offset of the first of them
 */
export function hexdump(bytes: Uint8Array, offset: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = Array.from(bytes.subarray(at, at + ROW));
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`${(offset + at).toString(16).padStart(8, '0')}  ${hex.padEnd(ROW * 3 - 1)}  ${text}`);
  }
  return lines.join('\n');
}
