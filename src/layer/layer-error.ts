import { TarsealError } from '../errors/index.js';

/** What goes wrong while file contents are read: `SOURCE_CHANGED`, `SOURCE_UNREADABLE`, `ABORTED`. */
export class LayerError extends TarsealError {}
