export { type BlobOptions, type CompressedBlob, compressBlob } from './compressed-blob.js';
export { LayerError, throwIfAborted } from './layer-error.js';
export { createLookAhead } from './look-ahead.js';
export { type ChunkSink, type FileRegion, type StreamOutput, sinkOf } from './output.js';
export { type StreamMember, type StreamRequest, sealStream } from './seal-stream.js';
export { createSealer, type Sealer, type SealerOptions } from './sealer.js';
export type { SealedLayer, SealRequest } from './sealing.js';
export { type CrewOptions, enoughWork, type LayerCompression } from './slab-crew.js';
