import { displayName, encodeUtf8 } from '../bytes/index.js';
import { DigestError } from './digest-error.js';
import type { HashEngine, HashEngineChoice } from './hash-engine.js';
import { findNativeEngine, loadNativeEngine } from './native-engine.js';

/** What may be chosen, in the order in which help and messages list it. */
export const HASH_ENGINE_CHOICES: readonly HashEngineChoice[] = ['auto', 'wasm', 'native'];

const loadWasmEngine = async (): Promise<HashEngine> => (await import('./wasm-engine.js')).loadWasmEngine();

/**
 * Loads a hash engine; the code of one that is not chosen is never loaded.
 *
 * @param choice `auto` takes `native` where the runtime has it, else `wasm`
 * @throws {DigestError} DIGEST_ENGINE_UNAVAILABLE when the runtime lacks what the engine needs,
 *   DIGEST_ENGINE_UNKNOWN for any other choice
 */
export async function loadHashEngine(choice: HashEngineChoice): Promise<HashEngine> {
  switch (choice) {
    case 'auto':
      return (await findNativeEngine()) ?? loadWasmEngine();
    case 'native':
      return loadNativeEngine();
    case 'wasm':
      return loadWasmEngine();
    default:
      throw new DigestError(
        'DIGEST_ENGINE_UNKNOWN',
        `Cannot load hash engine: it must be one of ${HASH_ENGINE_CHOICES.join(', ')}, and is "${displayName(encodeUtf8(String(choice)))}"`,
        { value: choice, limit: HASH_ENGINE_CHOICES },
      );
  }
}
