import { TarsealError } from '../errors/index.js';

/**
 * What is wrong with an output: `OUTPUT_INVALID` before anything is read, `OUTPUT_FAILED` when writing fails,
 * `SOURCE_CHANGED` when a second read of the sources gives other bytes, `SPOOL_MISSING` when compressed layers go to a
 * stream and no temporary directory was given.
 */
export class TransportError extends TarsealError {}
