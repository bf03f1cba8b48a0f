export { LayerError } from './layer-error.js';
export { type ChunkSink, type PackOptions, packEntries, throwIfAborted } from './pack.js';
export { CompressedBlob, type LayerCompression, type SealedLayer, type SealOptions, sealLayer } from './seal.js';
