import { type ByteString, baseName, directoryName, displayName } from '../bytes/index.js';
import { hashPartOf, StoreError } from '../store/index.js';

/** The items that there can be, found by a path in or below them, or by their names in a text. */
export interface ItemIndex {
  /**
   * The item that a path is, or is in; `undefined` for a path outside the stores.
   *
   * @throws {StoreError} GRAPH_PATH_ABSENT for a path in a store that is in no item
   */
  itemOf(path: ByteString): ByteString | undefined;
  /** As {@link itemOf}, whether there is such an item or not. */
  placeOf(path: ByteString): ByteString | undefined;
  /**
   * The items that a text names by `DIRECTORY/HASH-NAME`, also inside longer strings.
   *
   * @param what how messages name the text
   * @throws {StoreError} GRAPH_PATH_ABSENT for the name of an item that there is not
   */
  itemsNamedIn(text: ByteString, what: string): ByteString[];
}

interface Store {
  readonly items: ReadonlySet<ByteString>;
  readonly byHashPart: ReadonlyMap<string, ByteString>;
}

/** Characters of an item's name, as Nix and Guix allow them. */
const NAME = /[0-9A-Za-z+\-._?=]*/y;

/**
 * @param source how messages name where the items come from, e.g. `--graph "g.json"`
 */
export function createItemIndex(items: Iterable<ByteString>, source: string): ItemIndex {
  const stores = storesOf(items);
  const absent = (path: string, what: string): StoreError =>
    new StoreError('GRAPH_PATH_ABSENT', `Cannot find "${displayName(path as ByteString)}" of ${what} in ${source}`, {
      path,
    });
  const placeOf = (path: ByteString): ByteString | undefined => {
    for (let item = path; item.length > 1 && item.startsWith('/'); item = directoryName(item)) {
      if (stores.has(directoryName(item))) return item;
    }
    return undefined;
  };
  return {
    placeOf,
    itemOf(path) {
      const item = placeOf(path);
      if (item !== undefined && !stores.get(directoryName(item))!.items.has(item)) throw absent(item, 'the sources');
      return item;
    },
    itemsNamedIn(text, what) {
      const found: ByteString[] = [];
      for (const [directory, { items: known, byHashPart }] of stores) {
        const prefix = directory === '/' ? '/' : `${directory}/`;
        for (let at = text.indexOf(prefix); at >= 0; at = text.indexOf(prefix, at + 1)) {
          NAME.lastIndex = at + prefix.length;
          const path = (prefix + NAME.exec(text)![0]) as ByteString;
          // In "…/HASH-name, see there." the name has ended before its last character.
          const hashPart = hashPartOf(path);
          const item = known.has(path) ? path : hashPart === undefined ? undefined : byHashPart.get(hashPart);
          if (item !== undefined) found.push(item);
          else if (hashPart !== undefined) throw absent(path, what);
        }
      }
      return found;
    },
  };
}

function storesOf(items: Iterable<ByteString>): Map<ByteString, Store> {
  const stores = new Map<ByteString, { items: Set<ByteString>; byHashPart: Map<string, ByteString> }>();
  for (const item of items) {
    const directory = directoryName(item);
    const store = stores.get(directory) ?? { items: new Set(), byHashPart: new Map() };
    stores.set(directory, store);
    store.items.add(item);
    const hashPart = hashPartOf(baseName(item));
    if (hashPart !== undefined) store.byHashPart.set(hashPart, item);
  }
  return stores;
}
