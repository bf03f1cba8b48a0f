import type { HashEngine } from '../digest/index.js';
import type { WrittenImage } from '../transport/index.js';
import type { ImageAssembly } from './image-assembly.js';
import type { PlannedLayer } from './layering.js';
import type { PreparedBuild } from './prepare-build.js';
import type { BuildContext } from './spec.js';

/** An image to be written. */
export interface BuildRequest {
  readonly build: PreparedBuild;
  readonly engine: HashEngine;
  readonly context: BuildContext;
  /** The most threads. */
  readonly jobs: number;
}

/** What was written. */
export interface WrittenBuild {
  readonly assembly: ImageAssembly;
  /** Those above the base's. */
  readonly layers: readonly Pick<PlannedLayer, 'items'>[];
  readonly written: WrittenImage;
}

/**
 * Adds up what is packed of layers.
 *
 * @param sizes of all of them in bytes; where nobody knows them, the total is without end
 */
export function progressOf(
  { onProgress }: BuildContext,
  sizes: readonly number[] | undefined,
): ((sizeBytes: number) => void) | undefined {
  if (onProgress === undefined) return undefined;
  const total = sizes?.reduce((sum, size) => sum + size, 0) ?? Infinity;
  let done = 0;
  return (sizeBytes) => {
    done += sizeBytes;
    onProgress(Math.min(done, total), total);
  };
}
