import { roundUp } from '../bytes/index.js';
import type { ChunkSink, SealedLayer } from '../layer/index.js';
import { trailerSize } from '../tar/index.js';
import { type LayerSource, storedSizeOf } from './layer-source.js';
import { type ImageLayout, type ImageMember, OUTER_RECORD_SIZE, outerHeader, UNSEALED_LAYER } from './members.js';
import type { AtomicFile } from './output/atomic-file.js';
import { TransportError } from './transport-error.js';

/**
 * Writes an archive into a file that can seek, in one pass: each layer goes to its final offset while it is hashed,
 * several at once where their sizes are known, and the header that carries its digest as a name comes last, into the
 * space kept for it.
 *
 * @returns the sealed layers and the archive's size in bytes
 */
export async function writeSeekableArchive(
  layout: ImageLayout,
  sources: readonly LayerSource[],
  file: AtomicFile,
): Promise<{ layers: SealedLayer[]; sizeBytes: number }> {
  const planned = layout.members(sources.map(expectedLayer));
  const pending: Promise<SealedLayer>[] = [];
  let starts: (number | Promise<number>)[];
  try {
    starts = sealInPlace(layout, sources, planned, file, pending);
  } finally {
    // Whatever happens, the file is not closed under a layer that is being written.
    await Promise.allSettled(pending);
  }
  const layers = await Promise.all(pending);
  for (const [index, { tarSizeBytes }] of layers.entries()) {
    const expected = sources[index]!.tarSizeBytes;
    if (tarSizeBytes === expected) continue;
    throw new TransportError(
      'SOURCE_CHANGED',
      `Cannot write layer ${index + 1}: it was measured as ${expected} bytes, and has ${tarSizeBytes}`,
    );
  }

  let end = 0;
  for (const [index, { name, body }] of layout.members(layers).entries()) {
    // After the last layer nothing is a guess any more.
    const start = await (starts[index] ?? end);
    const size = body.type === 'layer' ? layers[body.index]!.sizeBytes : sizeOf(body);
    const header = outerHeader(name, size, layout.tar);
    file.writeAt(header, start);
    if (body.type === 'file') file.writeAt(body.bytes, start + header.length);
    end = start + memberSize(layout, name, size);
  }
  // Padding is where nothing was written: the file reads as zero there, and to its end once that is written.
  const sizeBytes = end + trailerSize(end, OUTER_RECORD_SIZE);
  file.writeAt(new Uint8Array(sizeBytes - end), end);
  return { layers, sizeBytes };
}

/**
 * Asks for every layer, to be written to its place.
 *
 * @param pending takes the layers' promises
 * @returns where each member up to the last layer and the one after it begins; after a compressed layer that is known
 *   when it is sealed
 */
function sealInPlace(
  layout: ImageLayout,
  sources: readonly LayerSource[],
  planned: readonly ImageMember[],
  file: AtomicFile,
  pending: Promise<SealedLayer>[],
): (number | Promise<number>)[] {
  const lastLayer = planned.findLastIndex(({ body }) => body.type === 'layer');
  const starts: (number | Promise<number>)[] = [0];
  for (const { name, body } of planned.slice(0, lastLayer + 1)) {
    const start = starts.at(-1)!;
    if (body.type !== 'layer') {
      const size = memberSize(layout, name, sizeOf(body));
      starts.push(typeof start === 'number' ? start + size : endOf(start, start, () => size));
      continue;
    }
    const source = sources[body.index]!;
    const storedSize = storedSizeOf(source);
    const headerSize = outerHeader(name, storedSize ?? source.tarSizeBytes, layout.tar).length;
    const sealed = source.seal(
      typeof start === 'number' ? file.region(start + headerSize) : writerAt(file, start, headerSize),
    );
    pending[body.index] = sealed;
    starts.push(
      typeof start === 'number' && storedSize !== undefined
        ? start + memberSize(layout, name, storedSize)
        : endOf(start, sealed, ({ sizeBytes }) => memberSize(layout, name, sizeBytes)),
    );
  }
  return starts;
}

/** What is known of a layer before it is sealed: as much as decides the length of anything that stands before it. */
function expectedLayer(source: LayerSource): SealedLayer {
  return { ...UNSEALED_LAYER, tarSizeBytes: source.tarSizeBytes, sizeBytes: storedSizeOf(source) ?? 0 };
}

/** Takes a stream that begins so many bytes after a place that will be known by the time its turn comes. */
function writerAt(file: AtomicFile, start: Promise<number>, headerSize: number): ChunkSink {
  let position: number | undefined;
  return async (chunk) => {
    position ??= (await start) + headerSize;
    file.writeAt(chunk, position);
    position += chunk.length;
  };
}

/** The end of a member. It fails where the layers do, who say so themselves. */
function endOf<T>(
  start: number | Promise<number>,
  member: Promise<T>,
  sizeOfIt: (member: T) => number,
): Promise<number> {
  const end = Promise.all([start, member]).then(([begin, settled]) => begin + sizeOfIt(settled));
  end.catch(() => {});
  return end;
}

function sizeOf(body: Exclude<ImageMember['body'], { type: 'layer' }>): number | 'directory' {
  return body.type === 'file' ? body.bytes.length : 'directory';
}

function memberSize(layout: ImageLayout, name: Parameters<typeof outerHeader>[0], size: number | 'directory'): number {
  const headerSize = outerHeader(name, size, layout.tar).length;
  return headerSize + (size === 'directory' ? 0 : roundUp(size, 512));
}
