import { roundUp } from '../bytes/index.js';
import type { SealedLayer } from '../layer/index.js';
import { trailerSize } from '../tar/index.js';
import { type LayerSource, storedSizeOf } from './layer-source.js';
import { type ImageLayout, OUTER_RECORD_SIZE, outerHeader, unsealedLayers } from './members.js';
import type { AtomicFile } from './output/atomic-file.js';
import { TransportError } from './transport-error.js';

/**
 * Writes an archive into a file that can seek, in one pass: each layer goes to its final offset while it is hashed, and
 * the header that carries its digest as a name comes last, into the space kept for it.
 *
 * @returns the sealed layers and the archive's size in bytes
 */
export async function writeSeekableArchive(
  layout: ImageLayout,
  sources: readonly LayerSource[],
  file: AtomicFile,
): Promise<{ layers: SealedLayer[]; sizeBytes: number }> {
  const layers = unsealedLayers(sources.length);
  const planned = layout.members(layers);
  const offsets: number[] = [];
  let end = 0;
  for (const [index, member] of planned.entries()) {
    offsets.push(end);
    if (member.body.type !== 'layer') {
      // Known in length now, in content when every layer is sealed. After the last layer nothing is a guess any more.
      const body = layout.members(layers)[index]!.body;
      end += memberSize(layout, member.name, body.type === 'file' ? body.bytes.length : 'directory');
      continue;
    }
    const source = sources[member.body.index]!;
    const headerSize = outerHeader(member.name, storedSizeOf(source) ?? source.tarSizeBytes, layout.tar).length;
    let position = end + headerSize;
    const sealed = await source.seal((chunk) => {
      file.writeAt(chunk, position);
      position += chunk.length;
    });
    if (sealed.tarSizeBytes !== source.tarSizeBytes) {
      throw new TransportError(
        'SOURCE_CHANGED',
        `Cannot write layer ${member.body.index + 1}: it was measured as ${source.tarSizeBytes} bytes, and has ${sealed.tarSizeBytes}`,
      );
    }
    layers[member.body.index] = sealed;
    end += memberSize(layout, member.name, sealed.sizeBytes);
  }

  for (const [index, { name, body }] of layout.members(layers).entries()) {
    const size =
      body.type === 'layer' ? layers[body.index]!.sizeBytes : body.type === 'file' ? body.bytes.length : 'directory';
    const header = outerHeader(name, size, layout.tar);
    file.writeAt(header, offsets[index]!);
    if (body.type === 'file') file.writeAt(body.bytes, offsets[index]! + header.length);
  }
  // Padding is where nothing was written: the file reads as zero there, and to its end once that is written.
  const sizeBytes = end + trailerSize(end, OUTER_RECORD_SIZE);
  file.writeAt(new Uint8Array(sizeBytes - end), end);
  return { layers, sizeBytes };
}

function memberSize(layout: ImageLayout, name: Parameters<typeof outerHeader>[0], size: number | 'directory'): number {
  const headerSize = outerHeader(name, size, layout.tar).length;
  return headerSize + (size === 'directory' ? 0 : roundUp(size, 512));
}
