import type { Digest } from '../digest/index.js';
import { type Descriptor, formatTime, type HistoryEntry } from '../oci/index.js';
import { ImageError } from './image-error.js';

/** A sealed layer as an image needs it. */
export interface ImageLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Media type, digest and size of the layer as it is stored. */
  readonly descriptor: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;
  readonly history: {
    /** What made the layer. */
    readonly createdBy: string;
    /** What is in it. */
    readonly comment?: string;
  };
}

/** The image that ours stands on: its layers come first, its history is kept as it is. */
export interface ImageBase {
  readonly layers: readonly Pick<ImageLayer, 'diffId' | 'descriptor'>[];
  /** One entry per layer besides those with `empty_layer`. */
  readonly history: readonly HistoryEntry[];
}

/** What Docker loads: it refuses above 125 (127 less 2). */
export const MAX_IMAGE_LAYERS = 125;

/**
 * Checks the number of layers; one that occurs twice counts twice.
 *
 * @throws {ImageError} IMAGE_TOO_MANY_LAYERS
 */
export function requireLayerCount(count: number): void {
  if (count > MAX_IMAGE_LAYERS) {
    throw new ImageError(
      'IMAGE_TOO_MANY_LAYERS',
      `Cannot assemble image: it must have at most ${MAX_IMAGE_LAYERS} layers, and has ${count}`,
      { value: count, limit: MAX_IMAGE_LAYERS },
    );
  }
}

/**
 * One history entry per layer, in their order: a count that differs from that of the layers makes consumers refuse
 * the image or show the wrong layer's history.
 */
export function layerHistory(layers: readonly Pick<ImageLayer, 'history'>[], createdSeconds: number): HistoryEntry[] {
  const created = formatTime(createdSeconds);
  return layers.map(({ history: { createdBy, comment } }) => ({
    created,
    created_by: createdBy,
    ...(comment ? { comment } : {}),
  }));
}
