import { TarsealError } from '../errors/index.js';

/** What is wrong with the sources of a tree, or with how they are laid together. */
export class TreeError extends TarsealError {}
