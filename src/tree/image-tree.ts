import { type ByteString, displayName } from '../bytes/index.js';
import { type ArchiveEntry, type EntryAttributes, parentsOf } from '../entry/index.js';
import { TreeError } from './tree-error.js';

/** Where a node of the tree comes from. */
export interface NodeOrigin {
  /** How messages name the source, e.g. `--add "app=/opt/app"`. */
  readonly source: string;
  /**
   * Path of the object on this machine, where its body does not say it; two sources that name the same object agree
   * about it.
   */
  readonly fsPath: ByteString | undefined;
  /** Image path of the item that it belongs to, for layers of their own; `undefined` for everything else. */
  readonly item: ByteString | undefined;
}

export interface TreeNode {
  /** What the image has at this path in the end. */
  readonly entry: ArchiveEntry;
  /** The source of `entry`. */
  readonly origin: NodeOrigin;
  /** What items have at this path, by their names, but for that whose entry is `entry`. */
  readonly covered: ReadonlyMap<ByteString, ArchiveEntry>;
  /** Whether a source or a rule gave the attributes, rather than a path below that needs its parents. */
  readonly explicit: boolean;
}

/**
 * What each item has at the path of a node, by the item's name: an item's layer must not depend on what else is in the
 * image, so that what another source lays over it goes into a later layer.
 */
export function* entriesOfItems({ entry, origin: { item }, covered }: TreeNode): Generator<[ByteString, ArchiveEntry]> {
  yield* covered;
  if (item !== undefined && !covered.has(item)) yield [item, entry];
}

/** Attributes of a directory that exists only because something lies below it. */
export const IMPLIED_DIRECTORY_MODE = 0o755;

/**
 * One virtual tree: every source laid over those before it.
 *
 * Directories merge, explicit attributes over implied ones and later over earlier; the same object twice and equal
 * symlinks agree; any other two for one path are an error that names both.
 */
export class ImageTree {
  readonly #nodes = new Map<ByteString, TreeNode>();
  readonly #impliedAttributes: EntryAttributes;
  /** A directory that is there, and so stays: only what is none is ever replaced. */
  #lastDirectory: ByteString | undefined;

  /** @param impliedAttributes owner and time of implied directories; their mode is {@link IMPLIED_DIRECTORY_MODE} */
  constructor(impliedAttributes: EntryAttributes) {
    this.#impliedAttributes = impliedAttributes;
  }

  get size(): number {
    return this.#nodes.size;
  }

  nodes(): IterableIterator<TreeNode> {
    return this.#nodes.values();
  }

  get(path: ByteString): TreeNode | undefined {
    return this.#nodes.get(path);
  }

  /**
   * Lays one member into the tree.
   *
   * @throws {TreeError} TREE_CONFLICT when another source has something else at this path, or a non-directory above it
   */
  place(entry: ArchiveEntry, origin: NodeOrigin): void {
    this.#placeParents(entry.path, origin);
    const present = this.#nodes.get(entry.path);
    if (present === undefined) {
      this.#nodes.set(entry.path, { entry, origin, explicit: true, covered: NO_ITEMS });
    } else if (present.entry.body.type === 'directory' && entry.body.type === 'directory') {
      const covered = withItem(present.covered, present.entry, present.origin);
      this.#nodes.set(entry.path, { entry, origin, explicit: true, covered });
    } else {
      if (!agree(present, entry, origin)) throw conflict(entry.path, present, entry, origin);
      if (origin.item !== present.origin.item)
        this.#nodes.set(entry.path, { ...present, covered: withItem(present.covered, entry, origin) });
    }
  }

  /** Replaces what stands at the path of `entry`, as Guix's symlink directives do; a directory is never replaced. */
  replace(entry: ArchiveEntry, origin: NodeOrigin): void {
    const present = this.#nodes.get(entry.path);
    if (present !== undefined && present.entry.body.type !== 'directory') this.#nodes.delete(entry.path);
    this.place(entry, origin);
  }

