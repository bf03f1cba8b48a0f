import { type ByteString, displayName } from '../bytes/index.js';
import { type ArchiveEntry, sortInArchiveOrder, withMissingParents } from '../entry/index.js';
import { type LayerPlan, type PlanItem, planByPopularity, planBySize } from '../plan/index.js';
import { measureMember, type TarOptions } from '../tar/index.js';
import { entriesOfItems, type ImageTree, TreeError, type TreeNode } from '../tree/index.js';
import type { ImageSources } from './image-sources.js';
import { nixStoreEntries } from './nix-layers.js';

/** A layer before it is sealed. */
export interface PlannedLayer {
  /** Image paths of what is in it, for history and reports. */
  readonly items: readonly ByteString[];
  /** Members in their order. */
  readonly entries: readonly ArchiveEntry[];
  readonly tar: TarOptions;
}

export interface LayeringOptions {
  /**
   * How items come into layers: all in one, the largest in layers of their own, or the first (`popularity`: the order of
   * items in the sources).
   */
  readonly strategy: 'single' | 'size' | 'popularity';
  /** The most layers that are made, in [2, 125]; of no account for `single`. */
  readonly maxLayers: number;
  readonly tar: TarOptions;
  /** Bytes of the members below a directory that the tree does not have; by default it has all. */
  readonly sizeBelow?: (path: ByteString) => number;
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
  const { tar } = options;
  if (options.strategy === 'single') {
    const entries = sortInArchiveOrder(
      Array.from(tree.nodes(), ({ entry }) => entry),
      ({ path }) => path,
    );
    return withoutEmpty([
      { items: [...itemsOf(sources, options).map(({ name }) => name), ...sources.labels], entries, tar },
    ]);
  }
  const items = itemsOf(sources, options);
  const { head, tail } = cut(items, options);
  const shared = new Set(tail);
  const inOrderGiven = items.filter((item) => shared.has(item));
  const layers = [
    ...head.map((item) => ({ items: [item.name], entries: withImpliedParents(tree, item.entries), tar })),
    { items: tail.map(({ name }) => name), entries: withImpliedParents(tree, mergeItems(inOrderGiven)), tar },
  ];
  return withoutEmpty([...layers, lastLayer(sources, layers, tar)]);
}

/**
 * Cuts sources into layers as Guix does: items in the order given (or, where they share a layer, by size) without their
 * parents, then everything else with its own parents. Members are in the order of their names on disk; transformation
 * comes after that.
 *
 * @throws {TreeError} TREE_CONFLICT when two members of one layer have the same name
 */
export function planGuixLayers(sources: ImageSources, options: LayeringOptions): PlannedLayer[] {
  const { rename, labels } = sources;
  const renamed = (entries: readonly ArchiveEntry[]): ArchiveEntry[] => {
    const result = entries.map((entry) => ({ ...entry, path: rename(entry.path) })).filter(({ path }) => path !== '');
    refuseDuplicates(result);
    return result;
  };
  const items = itemsOf(sources, options);
  const extra = sortInArchiveOrder(
    Array.from(sources.extra.nodes(), ({ entry }) => entry),
    ({ path }) => path,
  );
  // Guix runs `tar --delete /` on the layer with the extra files, which writes the long name before the long target.
  const rewritten: TarOptions = { ...options.tar, longNameFirst: true };
  if (options.strategy === 'single') {
    const entries = renamed([...items.flatMap((item) => item.entries), ...extra]);
    return withoutEmpty([{ items: [...items.map(({ name }) => name), ...labels], entries, tar: rewritten }]);
  }
  const { head, tail } = cut(items, options);
  return withoutEmpty([
    ...head.map((item) => ({ items: [item.name], entries: renamed(item.entries), tar: options.tar })),
    { items: tail.map(({ name }) => name), entries: renamed(tail.flatMap((item) => item.entries)), tar: options.tar },
    { items: labels, entries: renamed(extra), tar: rewritten },
  ]);
}

/**
 * Cuts sources into layers as nixpkgs does: the items as Python's `tarfile` writes them, then the customisation layer as
 * GNU tar archives the directory `.`, its root included.
 */
