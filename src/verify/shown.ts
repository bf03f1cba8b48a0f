import { type ByteString, displayName } from '../bytes/index.js';

/** Longer names are cut: one may have a megabyte. */
const MAX_SIZE = 300;

/** A name of bytes as messages show it. */
export function shown(name: string): string {
  return displayName(name.slice(0, MAX_SIZE) as ByteString);
}
