import { type ByteString, displayName } from '../bytes/index.js';
import { TreeError } from './tree-error.js';

/** Renames members; the result is empty for a member that goes. */
export type PathTransform = (path: ByteString) => ByteString;

export interface PrefixReplacement {
  readonly from: ByteString;
  readonly to: ByteString;
}

/**
 * Parses `OLD=NEW`, at the first `=`.
 *
 * @throws {TreeError} TRANSFORM_INVALID without a `=` or with an empty OLD
 */
export function parsePrefixReplacement(text: ByteString): PrefixReplacement {
  const separator = text.indexOf('=');
  const from = stripLeadingSlashes(text.slice(0, Math.max(separator, 0)));
  if (separator < 0 || from === '') {
    throw new TreeError(
      'TRANSFORM_INVALID',
      `Cannot use --transform "${displayName(text)}": it must be OLD=NEW with an OLD of at least one byte after its slashes`,
      {
        value: text,
      },
    );
  }
  return { from, to: stripLeadingSlashes(text.slice(separator + 1)) };
}

/**
 * Every replacement in turn, on names that begin with `from` byte for byte (`/a` also hits `/ab`), then without
 * leading slashes: what Guix's `s/^OLD/NEW/` expressions do. Link targets are not names and stay.
 */
export function prefixTransform(replacements: readonly PrefixReplacement[]): PathTransform {
  if (replacements.length === 0) return (path) => path;
  return (path) => {
    let result: string = path;
    for (const { from, to } of replacements) {
      if (result.startsWith(from)) result = to + result.slice(from.length);
    }
    return stripLeadingSlashes(result);
  };
}

function stripLeadingSlashes(path: string): ByteString {
  return path.replace(/^\/+/, '') as ByteString;
}
