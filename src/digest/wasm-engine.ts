import { DigestError } from './digest-error.js';
import type { HashEngine } from './hash-engine.js';
import type { Sha256Core } from './sha256.js';
import { createSha256 } from './sha256.js';
import type { Hasher } from './simd-sha256.js';

/**
 * Loads the engine that runs wherever WebAssembly does: our own hasher, or hash-wasm's where there are no vectors.
 *
 * A hasher is created asynchronously, and each has a WASM memory of its own. So there is one hasher, and the instances
 * take turns: the state of one (some 100 bytes, its partial block included) is saved when another goes on. Input that
 * comes from one instance after the other, as layers do, costs no swap at all.
 *
 * @throws {DigestError} DIGEST_ENGINE_UNAVAILABLE where there is no WebAssembly
 */
export async function loadWasmEngine(): Promise<HashEngine> {
  if ((globalThis as { WebAssembly?: unknown }).WebAssembly === undefined) {
    throw new DigestError(
      'DIGEST_ENGINE_UNAVAILABLE',
      'Cannot load hash engine "wasm": it needs WebAssembly, which this runtime has not',
      { engine: 'wasm' },
    );
  }
  const { createSimdSha256 } = await import('./simd-sha256.js');
  const hasher: Hasher = (await createSimdSha256()) ?? (await (await import('hash-wasm')).createSHA256());

  /** The instance whose state is in the hasher; of finished ones there is no state. */
  let active: { saved: Uint8Array | undefined } | undefined;

  const createCore = (): Sha256Core => {
    const self: { saved: Uint8Array | undefined } = { saved: undefined };
    const park = (): void => {
      if (active !== undefined && active !== self) active.saved = hasher.save();
    };
    const activate = (): void => {
      if (active === self) return;
      park();
      // An instance that is not active was parked by another one's turn.
      if (self.saved !== undefined) hasher.load(self.saved);
      active = self;
    };
    return {
      start(): void {
        park();
        hasher.init();
        active = self;
      },
      update(bytes: Uint8Array): void {
        activate();
        hasher.update(bytes);
      },
      finish(): string {
        activate();
        active = undefined;
        return hasher.digest();
      },
    };
  };

  return { name: 'wasm', createSha256: () => createSha256(createCore()) };
}
