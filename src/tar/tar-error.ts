import { TarsealError } from '../errors/index.js';

/**
 * What cannot be written as tar: `TAR_FIELD_RANGE`, `TAR_NAME_INVALID`; what cannot be read: `TAR_CHECKSUM`, `TAR_HEADER`,
 * `TAR_PAX`, `TAR_SPARSE`, `TAR_SPARSE_MAP`, `TAR_LIMIT`, `TAR_END`, `TAR_TRUNCATED`,
 * `TAR_MEMBER_PASSED` for content that is asked for too late.
 */
export class TarError extends TarsealError {}
