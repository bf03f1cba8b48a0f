import type { ByteString } from '../bytes/index.js';
import { type ArchiveEntry, missingParents, sortInArchiveOrder } from '../entry/index.js';
import { type PlanItem, planBySize } from '../plan/index.js';
import { measureMember, type TarOptions } from '../tar/index.js';
import { type ImageTree, TreeError, type TreeNode } from '../tree/index.js';
import type { ImageSources } from './image-sources.js';

/** A layer before it is sealed. */
export interface PlannedLayer {
  /** Image paths of what is in it, for history and reports. */
  readonly items: readonly ByteString[];
  /** Members in their order. */
  readonly entries: readonly ArchiveEntry[];
}

export interface LayeringOptions {
  /** `undefined` for one layer. */
  readonly maxLayers: number | undefined;
  readonly tar: TarOptions;
}

/** An item with what its layer holds of it, in GNU tar's order. */
interface Item extends PlanItem {
  readonly entries: readonly ArchiveEntry[];
}

/**
 * Cuts a tree into layers, in our own dialect: every layer has the parents of its members and is sorted as a whole.
 * A layer without members is omitted.
 *
 * Items are in layers of their own (the largest) or share one; everything else is in the last, which also repeats a
 * directory whose attributes are others than the implied ones that an item's layer has for it.
 */
export function planNativeLayers(sources: ImageSources, options: LayeringOptions): PlannedLayer[] {
  const { tree } = sources;
  if (options.maxLayers === undefined) {
    const entries = sortInArchiveOrder(
      Array.from(tree.nodes(), ({ entry }) => entry),
      ({ path }) => path,
    );
    return withoutEmpty([{ items: [...sources.items, ...sources.labels], entries }]);
  }
  const items = itemsOf(sources, options.tar);
  const { head, tail } = planBySize(items, options.maxLayers);
  const shared = new Set(tail);
  const inOrderGiven = items.filter((item) => shared.has(item));
  const layers = [
    ...head.map((item) => ({ items: [item.name], entries: withImpliedParents(tree, item.entries) })),
    { items: tail.map(({ name }) => name), entries: withImpliedParents(tree, mergeItems(inOrderGiven)) },
  ];
  return withoutEmpty([...layers, { items: sources.labels, entries: customisation(tree, layers) }]);
}

/**
 * Cuts a tree into layers as Guix does: items in the order given (or, where they share a layer, by size) without their
 * parents, then everything else with its own parents.
 *
 * @throws {TreeError} TREE_CONFLICT when two members of one layer would have the same name
 */
export function planGuixLayers(sources: ImageSources, options: LayeringOptions): PlannedLayer[] {
  const items = itemsOf(sources, options.tar);
  const extra = extraFiles(sources.tree);
  if (options.maxLayers === undefined) {
    const entries = [...items.flatMap((item) => item.entries), ...extra];
    refuseDuplicates(entries);
    return withoutEmpty([{ items: [...sources.items, ...sources.labels], entries }]);
  }
  const { head, tail } = planBySize(items, options.maxLayers);
  const shared = tail.flatMap((item) => item.entries);
  refuseDuplicates(shared);
  return withoutEmpty([
    ...head.map((item) => ({ items: [item.name], entries: item.entries })),
    { items: tail.map(({ name }) => name), entries: shared },
    { items: sources.labels, entries: extra },
  ]);
}

function itemsOf({ tree, items }: ImageSources, tar: TarOptions): Item[] {
  const entriesOf = new Map<ByteString, ArchiveEntry[]>(items.map((item) => [item, []]));
  for (const { ofItems } of tree.nodes()) {
    for (const [item, entry] of ofItems) entriesOf.get(item)!.push(entry);
  }
  return Array.from(entriesOf, ([name, unsorted]) => {
    const entries = sortInArchiveOrder(unsorted, ({ path }) => path);
    return { name, entries, sizeBytes: entries.reduce((sum, entry) => sum + measureMember(entry, tar), 0) };
  });
}

/** Items that share a layer: where two have the same directory, the later one's attributes win. */
function mergeItems(items: readonly Item[]): ArchiveEntry[] {
  return [...new Map(items.flatMap((item) => item.entries.map((entry) => [entry.path, entry] as const))).values()];
}

function withImpliedParents(tree: ImageTree, entries: readonly ArchiveEntry[]): ArchiveEntry[] {
  return withParents(entries, (path) => tree.impliedDirectory(path));
}

function withParents(entries: readonly ArchiveEntry[], parent: (path: ByteString) => ArchiveEntry): ArchiveEntry[] {
  const paths = new Set(entries.map(({ path }) => path));
  const parents = Array.from(missingParents(paths, paths), parent);
  return sortInArchiveOrder([...entries, ...parents], ({ path }) => path);
}

/** The last layer: what belongs to no item, and every directory that the layers below do not have as the image does. */
function customisation(tree: ImageTree, below: readonly PlannedLayer[]): ArchiveEntry[] {
  const inLayersBelow = new Map<ByteString, ArchiveEntry>();
  for (const { entries } of below) for (const entry of entries) inLayersBelow.set(entry.path, entry);
  const own: ArchiveEntry[] = [];
  for (const { entry, explicit } of tree.nodes()) {
    const present = inLayersBelow.get(entry.path);
    if (present === undefined ? explicit : !sameAttributes(present, entry)) own.push(entry);
  }
  return withParents(own, (path) => tree.get(path)!.entry);
}

function sameAttributes(a: ArchiveEntry, b: ArchiveEntry): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.uname === b.uname && a.gname === b.gname;
}

function extraFiles(tree: ImageTree): ArchiveEntry[] {
  const own = Array.from(tree.nodes()).filter(isExtra);
  return withParents(
    own.map(({ entry }) => entry),
    (path) => tree.get(path)!.entry,
  );
}

function isExtra({ explicit, ofItems }: TreeNode): boolean {
  return explicit && ofItems.size === 0;
}

function refuseDuplicates(entries: readonly ArchiveEntry[]): void {
  const seen = new Set<ByteString>();
  for (const { path } of entries) {
    if (seen.has(path)) {
      throw new TreeError(
        'TREE_CONFLICT',
        `Cannot lay two members at "/${path}": the guix dialect gives it to an item and to another source`,
        { path },
      );
    }
    seen.add(path);
  }
}

function withoutEmpty(layers: readonly PlannedLayer[]): PlannedLayer[] {
  return layers.filter(({ entries }) => entries.length > 0);
}
