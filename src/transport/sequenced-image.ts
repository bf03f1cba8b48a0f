import type { LayerSequence, LayerSource } from './layer-source.js';
import { type ImageLayout, SURE_OF_ONE_BLOCK } from './members.js';
import { writeAtomically } from './output/atomic-file.js';
import type { FileTarget } from './output/target.js';
import { writeSequencedArchive } from './seekable-archive.js';
import type { WrittenImage } from './write-image.js';

/**
 * Writes an image, not compressed, whose layers are those of a base image and behind them a sequence's.
 *
 * @throws {TransportError} OUTPUT_INVALID, OUTPUT_FAILED; what sealing throws, {LayerError} ARCHIVE_SIZE for a layer that
 *   `writeImage` has more room for; nothing partial is left behind
 */
export function writeSequencedImage(
  target: FileTarget,
  layout: ImageLayout,
  base: readonly LayerSource[],
  sequence: LayerSequence,
): Promise<WrittenImage> {
  return writeAtomically(target, (file) => writeSequencedArchive(layout, base, sequence, SURE_OF_ONE_BLOCK, file));
}
