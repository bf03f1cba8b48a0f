import { TarsealError } from '../errors/index.js';

/**
 * What is wrong with an output: `OUTPUT_INVALID` before anything is read, `OUTPUT_FAILED` when writing fails,
 * `SOURCE_CHANGED` when a second read of the sources gives other bytes, `SPOOL_MISSING` when something compressed must
 * be stored and no temporary directory was given. And with a base image: `BASE_MISSING` for a file or a name that is
 * not there, `BASE_INVALID` for what is no image or too large, `BASE_DIGEST` for content that is not what its digest
 * says, `BASE_UNSUPPORTED`, `BASE_AMBIGUOUS` for several images, `BASE_PLATFORM`. With an image that is read back:
 * `IMAGE_MISSING`, `IMAGE_INVALID` where it cannot be opened.
 */
export class TransportError extends TarsealError {}
