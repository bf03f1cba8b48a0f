/** What the oracle tests compare of a member that GNU tar wrote; names as bytes, one char a byte. */
export interface TarHeader {
  readonly name: string;
  readonly linkname: string;
  readonly mode: number;
}

const BLOCK = 512;

/** Reads the headers of an archive of GNU tar's own format, without tarseal. */
export function readTarHeaders(archive: Buffer): TarHeader[] {
  const headers: TarHeader[] = [];
  const text = (from: number, to: number): string => archive.toString('latin1', from, to).split('\0', 1)[0]!;
  let longName: string | undefined;
  let longLinkname: string | undefined;
  for (let at = 0; archive.subarray(at, at + BLOCK).some((byte) => byte !== 0); ) {
    const size = Number.parseInt(text(at + 124, at + 136), 8);
    const typeflag = text(at + 156, at + 157);
    if (typeflag === 'L') longName = text(at + BLOCK, at + BLOCK + size);
    else if (typeflag === 'K') longLinkname = text(at + BLOCK, at + BLOCK + size);
    else {
      const name = longName ?? text(at, at + 100);
      const linkname = longLinkname ?? text(at + 157, at + 257);
      headers.push({ name, linkname, mode: Number.parseInt(text(at + 100, at + 108), 8) });
      longName = undefined;
      longLinkname = undefined;
    }
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
  return headers;
}
