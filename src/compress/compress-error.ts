import { TarsealError } from '../errors/index.js';

/** Errors of the compress room: `COMPRESS_CODEC_UNKNOWN`, `COMPRESS_LEVEL_RANGE`, `COMPRESS_BLOCK_SIZE`, `COMPRESS_SYNTAX`, `COMPRESS_FINISHED`. */
export class CompressError extends TarsealError {}
