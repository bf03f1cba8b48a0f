import { type CompareOptions, type Comparison, compareImages } from './compare/compare-images.js';
import type { GivenImage } from './read-options.js';

/**
 * Says where two images or tars are not the same, from the image down to layer, member, field and byte.
 *
 * @throws {TransportError} IMAGE_MISSING, IMAGE_INVALID where one cannot be opened, SPOOL_MISSING; {LayerError} ABORTED
 */
export function diffImages(a: GivenImage, b: GivenImage, options: CompareOptions = {}): Promise<Comparison> {
  return compareImages(a, b, options);
}
