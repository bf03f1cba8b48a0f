import type { Digest } from './digest.js';
import { formatDigest } from './digest.js';
import { DigestError } from './digest-error.js';

/** A streaming SHA-256. A new instance is ready for its first byte; any number of instances may be interleaved. */
export interface Sha256 {
  /** Starts again from no input, whatever came before. */
  init(): void;
  /**
   * Takes the next bytes. They are read before it returns: the caller may reuse the array.
   *
   * @throws {DigestError} DIGEST_FINISHED after `digest` without `init`
   */
  update(bytes: Uint8Array): void;
  /**
   * The digest of everything since creation or `init`; the instance is then finished.
   *
   * @throws {DigestError} DIGEST_FINISHED when it was called before without `init`
   */
  digest(): Digest;
}

/** What an engine has to offer for `createSha256`; `start` comes first, `finish` last, and after it only `start`. */
export interface Sha256Core {
  start(): void;
  update(bytes: Uint8Array): void;
  /** The hash as 64 lower-case hexadecimal digits. */
  finish(): string;
}

/**
 * Puts an engine's core behind the one interface.
 *
 * The order of calls is checked here and not in the engines, so that a wrong call fails alike in both.
 */
export function createSha256(core: Sha256Core): Sha256 {
  let finished = false;
  const refuseFinished = (method: string): void => {
    if (finished) {
      throw new DigestError(
        'DIGEST_FINISHED',
        `Cannot ${method} SHA-256: its digest was already taken, and init() must come first`,
        { method },
      );
    }
  };
  core.start();
  return {
    init(): void {
      finished = false;
      core.start();
    },
    update(bytes: Uint8Array): void {
      refuseFinished('update');
      core.update(bytes);
    },
    digest(): Digest {
      refuseFinished('digest');
      finished = true;
      return formatDigest(core.finish());
    },
  };
}
