export { type BlockCompressor, createBlockCompressor } from './block-compressor.js';
export { CODEC_NAMES, loadCodec } from './codecs.js';
export { CompressError } from './compress-error.js';
export { type Compression, parseCompression } from './compression.js';
export { decompress } from './decompress.js';
export { createGunzip, type Gunzip, type GunzipOptions } from './gunzip.js';
export { type CodecName, checkLevel, type GzipCodec } from './gzip-codec.js';
export type { GzipHeader } from './gzip-header.js';
