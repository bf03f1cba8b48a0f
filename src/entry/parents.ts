import type { ByteString } from '../bytes/index.js';

/** The directories above a relative path, nearest last: `a/b/c` has `a` and `a/b`. */
export function parentsOf(path: ByteString): ByteString[] {
  const parents: ByteString[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    if (slash > 0) parents.push(path.slice(0, slash) as ByteString);
  }
  return parents;
}

/** `values` in archive order, with the directories above them that are not among them, each once in its place. */
export function withMissingParents<T>(
  values: readonly T[],
  pathOf: (value: T) => ByteString,
  parent: (path: ByteString) => T,
): T[] {
  const result: T[] = [];
  let last = '' as ByteString;
  for (const value of values) {
    const path = pathOf(value);
    const missing: T[] = [];
    // What is in a directory stands together: one that is there is the last path, or above it, and so are its own parents.
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const directory = path.slice(0, end) as ByteString;
      if (last === directory || last.startsWith(path.slice(0, end + 1))) break;
      missing.push(parent(directory));
    }
    result.push(...missing.reverse(), value);
    last = path;
  }
  return result;
}
