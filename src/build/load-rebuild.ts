import type { rebuildImage as RebuildImage } from './rebuild-image.js';

/** Builds an image again as its namesake does; who only verifies does not load what builds. */
export const rebuildImage: typeof RebuildImage = async (...args) =>
  (await import('./rebuild-image.js')).rebuildImage(...args);
