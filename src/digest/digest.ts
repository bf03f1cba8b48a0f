import { displayText } from '../bytes/index.js';
import { DigestError } from './digest-error.js';

declare const digestBrand: unique symbol;

/** A SHA-256 digest as the specifications write it: `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = `sha256:${string}` & { readonly [digestBrand]: true };

const PREFIX = 'sha256:';
const HEX = /^[0-9a-f]{64}$/;

/**
 * Writes a digest from its value.
 *
 * @param value 32 bytes, or the same as 64 lower-case hexadecimal digits
 * @throws {DigestError} DIGEST_INVALID when it is neither
 */
export function formatDigest(value: Uint8Array | string): Digest {
  const hex = typeof value === 'string' ? value : hexOf(value);
  if (!HEX.test(hex)) {
    throw new DigestError(
      'DIGEST_INVALID',
      `Cannot format digest: the value must be 32 bytes or 64 lower-case hexadecimal digits, and is "${shown(hex)}"`,
      { value: hex },
    );
  }
  return `${PREFIX}${hex}` as Digest;
}

/**
 * Reads a digest. Only SHA-256 is known, and only lower case: the specifications give one spelling to one digest.
 *
 * @throws {DigestError} DIGEST_INVALID when `text` is not `sha256:` and 64 lower-case hexadecimal digits
 */
export function parseDigest(text: string): Digest {
  if (!text.startsWith(PREFIX) || !HEX.test(text.slice(PREFIX.length))) {
    throw new DigestError(
      'DIGEST_INVALID',
      `Cannot parse digest: it must be "sha256:" and 64 lower-case hexadecimal digits, and is "${shown(text)}"`,
      { value: text },
    );
  }
  return text as Digest;
}

/** The 64 hexadecimal digits of a digest, as they name a blob. */
export function digestHex(digest: Digest): string {
  return digest.slice(PREFIX.length);
}

function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

function shown(text: string): string {
  return displayText(text);
}
