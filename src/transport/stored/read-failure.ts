import { displayText } from '../../bytes/index.js';
import { CompressError } from '../../compress/index.js';
import type { Digest } from '../../digest/index.js';
import type { ErrorData } from '../../errors/index.js';
import { OciError } from '../../oci/index.js';
import { TarError } from '../../tar/index.js';
import { TransportError } from '../transport-error.js';

/** What is wrong with what is read; the code of an error has what it is of before it: `BASE_INVALID`. */
export type ReadFailureKind = 'MISSING' | 'INVALID' | 'DIGEST' | 'UNSUPPORTED' | 'AMBIGUOUS' | 'PLATFORM';

/** Makes the error of one image, whose name is in every message. */
export type ReadFailure = (kind: ReadFailureKind, what: string, data?: ErrorData, cause?: unknown) => TransportError;

/**
 * @param prefix of the codes
 * @param subject what messages call it, e.g. `base image`
 * @param shown how messages name it
 */
export function readFailureOf(prefix: 'BASE' | 'IMAGE', subject: string, shown: string): ReadFailure {
  return (kind, what, data = {}, cause) =>
    new TransportError(
      `${prefix}_${kind}`,
      `Cannot read ${subject} ${quote(shown)}: ${what}`,
      { image: shown, ...data },
      cause === undefined ? {} : { cause },
    );
}

/** Text of the image as messages show it, cut where it is long: a document of it may be one name of megabytes. */
export function shortText(text: string): string {
  const limit = 300;
  return displayText(text.length > limit ? `${text.slice(0, limit)}…` : text);
}

export function quote(text: string): string {
  return `"${shortText(text)}"`;
}

const UNSUPPORTED: readonly string[] = ['TAR_SPARSE', 'OCI_UNSUPPORTED'];

/** An error of the rooms that decode, as one of the image; any other error as it is. */
export function explainError(error: unknown, subject: string, fail: ReadFailure): unknown {
  if (!(error instanceof TarError || error instanceof CompressError || error instanceof OciError)) return error;
  const code = UNSUPPORTED.includes(error.code) ? 'UNSUPPORTED' : 'INVALID';
  return fail(code, `${subject}: ${error.message}`, error.data, error);
}

/** Runs `work`, whose errors are those of `subject`. */
export function explained<T>(subject: string, fail: ReadFailure, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explainError(error, subject, fail);
  }
}

/** @throws {TransportError} DIGEST */
export function requireDigest(subject: string, expected: Digest, found: Digest, fail: ReadFailure): void {
  if (found === expected) return;
  throw fail('DIGEST', `the digest of ${subject} must be ${expected}, and is ${found}`, { expected, found });
}
