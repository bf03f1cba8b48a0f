import { TarsealError } from '../errors/index.js';

/** Errors of the image room: `IMAGE_TOO_MANY_LAYERS`. */
export class ImageError extends TarsealError {}
