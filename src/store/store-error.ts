import { TarsealError } from '../errors/index.js';

/**
 * Errors of the store room: `GRAPH_SYNTAX`, `GRAPH_PATH_INVALID`, `GRAPH_REFERENCE_ABSENT`, `GRAPH_DUPLICATE`,
 * `GRAPH_CYCLE`, `GRAPH_PATH_ABSENT`.
 */
export class StoreError extends TarsealError {}
