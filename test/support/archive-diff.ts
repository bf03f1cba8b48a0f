/** Says where two archives first differ: member, offset and both bytes as a hexdump; `undefined` when they are equal. */
export function describeDifference(expected: Uint8Array, actual: Uint8Array): string | undefined {
  const shorter = Math.min(expected.length, actual.length);
  let at = 0;
  while (at < shorter && expected[at] === actual[at]) at++;
  if (at === shorter && expected.length === actual.length) return undefined;
  const row = Math.max(0, at - (at % 16) - 16);
  return [
    `archives differ at offset ${at} (sizes: expected ${expected.length}, actual ${actual.length})`,
    `in member ${memberAt(expected, at)} of the expected, ${memberAt(actual, at)} of the actual`,
    'expected:',
    hexdump(expected, row, 64),
    'actual:',
    hexdump(actual, row, 64),
  ].join('\n');
}

/** The name of the member whose header or body has a byte, by its header alone, and the byte's place in it. */
function memberAt(archive: Uint8Array, offset: number): string {
  const text = (from: number, to: number): string =>
    Buffer.from(archive.subarray(from, to)).toString('latin1').replace(/\0.*$/s, '');
  let at = 0;
  while (at + 512 <= archive.length) {
    const field = archive.subarray(at + 124, at + 136);
    const size =
      field[0]! >= 0x80
        ? Number(Buffer.from(field).readBigInt64BE(4))
        : Number.parseInt(text(at + 124, at + 136) || '0', 8);
    const end = at + 512 + Math.ceil(size / 512) * 512;
    if (offset < end || Number.isNaN(size)) {
      const place = offset < at + 512 ? `header byte ${offset - at}` : `body byte ${offset - at - 512}`;
      return `"${text(at, at + 100)}" (type ${text(at + 156, at + 157)}, ${place})`;
    }
    at = end;
  }
  return '(none)';
}

export function hexdump(bytes: Uint8Array, from: number, length: number): string {
  const lines: string[] = [];
  for (let at = from; at < Math.min(from + length, bytes.length); at += 16) {
    const row = bytes.subarray(at, Math.min(at + 16, bytes.length));
    const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    lines.push(`  ${at.toString(16).padStart(8, '0')}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join('\n');
}
