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
import { diskPathOf } from './resolve-spec.js';
import { listStore, scanStore } from './scan-references.js';
import { type ItemSelection, type SelectionContext, type SelectionSpec, trimSlashes } from './selection.js';

/** The largest reference graph that is read, in bytes: a hundred times that of the largest distribution's closure. */
const MAX_GRAPH_SIZE: number = 512 << 20;

/** The part of `selectItems` for which there are references. */
export async function selectClosure(
  paths: readonly ByteString[],
  spec: SelectionSpec,
  config: unknown,
  context: SelectionContext,
): Promise<ItemSelection> {
  const { index, closure } =
    spec.graph === undefined ? scannedReferences(spec.scan!, spec, context) : graphReferences(spec.graph);
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

function scannedReferences(directory: string, spec: SelectionSpec, { signal }: SelectionContext): References {
  const storePath = trimSlashes(encodeUtf8(directory));
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
