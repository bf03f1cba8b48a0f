import type { Digest } from './digest.js';
import type { Sha256 } from './sha256.js';

export type HashEngineName = 'wasm' | 'native';
export type HashEngineChoice = 'auto' | HashEngineName;

/** A loaded implementation of SHA-256. All of them give the same digests; only their speed differs. */
export interface HashEngine {
  readonly name: HashEngineName;
  /** A new instance, ready for its first byte. */
  createSha256(): Sha256;
}

/** The digest of bytes that are all in memory. */
export function sha256Of(engine: HashEngine, bytes: Uint8Array): Digest {
  const sha256 = engine.createSha256();
  sha256.update(bytes);
  return sha256.digest();
}
