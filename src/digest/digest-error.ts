import { TarsealError } from '../errors/index.js';

/** Errors of the digest room: `DIGEST_INVALID`, `DIGEST_FINISHED`, `DIGEST_ENGINE_UNAVAILABLE`, `DIGEST_ENGINE_UNKNOWN`. */
export class DigestError extends TarsealError {}
