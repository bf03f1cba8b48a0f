import { createHash } from 'node:crypto';
import {
  createTarDecoder,
  type DecodedArchive,
  expandSparse,
  readTarMembers,
  type TarDecoderOptions,
  type TarMember,
} from '../../src/tar/index.js';

export interface Decoded extends DecodedArchive {
  readonly list: readonly (TarMember & { readonly content: Buffer })[];
}

/** Decodes an archive in chunks of one size, each of which is wiped when it was pushed; sparse members are read. */
export function decodeAll(archive: Uint8Array, chunkSize = 65_536, options: TarDecoderOptions = {}): Decoded {
  const list: (TarMember & { content: Buffer })[] = [];
  let pieces: Uint8Array[] = [];
  const decoder = createTarDecoder(
    {
      member(member) {
        pieces = [];
        list.push({ ...member, content: Buffer.alloc(0) });
      },
      content(bytes) {
        pieces.push(bytes.slice());
      },
      end() {
        list.at(-1)!.content = Buffer.concat(pieces);
      },
    },
    { sparse: true, ...options },
  );
  for (let at = 0; at < archive.length; at += chunkSize) {
    const chunk = Uint8Array.from(archive.subarray(at, at + chunkSize));
    decoder.push(chunk);
    chunk.fill(0xee);
  }
  return { ...decoder.finish(), list };
}

/** An async iterable of an archive in chunks of one size, each of which is wiped when the next is asked for. */
export async function* chunksOf(archive: Uint8Array, chunkSize: number): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < archive.length; at += chunkSize) {
    const chunk = Uint8Array.from(archive.subarray(at, at + chunkSize));
    yield chunk;
    chunk.fill(0xee);
  }
}

/** SHA-256 of what a member is when it is unpacked. */
export async function unpackedDigest(member: TarMember & { readonly content: Buffer }): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of expandSparse(member, chunksOf(member.content, 1000))) hash.update(piece);
  return hash.digest('hex');
}

/** Members of an archive as {@link readTarMembers} gives them, with the digests of what they are when unpacked. */
export async function readAll(
  archive: AsyncIterable<Uint8Array>,
): Promise<{ readonly member: TarMember; readonly sha256: string }[]> {
  const list: { member: TarMember; sha256: string }[] = [];
  for await (const { member, content } of readTarMembers(archive)) {
    const hash = createHash('sha256');
    for await (const piece of content()) hash.update(piece);
    list.push({ member, sha256: hash.digest('hex') });
  }
  return list;
}
