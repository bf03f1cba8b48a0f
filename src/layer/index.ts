// Three ways to work on threads, each with its own shared memory, over one pool (worker-pool.ts):
//
// - seal-stream.ts: archives, one behind the other, that go to a file as they are. Members are named in batches; sizes come
//   from the open files.
// - sealer.ts: layers whose places must be known, and whatever is compressed. Slabs are laid out before they are filled.
// - look-ahead.ts: looks at files while a walk goes on, before layers are planned.
//
// stream-memory.ts, slab-ring.ts and look-memory.ts say who owns what, and who wakes whom.

export { type BlobOptions, type CompressedBlob, compressBlob } from './compressed-blob.js';
export { closeQuietly } from './content.js';
export { LayerError, throwIfAborted } from './layer-error.js';
export { createLookAhead } from './look-ahead.js';
export { nextTurn } from './next-turn.js';
export { type ChunkSink, type FileRegion, type StreamOutput, sinkOf, writeFullyAt } from './output.js';
export { modeByRule, type StreamRules } from './read-batch.js';
export { type StreamMember, type StreamMembers, type StreamRequest, sealStream } from './seal-stream.js';
export { createSealer, type Sealer, type SealerOptions } from './sealer.js';
export type { SealedLayer, SealRequest } from './sealing.js';
export { type CrewOptions, enoughWork, type LayerCompression } from './slab-crew.js';
