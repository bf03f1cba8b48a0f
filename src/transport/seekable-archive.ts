import { roundUp } from '../bytes/index.js';
import type { ChunkSink, SealedLayer } from '../layer/index.js';
import { trailerSize } from '../tar/index.js';
import { type LayerSequence, type LayerSource, storedSizeOf } from './layer-source.js';
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
  const { layers } = await sealInPlace(layout, sources, layout.members(sources.map(expectedLayer)), file);
  for (const [index, { tarSizeBytes }] of layers.entries()) {
    const expected = sources[index]!.tarSizeBytes;
    if (tarSizeBytes === expected) continue;
    throw new TransportError(
      'SOURCE_CHANGED',
      `Cannot write layer ${index + 1}: it was measured as ${expected} bytes, and has ${tarSizeBytes}`,
    );
  }
  return { layers, sizeBytes: writeAroundLayers(layout, layers, file) };
}

/**
 * Writes an archive as {@link writeSeekableArchive} does, its layers those of a base image and behind them a sequence's.
 *
 * @param mostBytes of a layer of the sequence, so that its header has the length that is kept for it
 */
export async function writeSequencedArchive(
  layout: ImageLayout,
  base: readonly LayerSource[],
  sequence: LayerSequence,
  mostBytes: number,
  file: AtomicFile,
): Promise<{ layers: SealedLayer[]; sizeBytes: number }> {
  const unsealed = Array.from({ length: sequence.layers }, () => UNSEALED_LAYER);
  const planned = layout.members([...base.map(expectedLayer), ...unsealed]);
  const first = planned.findIndex(({ body }) => body.type === 'layer' && body.index === base.length);
  const { layers: below, end } = await sealInPlace(layout, base, planned.slice(0, first), file);
  const headerSizes = planned
    .slice(first, first + sequence.layers)
    .map(({ name, body }) => (body.type === 'layer' ? outerHeader(name, mostBytes, layout.tar).length : NaN));
  const gapBytes = headerSizes[0]!;
  if (headerSizes.some((size) => size !== gapBytes))
    throw new TypeError('only headers stand between layers in sequence');
  const layers = [...below, ...(await sequence.seal(file.region(end + gapBytes), { gapBytes, mostBytes }))];
  return { layers, sizeBytes: writeAroundLayers(layout, layers, file) };
}

/**
 * Asks for every layer, to be written to its place; after a compressed layer that is known when it is sealed.
 *
 * @param planned members up to the last of these layers, or behind it
 * @returns the layers, and where what stands behind these members begins
 */
async function sealInPlace(
  layout: ImageLayout,
  sources: readonly LayerSource[],
  planned: readonly ImageMember[],
  file: AtomicFile,
): Promise<{ layers: SealedLayer[]; end: number }> {
  const pending: Promise<SealedLayer>[] = [];
  let start: number | Promise<number> = 0;
  try {
    for (const { name, body } of planned) {
      if (body.type !== 'layer') {
        const size = memberSize(layout, name, sizeOf(body));
        start = typeof start === 'number' ? start + size : endOf(start, start, () => size);
        continue;
      }
      const source = sources[body.index]!;
      const storedSize = storedSizeOf(source);
      const headerSize = outerHeader(name, storedSize ?? source.tarSizeBytes, layout.tar).length;
      const sealed = source.seal(
        typeof start === 'number' ? file.region(start + headerSize) : writerAt(file, start, headerSize),
      );
      pending[body.index] = sealed;
      start =
        typeof start === 'number' && storedSize !== undefined
          ? start + memberSize(layout, name, storedSize)
          : endOf(start, sealed, ({ sizeBytes }) => memberSize(layout, name, sizeBytes));
    }
  } finally {
    // Whatever happens, the file is not closed under a layer that is being written.
    await Promise.allSettled(pending);
  }
  return { layers: await Promise.all(pending), end: await start };
}

/**
 * Writes all of an archive that is no layer, when nothing is a guess any more.
 *
 * @returns the archive's size in bytes
 */
function writeAroundLayers(layout: ImageLayout, layers: readonly SealedLayer[], file: AtomicFile): number {
  let end = 0;
  for (const { name, body } of layout.members(layers)) {
    const size = body.type === 'layer' ? layers[body.index]!.sizeBytes : sizeOf(body);
    const header = outerHeader(name, size, layout.tar);
    file.writeAt(header, end);
    if (body.type === 'file') file.writeAt(body.bytes, end + header.length);
    end += memberSize(layout, name, size);
  }
  // Padding is where nothing was written: the file reads as zero there, and to its end once that is written.
  const sizeBytes = end + trailerSize(end, OUTER_RECORD_SIZE);
  file.writeAt(new Uint8Array(sizeBytes - end), end);
  return sizeBytes;
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