export function planNixLayers(sources: ImageSources, options: LayeringOptions): PlannedLayer[] {
  const { tree } = sources;
  const items = itemsOf(sources, options);
  const { head, tail } = options.strategy === 'single' ? { head: [], tail: items } : cut(items, options);
  const storeLayer = (layer: readonly Item[]): PlannedLayer => ({
    items: layer.map(({ name }) => name),
    entries: nixStoreEntries(
      layer.map(({ entries }) => entries),
      tree.impliedDirectory(ROOT),
    ),
    tar: { format: 'python-pax', strict: false },
  });
  const layers = withoutEmpty(
    [...head.map((item) => [item]), tail].filter((layer) => layer.length > 0).map(storeLayer),
  );
  const inTree = layers.map((layer) => ({
    ...layer,
    entries: layer.entries.map((entry) => ({ ...entry, path: entry.path.slice(1) as ByteString })),
  }));
  const last = lastLayer(sources, inTree, { format: 'gnu', strict: false });
  if (last.entries.length === 0) return layers;
  const inRoot = last.entries.map((entry) => ({ ...entry, path: `./${entry.path}` as ByteString }));
  return [...layers, { ...last, entries: [tree.impliedDirectory('.' as ByteString), ...inRoot] }];
}

function cut(items: readonly Item[], { strategy, maxLayers }: LayeringOptions): LayerPlan<Item> {
  return strategy === 'popularity' ? planByPopularity(items, maxLayers) : planBySize(items, maxLayers);
}

const ROOT = '' as ByteString;

/** Items with what is in them; one of which nothing is left is in no layer. */
function itemsOf({ tree, items, nameOf }: ImageSources, { tar, sizeBelow = () => 0 }: LayeringOptions): Item[] {
  const entriesOf = new Map<ByteString, ArchiveEntry[]>(items.map((item) => [item, []]));
  for (const node of tree.nodes()) {
    for (const [item, entry] of entriesOfItems(node)) entriesOf.get(item)!.push(entry);
  }
  return Array.from(entriesOf, ([item, unsorted]) => {
    const entries = sortInArchiveOrder(unsorted, ({ path }) => path);
    return {
      name: nameOf(item),
      entries,
      sizeBytes: entries.reduce((sum, entry) => sum + measureMember(entry, tar) + sizeBelow(entry.path), 0),
    };
  }).filter(({ entries }) => entries.length > 0);
}

/** Items that share a layer, in archive order: where two have the same directory, the later one's attributes win. */
function mergeItems(items: readonly Item[]): ArchiveEntry[] {
  const sorted = sortInArchiveOrder(
    items.flatMap(({ entries }) => entries),
    ({ path }) => path,
  );
  return sorted.filter(({ path }, index) => sorted[index + 1]?.path !== path);
}

/** @param entries in archive order */
function withImpliedParents(tree: ImageTree, entries: readonly ArchiveEntry[]): ArchiveEntry[] {
  return withMissingParents(
    entries,
    ({ path }) => path,
    (path) => tree.impliedDirectory(path),
  );
}

/** The last layer. Where no source but the items has a part in it, it is named after the directories that it repeats. */
function lastLayer({ tree, labels }: ImageSources, below: readonly PlannedLayer[], tar: TarOptions): PlannedLayer {
  const own = customisation(tree, below);
  const items = labels.length > 0 ? labels : own.map(({ path }) => `/${path}` as ByteString);
  const sorted = sortInArchiveOrder(own, ({ path }) => path);
  const entries = withMissingParents(
    sorted,
    ({ path }) => path,
    (path) => tree.get(path)!.entry,
  );
  return { items, entries, tar };
}

/** What belongs to no item, and every directory that the layers below do not have as the image does. */
function customisation(tree: ImageTree, below: readonly PlannedLayer[]): ArchiveEntry[] {
  const directoriesBelow = new Map<ByteString, ArchiveEntry>();
  for (const { entries } of below) {
    for (const entry of entries) if (entry.body.type === 'directory') directoriesBelow.set(entry.path, entry);
  }
  const isOwn = ({ entry, origin, covered, explicit }: TreeNode): boolean => {
    if (entry.body.type !== 'directory') return origin.item === undefined && covered.size === 0;
    const present = directoriesBelow.get(entry.path);
    return present === undefined ? explicit : !sameAttributes(present, entry);
  };
  const own: ArchiveEntry[] = [];
  for (const node of tree.nodes()) if (isOwn(node)) own.push(node.entry);
  return own;
}

function sameAttributes(a: ArchiveEntry, b: ArchiveEntry): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.uname === b.uname && a.gname === b.gname;
}

function refuseDuplicates(entries: readonly ArchiveEntry[]): void {
  const seen = new Set<ByteString>();
  for (const { path } of entries) {
    if (seen.has(path)) {
      throw new TreeError(
        'TREE_CONFLICT',
        `Cannot lay two members at "/${displayName(path)}": in one layer every name must be there once`,
        { path },
      );
    }
    seen.add(path);
  }
}

function withoutEmpty(layers: readonly PlannedLayer[]): PlannedLayer[] {
  return layers.filter(({ entries }) => entries.length > 0);
}
