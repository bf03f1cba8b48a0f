import type { ByteString } from '../bytes/index.js';

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
  const keyed = Array.from(values, (value) => ({ key: archiveOrderKey(pathOf(value)), value }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ value }) => value);
}
