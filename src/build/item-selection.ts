import { type ByteString, displayName, encodeUtf8, joinPath } from '../bytes/index.js';
import {
  closureOf,
  createReferenceGraph,
  hashPartOf,
  orderByPopularity,
  parseReferenceGraph,
  type ReferenceGraph,
} from '../store/index.js';
import { createItemIndex, type ItemIndex } from './item-index.js';
import { readFileBounded } from './read-file.js';
import { diskPathOf, type ResolvedSpec } from './resolve-spec.js';
import { listStore, scanStore } from './scan-references.js';

/** The largest reference graph that is read, in bytes: a hundred times that of the largest distribution's closure. */
const MAX_GRAPH_SIZE: number = 512 << 20;

/** What an image is made of, item by item. */
export interface ItemSelection {
  /**
   * Absolute image paths, each once: with a graph the closure of everything asked for, the most popular first; otherwise
   * what was asked for, in that order.
   */
  readonly items: readonly ByteString[];
  /** References among the items; `undefined` where neither a graph nor a store to scan is given. */
  readonly graph: ReferenceGraph | undefined;
  /** All items that there could be; `undefined` as `graph` is. */
  readonly index: ItemIndex | undefined;
}

/** Where the paths and the references of a selection come from. */
export type SelectionSpec = Pick<ResolvedSpec, 'paths' | 'contents' | 'graph' | 'scan' | 'store'>;

export interface SelectionContext {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the items of an image: its paths, the items of its contents, and with a reference graph also those that its
 * config names, and everything that all these refer to.
 *
 * @param config whatever texts may name items
 * @throws {StoreError} for a wrong graph, and for a path in a store that is no item of it; {BuildError} SPEC_FILE for a
 *   graph that cannot be read; {TreeError} SOURCE_MISSING, SOURCE_UNREADABLE for a store that cannot
 */
export async function selectItems(
  spec: SelectionSpec,
  config: unknown,
  context: SelectionContext,
): Promise<ItemSelection> {
  const paths = [...(spec.paths ?? []), ...(spec.contents ?? [])].map((path) => trimSlashes(encodeUtf8(path)));
  const references = referencesOf(spec, context);
  if (references === undefined) return { items: [...new Set(paths)], graph: undefined, index: undefined };

  const { index, closure } = references;
  const named = textsIn(config).flatMap((text) => index.itemsNamedIn(encodeUtf8(text), 'the config'));
  const asked = paths.map((path) => ({ path, item: index.itemOf(path) }));
  const outside = asked.filter(({ item }) => item === undefined).map(({ path }) => path);
  const inStore = [...named, ...asked.flatMap(({ item }) => item ?? [])];
  const graph = await closure([...new Set(inStore)], [...new Set(outside)]);
  return { items: orderByPopularity(graph).map(({ path }) => path), graph, index };
}

interface References {
  readonly index: ItemIndex;
  /** The closure of items; paths outside the stores are in it too. */
  closure(items: readonly ByteString[], outside: readonly ByteString[]): ReferenceGraph | Promise<ReferenceGraph>;
}

function referencesOf(spec: SelectionSpec, context: SelectionContext): References | undefined {
  if (spec.graph !== undefined) return graphReferences(spec.graph);
  if (spec.scan !== undefined) return scannedReferences(encodeUtf8(spec.scan), spec, context);
  return undefined;
}

function graphReferences(file: string): References {
  const source = `--graph "${displayName(encodeUtf8(file))}"`;
  const graph = parseReferenceGraph(readFileBounded(file, '--graph', MAX_GRAPH_SIZE), source);
  return {
    index: createItemIndex(graph.keys(), source),
    // A graph says nothing of what is outside it: such a path is an item without references.
    closure: (items, outside) =>
      createReferenceGraph(
        [...closureOf(graph, items, source).values(), ...outside.map((path) => ({ path, references: [] }))],
        source,
      ),
  };
}

function scannedReferences(directory: ByteString, spec: SelectionSpec, { signal }: SelectionContext): References {
  const storePath = trimSlashes(directory);
  const diskPath = diskPathOf(storePath, spec.store);
  const source = `--scan "${displayName(storePath)}"`;
  const names = listStore(diskPath).filter((name) => hashPartOf(name) !== undefined);
  return {
    index: createItemIndex(
      names.map((name) => joinPath(storePath, name)),
      source,
    ),
    closure: (inStore, outside) =>
      scanStore(
        { diskPath, storePath },
        [...inStore, ...outside].map((path) => ({ path, diskPath: diskPathOf(path, spec.store) })),
        signal === undefined ? {} : { signal },
      ),
  };
}

/** Every text of a JSON value, keys included. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    Array.isArray(value) ? textsIn(item) : [key, ...textsIn(item)],
  );
}

function trimSlashes(path: ByteString): ByteString {
  return (path.replace(/(?<=.)\/+$/, '') || '/') as ByteString;
}
