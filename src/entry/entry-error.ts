import { TarsealError } from '../errors/index.js';

/**
 * An attribute, a mode or a pattern that cannot be used; codes `MODE_INVALID`, `ID_INVALID`, `OWNER_INVALID`,
 * `GLOB_INVALID`.
 */
export class EntryError extends TarsealError {}
