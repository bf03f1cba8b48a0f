import { DigestError } from './digest-error.js';
import type { HashEngine } from './hash-engine.js';
import type { Sha256Core } from './sha256.js';
import { createSha256 } from './sha256.js';

/** The part of `node:crypto` that is used; the portable core compiles without Node's types. */
interface NodeHash {
  update(bytes: Uint8Array): unknown;
  digest(encoding: 'hex'): string;
}
interface NodeCrypto {
  createHash(algorithm: 'sha256'): NodeHash;
}

/**
 * Loads the engine of the runtime, `node:crypto` (Node, Bun, Deno): four times as fast as WASM on processors with SHA
 * instructions. This file is the only place of the portable core that reaches for a `node:` module.
 *
 * @returns undefined where the runtime has no such module or its `createHash` knows no SHA-256
 */
export async function findNativeEngine(): Promise<HashEngine | undefined> {
  let createHash: NodeCrypto['createHash'];
  try {
    // biome-ignore lint/suspicious/noTsIgnore: an error in the portable core's check alone, which knows no Node types
    // @ts-ignore
    const crypto: Partial<NodeCrypto> = await import('node:crypto');
    if (crypto.createHash === undefined) return undefined;
    createHash = crypto.createHash;
    createHash('sha256');
  } catch {
    return undefined;
  }
  const createCore = (): Sha256Core => {
    let hash: NodeHash;
    return {
      start(): void {
        hash = createHash('sha256');
      },
      update(bytes: Uint8Array): void {
        hash.update(bytes);
      },
      finish(): string {
        return hash.digest('hex');
      },
    };
  };
  return { name: 'native', createSha256: () => createSha256(createCore()) };
}

/**
 * Loads the engine of the runtime.
 *
 * @throws {DigestError} DIGEST_ENGINE_UNAVAILABLE where there is none
 */
export async function loadNativeEngine(): Promise<HashEngine> {
  const engine = await findNativeEngine();
  if (engine === undefined) {
    throw new DigestError(
      'DIGEST_ENGINE_UNAVAILABLE',
      'Cannot load hash engine "native": it needs node:crypto with SHA-256, which this runtime has not',
      { engine: 'native' },
    );
  }
  return engine;
}
