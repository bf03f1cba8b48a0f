import type { ByteString } from '../bytes/index.js';
import { pythonText } from '../entry/index.js';
import { shown } from './shown.js';

/** Watches the order of an archive's members. */
export interface OrderCheck {
  /** @param path without slashes at its ends; empty for the root */
  add(path: string, isDirectory: boolean): void;
  /** What is out of order; `undefined` where every directory, or the whole, is in the order of names. */
  finish(): { readonly count: number; readonly example: string; readonly path: string } | undefined;
}

/** What is in them is listed by whoever plans layers, in an order of his own. */
const STORES: ReadonlySet<string> = new Set(['nix/store', 'gnu/store']);

/**
 * Names may be in byte order as a whole (`a-b` before `a/c`), or directory by directory as a walk that sorts gives them,
 * by bytes or by the characters of Python. Members of a directory that has no entry were named one by one, and so were
 * the items of a store: their order is somebody's choice and not that of a disk.
 */
export function createOrderCheck(): OrderCheck {
  let previous = '';
  let isWholeSorted = true;
  const lastOf = new Map<string, string>();
  let count = 0;
  let first: { readonly example: string; readonly path: string } | undefined;
  return {
    add(path, isDirectory) {
      if (path < previous) isWholeSorted = false;
      previous = path;
      if (path !== '') {
        const slash = path.lastIndexOf('/');
        const parent = path.slice(0, Math.max(0, slash));
        const name = path.slice(slash + 1);
        const last = lastOf.get(parent);
        if (last !== undefined) {
          if (last > name && pythonText(last as ByteString) > pythonText(name as ByteString)) {
            count++;
            first ??= { example: `"${shown(name)}" after "${shown(last)}" in "${shown(parent)}/"`, path };
          }
          lastOf.set(parent, name);
        }
      }
      if (isDirectory && !STORES.has(path) && !lastOf.has(path)) lastOf.set(path, '');
    },
    finish: () => (isWholeSorted || first === undefined ? undefined : { count, ...first }),
  };
}