  /** Changes the attributes of a node, which becomes explicit, in the image and in each of its items. */
  setAttributes(path: ByteString, change: (entry: ArchiveEntry) => Partial<EntryAttributes>): void {
    const node = this.#nodes.get(path);
    if (node === undefined) return;
    const covered =
      node.covered.size === 0
        ? NO_ITEMS
        : new Map(Array.from(node.covered, ([item, entry]) => [item, { ...entry, ...change(entry) }]));
    this.#nodes.set(path, { ...node, entry: { ...node.entry, ...change(node.entry) }, explicit: true, covered });
  }

  /** What a layer holds for a directory that it implies. */
  impliedDirectory(path: ByteString): ArchiveEntry {
    return { path, body: { type: 'directory' }, ...this.#impliedAttributes, mode: IMPLIED_DIRECTORY_MODE };
  }

  #placeParents(path: ByteString, origin: NodeOrigin): void {
    const slash = path.lastIndexOf('/');
    // The members of a directory come one after the other, and looking its name up for each would cost a hash each.
    if (slash < 0 || (slash === this.#lastDirectory?.length && path.startsWith(this.#lastDirectory))) return;
    const directory = path.slice(0, slash) as ByteString;
    if (this.#nodes.get(directory)?.entry.body.type !== 'directory') this.#placeMissingParents(path, origin);
    this.#lastDirectory = directory;
  }

  #placeMissingParents(path: ByteString, origin: NodeOrigin): void {
    for (const parent of parentsOf(path)) {
      const present = this.#nodes.get(parent);
      if (present === undefined) {
        this.#nodes.set(parent, {
          entry: this.impliedDirectory(parent),
          origin: { ...origin, item: undefined },
          explicit: false,
          covered: NO_ITEMS,
        });
      } else if (present.entry.body.type !== 'directory') {
        throw new TreeError(
          'TREE_CONFLICT',
          `Cannot lay "/${displayName(path)}" of ${origin.source}: "/${displayName(parent)}" must be a directory, and is ${describe(present.entry)} of ${present.origin.source}`,
          { path, parent, sources: [present.origin.source, origin.source] },
        );
      }
    }
  }
}

const NO_ITEMS: ReadonlyMap<ByteString, ArchiveEntry> = new Map();

function withItem(
  items: ReadonlyMap<ByteString, ArchiveEntry>,
  entry: ArchiveEntry,
  { item }: NodeOrigin,
): ReadonlyMap<ByteString, ArchiveEntry> {
  return item === undefined || items.has(item) ? items : new Map(items).set(item, entry);
}

function agree(present: TreeNode, entry: ArchiveEntry, origin: NodeOrigin): boolean {
  const [a, b] = [present.entry.body, entry.body];
  if (a.type === 'symlink' && b.type === 'symlink') return a.linkname === b.linkname;
  if (a.type === 'file' && b.type === 'file') {
    const [one, other] = [a.source, b.source];
    if (one.from === 'memory' || other.from === 'memory') return false;
    return one.name === other.name && one.directory === other.directory;
  }
  return a.type === b.type && origin.fsPath !== undefined && present.origin.fsPath === origin.fsPath;
}

function conflict(path: ByteString, present: TreeNode, entry: ArchiveEntry, origin: NodeOrigin): TreeError {
  return new TreeError(
    'TREE_CONFLICT',
    `Cannot lay two sources at "/${displayName(path)}": it is ${describe(present.entry)} of ${present.origin.source}, and ${describe(entry)} of ${origin.source}`,
    { path, sources: [present.origin.source, origin.source] },
  );
}

function describe({ body }: ArchiveEntry): string {
  if (body.type === 'symlink') return `a symlink to "${displayName(body.linkname)}"`;
  return `a ${body.type.replace('-', ' ')}`;
}
