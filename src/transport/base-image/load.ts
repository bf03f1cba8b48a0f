import type { ByteString } from '../../bytes/index.js';
import type { BaseImage, BaseImageOptions } from './read-base-image.js';

/** Reads an image as its namesake does, whose code, a third of all, a build without a base image does not load. */
export async function readBaseImage(path: ByteString, options: BaseImageOptions): Promise<BaseImage> {
  return (await import('./read-base-image.js')).readBaseImage(path, options);
}
