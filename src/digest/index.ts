export { type Digest, digestHex, formatDigest, parseDigest } from './digest.js';
export { DigestError } from './digest-error.js';
export { type HashEngine, type HashEngineChoice, type HashEngineName, sha256Of } from './hash-engine.js';
export { HASH_ENGINE_CHOICES, loadHashEngine } from './load-hash-engine.js';
export type { Sha256 } from './sha256.js';
