/** Fields of a header block, each as it is to stand there; text ends with a NUL where there is room. */
export interface RawHeader {
  readonly name?: string;
  readonly mode?: string;
  readonly uid?: string;
  readonly gid?: string;
  /** A number is written in octal; so is the length of the body where it is not given. */
  readonly size?: string | number;
  readonly mtime?: string;
  readonly typeflag?: string;
  readonly linkname?: string;
  /** Magic and version; ustar's by default, none for v7. */
  readonly magic?: string;
  readonly uname?: string;
  readonly gname?: string;
  readonly devmajor?: string;
  readonly devminor?: string;
  readonly prefix?: string;
  /** At 508, where star has `tar`. */
  readonly trailer?: string;
  /** By default that of the block. */
  readonly checksum?: string;
}

/** A header block and, padded, a body: without tarseal, and without any check, so that hostile ones can be made. */
export function rawMember(header: RawHeader, body: Uint8Array | string = ''): Buffer {
  const content = Buffer.from(body as string, 'latin1');
  const block = Buffer.alloc(512);
  const put = (offset: number, text: string): number => block.write(text, offset, 'latin1');
  put(0, header.name ?? 'file');
  put(100, header.mode ?? '0000644');
  put(108, header.uid ?? '0000000');
  put(116, header.gid ?? '0000000');
  const size = header.size ?? content.length;
  put(124, typeof size === 'string' ? size : size.toString(8).padStart(11, '0'));
  put(136, header.mtime ?? '00000000001');
  put(156, header.typeflag ?? '0');
  put(157, header.linkname ?? '');
  put(257, header.magic ?? 'ustar\x0000');
  put(265, header.uname ?? '');
  put(297, header.gname ?? '');
  put(329, header.devmajor ?? '');
  put(337, header.devminor ?? '');
  put(345, header.prefix ?? '');
  put(508, header.trailer ?? '');
  put(148, header.checksum ?? `${checksum(block).toString(8).padStart(6, '0')}\0 `);
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function checksum(block: Buffer): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

/** `LENGTH KEY=VALUE\n` of each pair, bytes as chars. */
export function paxRecords(...records: readonly (readonly [key: string, value: string])[]): string {
  return records
    .map(([key, value]) => {
      let length = 0;
      for (let text = ''; text.length !== length || length === 0; ) {
        length = `${length} ${key}=${value}\n`.length;
        text = `${length} ${key}=${value}\n`;
      }
      return `${length} ${key}=${value}\n`;
    })
    .join('');
}

/** Members and the two zero blocks that end an archive. */
export function rawArchive(...members: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}
