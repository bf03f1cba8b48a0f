import { displayText } from '../../bytes/index.js';
import { CompressError } from '../../compress/index.js';
import type { Digest } from '../../digest/index.js';
import type { ErrorData } from '../../errors/index.js';
import { OciError } from '../../oci/index.js';
import { TarError } from '../../tar/index.js';
import { TransportError } from '../transport-error.js';

export type BaseErrorCode =
  | 'BASE_MISSING'
  | 'BASE_INVALID'
  | 'BASE_DIGEST'
  | 'BASE_UNSUPPORTED'
  | 'BASE_AMBIGUOUS'
  | 'BASE_PLATFORM';

/** Makes the error of one base image, whose name is in every message. */
export type BaseFailure = (code: BaseErrorCode, what: string, data?: ErrorData, cause?: unknown) => TransportError;

/** @param shown how messages name the image */
export function baseFailureOf(shown: string): BaseFailure {
  return (code, what, data = {}, cause) =>
    new TransportError(
      code,
      `Cannot read base image ${quote(shown)}: ${what}`,
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
export function explainError(error: unknown, subject: string, fail: BaseFailure): unknown {
  if (!(error instanceof TarError || error instanceof CompressError || error instanceof OciError)) return error;
  const code = UNSUPPORTED.includes(error.code) ? 'BASE_UNSUPPORTED' : 'BASE_INVALID';
  return fail(code, `${subject}: ${error.message}`, error.data, error);
}

/** Runs `work`, whose errors are those of `subject`. */
export function explained<T>(subject: string, fail: BaseFailure, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explainError(error, subject, fail);
  }
}

/** @throws {TransportError} BASE_DIGEST */
export function requireDigest(subject: string, expected: Digest, found: Digest, fail: BaseFailure): void {
  if (found === expected) return;
  throw fail('BASE_DIGEST', `the digest of ${subject} must be ${expected}, and is ${found}`, { expected, found });
}
