import { TarsealError } from '../errors/index.js';

/** What cannot be written as tar: `TAR_FIELD_RANGE`, `TAR_NAME_INVALID`. */
export class TarError extends TarsealError {}
