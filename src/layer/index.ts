export { type CompressedBlob, compressBlob } from './compressed-blob.js';
export { LayerError, throwIfAborted } from './layer-error.js';
export { type ChunkSink, type FileRegion, type StreamOutput, sinkOf } from './output.js';
export { createSealer, type LayerCompression, type Sealer, type SealerOptions } from './sealer.js';
export type { SealedLayer, SealRequest } from './sealing.js';
