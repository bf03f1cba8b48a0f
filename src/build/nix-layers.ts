import type { ByteString } from '../bytes/index.js';
import { type ArchiveEntry, type EntryAttributes, parentsOf, sortInPythonOrder } from '../entry/index.js';

/**
 * The members of one layer as nixpkgs' streamLayeredImage orders them: the directories above the items, each once and
 * with mode 0755, then each item in the order given, sorted as Python sorts paths. Names begin with a slash.
 *
 * @param items what is in each item, its root included, in any order
 * @param attributes of the directories above the items; entries keep their own
 */
export function nixStoreEntries(
  items: readonly (readonly ArchiveEntry[])[],
  attributes: Omit<EntryAttributes, 'mode'>,
): ArchiveEntry[] {
  const sorted = items.map((entries) => sortInPythonOrder(entries, ({ path }) => path));
  // An item's root is the first of its entries.
  const parents = new Set(sorted.flatMap(([root]) => (root === undefined ? [] : parentsOf(root.path))));
  return [
    ...sortInPythonOrder(parents, (path) => path).map(
      (path): ArchiveEntry => ({ ...attributes, mode: 0o755, path, body: { type: 'directory' } }),
    ),
    ...sorted.flat(),
  ].map((entry) => ({ ...entry, path: `/${entry.path}` as ByteString }));
}
