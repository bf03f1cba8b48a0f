import { TarsealError } from '../errors/index.js';

/**
 * What is wrong with the sources of a tree, or with how they are laid together: `SOURCE_MISSING`, `SOURCE_INVALID`,
 * `SOURCE_UNREADABLE`, `SOURCE_CHANGED`, `TREE_CONFLICT`, `PATH_INVALID`, `WHITEOUT_NAME`, `TRANSFORM_INVALID`,
 * `TRANSFORM_UNSUPPORTED`.
 */
export class TreeError extends TarsealError {}
