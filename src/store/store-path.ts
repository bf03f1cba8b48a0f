import { type ByteString, baseName } from '../bytes/index.js';

/** A base name in its two parts. */
export interface StorePathName {
  /** 32 characters in base 32; `undefined` for a name without. */
  readonly hash: string | undefined;
  readonly name: ByteString;
}

/** `HASH-`; the alphabet of Nix and Guix leaves out e, o, t and u. */
const HASH_AND_DASH = /^[0-9a-df-np-sv-z]{32}-/;
const HASH_LENGTH = 32;

/** The base name of a path as hash and name; where it is not `HASH-NAME`, all of it is the name. */
export function storePathName(path: ByteString): StorePathName {
  const base = baseName(path);
  return HASH_AND_DASH.test(base) && base.length > HASH_LENGTH + 1
    ? { hash: base.slice(0, HASH_LENGTH), name: base.slice(HASH_LENGTH + 1) as ByteString }
    : { hash: undefined, name: base };
}

/** The 32 characters of a hash that the base name begins with, where it is `HASH-NAME`. */
export function hashPartOf(path: ByteString): string | undefined {
  return storePathName(path).hash;
}

/**
 * Splits a name such as `hello-2.10` as Nix's `builtins.parseDrvName` does: a version begins after the first dash that
 * something other than an ASCII letter follows.
 */
export function splitNameAndVersion(name: ByteString): {
  readonly name: ByteString;
  readonly version: ByteString | undefined;
} {
  const dash = name.search(/-[^A-Za-z]/);
  return dash < 0
    ? { name, version: undefined }
    : { name: name.slice(0, dash) as ByteString, version: name.slice(dash + 1) as ByteString };
}
