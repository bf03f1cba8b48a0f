import type { ByteString } from '../bytes/index.js';

/** The directories above a relative path, nearest last: `a/b/c` has `a` and `a/b`. */
export function parentsOf(path: ByteString): ByteString[] {
  const parents: ByteString[] = [];
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    if (slash > 0) parents.push(path.slice(0, slash) as ByteString);
  }
  return parents;
}

/** The directories above `paths` that are not among `paths` themselves, each once, in no promised order. */
export function missingParents(paths: ReadonlySet<ByteString>): Set<ByteString> {
  const missing = new Set<ByteString>();
  for (const path of paths) {
    // Walk upwards and stop at the first parent that is known: its own are found from it.
    let end = path.lastIndexOf('/');
    while (end > 0) {
      const parent = path.slice(0, end) as ByteString;
      if (missing.has(parent) || paths.has(parent)) break;
      missing.add(parent);
      end = parent.lastIndexOf('/');
    }
  }
  return missing;
}
