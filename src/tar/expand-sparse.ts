import type { TarMember } from './tar-member.js';

const PIECE_SIZE = 1 << 16;

/**
 * The content of a member as it is when unpacked: between the regions of a sparse file, zeros. They are made as they are
 * asked for, in pieces of 64 KiB; a header of some bytes can ask for petabytes, so look at `realSizeBytes` before.
 *
 * @param content of the member as it is stored, all of it
 * @returns pieces, each lent until the next is asked for; none is to be written to
 */
export async function* expandSparse(
  { sparse, realSizeBytes }: Pick<TarMember, 'sparse' | 'realSizeBytes'>,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  if (sparse === undefined) {
    yield* content;
    return;
  }
  const zeros = new Uint8Array(Math.min(PIECE_SIZE, realSizeBytes));
  let at = 0;
  function* holeUpTo(end: number): Generator<Uint8Array, void, void> {
    while (at < end) {
      const piece = zeros.subarray(0, end - at);
      at += piece.length;
      yield piece;
    }
  }
  const regions = sparse.regions.values();
  let regionLeft = 0;
  for await (const piece of content) {
    for (let rest = piece; rest.length > 0; ) {
      while (regionLeft === 0) {
        const { offset = at, sizeBytes = rest.length } = regions.next().value ?? {};
        yield* holeUpTo(offset);
        regionLeft = sizeBytes;
      }
      const part = rest.subarray(0, regionLeft);
      at += part.length;
      regionLeft -= part.length;
      rest = rest.subarray(part.length);
      yield part;
    }
  }
  yield* holeUpTo(realSizeBytes);
}
