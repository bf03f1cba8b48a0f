import type { ByteString } from '../bytes/index.js';
import { pythonText } from './python-text.js';

const SLASH = 0x2f;

/**
 * Compares paths as GNU tar's `--sort=name` lists a tree: byte order of names in each directory, a directory followed
 * by what is in it. Plain byte order of whole paths would put `foo-bar` and `foo.txt` between `foo` and `foo/a`; here a
 * slash stands below every byte of a name.
 */
export function compareInArchiveOrder(a: ByteString, b: ByteString): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x === SLASH ? -1 : y === SLASH ? 1 : x - y;
  }
  return a.length - b.length;
}

/** Sorts in GNU tar's name order, by the path of each value; the input stays as it is. */
export function sortInArchiveOrder<T>(values: Iterable<T>, pathOf: (value: T) => ByteString): T[] {
  // No keys are made to sort by: a tree that was walked is in order already, and keys would be a third of its memory.
  return Array.from(values).sort((a, b) => compareInArchiveOrder(pathOf(a), pathOf(b)));
}

/**
 * Sorts as Python orders `pathlib` paths: by components, and these by the code points of Python's strings. That is not
 * byte order where a name is not UTF-8: U+00E4 (C3 A4) is before the byte 80, which Python has as U+DC80.
 */
export function sortInPythonOrder<T>(values: Iterable<T>, pathOf: (value: T) => ByteString): T[] {
  return sortInArchiveOrder(values, (value) => pythonText(pathOf(value)));
}
