import { type ByteString, compareBytes } from '../../bytes/index.js';
import { compareInArchiveOrder } from '../../entry/index.js';
import { memberKey } from '../compare/pair-members.js';

/** In which order the members of an archive stand. */
export type OrderKind =
  /** By the bytes of whole names, as `sort` lists them in the C locale. */
  | 'bytes'
  /** Directory by directory, by the bytes of names in each: `--sort=name` of GNU tar. */
  | 'tree'
  /** Regardless of case and punctuation, as `sort` lists names in most other locales. */
  | 'locale'
  /** Directory by directory, in each as it comes: as the file system lists it. */
  | 'walk'
  | 'none';

export const ORDER_TEXTS: Readonly<Record<OrderKind, string>> = {
  bytes: 'sorted by the bytes of whole names',
  tree: 'sorted by name, directory by directory',
  locale: 'sorted as a locale does, regardless of case and punctuation',
  walk: 'readdir order: directory by directory, and not sorted',
  none: 'not sorted, and not directory by directory',
};

/** @param names in their order; the same in several orders is the first of these */
export function orderKind(names: readonly ByteString[]): OrderKind {
  const keys = names.map((name) => memberKey(name) as ByteString).filter((key) => key !== '');
  if (isSorted(keys, compareInArchiveOrder)) return 'tree';
  if (isSorted(keys)) return 'bytes';
  if (isSorted(keys.map(foldedKey)) || isSorted(keys.map((key) => foldedKey(key.replaceAll('/', ''))))) return 'locale';
  return isWalk(keys) ? 'walk' : 'none';
}

function isSorted<K extends string>(keys: readonly K[], compare: (a: K, b: K) => number = compareBytes): boolean {
  return keys.every((key, index) => index === 0 || compare(keys[index - 1]!, key) <= 0);
}

function foldedKey(key: string): string {
  return key
    .toLowerCase()
    .replace(/[^a-z0-9\x80-\xff/]/g, '')
    .replaceAll('/', '\0');
}

/** Whether what is in a directory stands together. */
function isWalk(keys: readonly string[]): boolean {
  const left = new Set<string>();
  let current: string[] = [];
  for (const key of keys) {
    const directories = key.split('/').slice(0, -1);
    let common = 0;
    while (common < directories.length && current[common] === directories[common]) common++;
    for (let depth = current.length; depth > common; depth--) left.add(current.slice(0, depth).join('/'));
    for (let depth = common + 1; depth <= directories.length; depth++) {
      if (left.has(directories.slice(0, depth).join('/'))) return false;
    }
    current = directories;
  }
  return true;
}
