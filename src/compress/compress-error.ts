import { TarsealError } from '../errors/index.js';

/**
 * Errors of the compress room: `COMPRESS_CODEC_UNKNOWN`, `COMPRESS_LEVEL_RANGE`, `COMPRESS_BLOCK_SIZE`, `COMPRESS_SYNTAX`,
 * `COMPRESS_FINISHED`, `COMPRESS_MEMORY`; of reading, `GZIP_INVALID` for what is no gzip, `GZIP_CHECKSUM`,
 * `GZIP_TRAILING` for bytes after the last member, `GZIP_TRUNCATED`.
 */
export class CompressError extends TarsealError {}
