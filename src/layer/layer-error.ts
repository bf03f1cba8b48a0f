import { TarsealError } from '../errors/index.js';

/** What goes wrong while file contents are read: `SOURCE_CHANGED`, `READ_FAILED`, `CONTENT_SIZE`, `ABORTED`. */
export class LayerError extends TarsealError {}
