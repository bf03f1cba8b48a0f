import { TarsealError } from '../errors/index.js';

/** What is wrong with a build's specification: `SPEC_INVALID`, `SPEC_KEY`, `SPEC_CONFLICT`, `SPEC_FILE`. */
export class BuildError extends TarsealError {}
