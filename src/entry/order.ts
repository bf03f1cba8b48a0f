import type { ByteString } from '../bytes/index.js';
import { pythonText } from './python-text.js';

/**
 * A key that sorts paths as GNU tar's `--sort=name` lists a tree: byte order of names in each directory, a directory
 * followed by what is in it. Plain byte order of whole paths would put `foo-bar` and `foo.txt` between `foo` and
 * `foo/a`; no name has a NUL, so it can stand below every byte of a name.
 */
export function archiveOrderKey(path: ByteString): string {
  return path.replaceAll('/', '\0');
}

/** Sorts in GNU tar's name order, by the path of each value; the input stays as it is. */
export function sortInArchiveOrder<T>(values: Iterable<T>, pathOf: (value: T) => ByteString): T[] {
  return sortByKey(values, (value) => archiveOrderKey(pathOf(value)));
}

/**
 * Sorts as Python orders `pathlib` paths: by components, and these by the code points of Python's strings. That is not
 * byte order where a name is not UTF-8: U+00E4 (C3 A4) is before the byte 80, which Python has as U+DC80.
 */
export function sortInPythonOrder<T>(values: Iterable<T>, pathOf: (value: T) => ByteString): T[] {
  return sortByKey(values, (value) => archiveOrderKey(pythonText(pathOf(value))));
}

function sortByKey<T>(values: Iterable<T>, keyOf: (value: T) => string): T[] {
  const keyed = Array.from(values, (value) => ({ key: keyOf(value), value }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ value }) => value);
}
