import { type ByteString, compareBytes, displayName } from '../bytes/index.js';
import { StoreError } from './store-error.js';
import type { ReferenceGraph, StoreItem } from './store-item.js';
import { topologicalOrder } from './topological-order.js';

/**
 * Checks items and puts them in order: a graph that is closed under references and has no cycle. An item may be there
 * several times, as in graphs of several roots, if all say the same; one may know a size that the others do not.
 *
 * @param source how messages name the graph, e.g. `--graph "g.json"`
 * @throws {StoreError} GRAPH_PATH_INVALID, GRAPH_DUPLICATE, GRAPH_REFERENCE_ABSENT, GRAPH_CYCLE
 */
export function createReferenceGraph(items: Iterable<StoreItem>, source: string): ReferenceGraph {
  const merged = new Map<ByteString, StoreItem>();
  for (const item of items) {
    checkPath(item.path, source);
    const references = [...new Set(item.references)].sort(compareBytes);
    const known = merged.get(item.path);
    if (known !== undefined) checkRepetition(known, { ...item, references }, source);
    const narSizeBytes = known?.narSizeBytes ?? item.narSizeBytes;
    merged.set(item.path, { path: item.path, references, ...(narSizeBytes !== undefined && { narSizeBytes }) });
  }
  const graph = new Map([...merged].sort(([a], [b]) => compareBytes(a, b)));
  for (const { path, references } of graph.values()) {
    for (const reference of references) {
      if (graph.has(reference)) continue;
      checkPath(reference, source);
      throw new StoreError(
        'GRAPH_REFERENCE_ABSENT',
        `Cannot use ${source}: every reference must be listed, and "${displayName(reference)}" of "${displayName(path)}" is not`,
        { path, reference },
      );
    }
  }
  topologicalOrder(graph, source);
  return graph;
}

/**
 * The items that are reached from some, these included.
 *
 * @param source how messages name the graph
 * @throws {StoreError} GRAPH_PATH_ABSENT naming every root that is not in the graph
 */
export function closureOf(graph: ReferenceGraph, roots: Iterable<ByteString>, source: string): ReferenceGraph {
  const reached = new Set(roots);
  const absent = [...reached].filter((path) => !graph.has(path)).sort(compareBytes);
  if (absent.length > 0) {
    const names = absent.map((path) => `"${displayName(path)}"`).join(', ');
    throw new StoreError(
      'GRAPH_PATH_ABSENT',
      `Cannot find ${names} in ${source}: every path must be an item that it lists`,
      { paths: absent },
    );
  }
  // A set is iterated in order of insertion, and what is inserted meanwhile is iterated too.
  for (const path of reached) for (const reference of graph.get(path)!.references) reached.add(reference);
  return new Map([...graph].filter(([path]) => reached.has(path)));
}

function checkPath(path: ByteString, source: string): void {
  const [first, ...components] = path.split('/');
  const rule =
    first !== '' || components.length === 0
      ? 'be absolute'
      : components.some((component) => component === '' || component === '.' || component === '..')
        ? 'have no empty component, "." or ".."'
        : path.includes('\0') || path.includes('\n')
          ? 'hold no NUL byte and no newline'
          : undefined;
  if (rule === undefined) return;
  throw new StoreError(
    'GRAPH_PATH_INVALID',
    `Cannot use ${source}: the path of an item must ${rule}, and is "${displayName(path)}"`,
    { path, rule },
  );
}

function checkRepetition(known: StoreItem, item: StoreItem, source: string): void {
  // Both are in byte order, so that of the first two that differ the smaller is in one alone.
  const at = firstDifference(known.references, item.references);
  const differing = [known.references[at], item.references[at]]
    .filter((path) => path !== undefined)
    .sort(compareBytes)[0];
  const sizes = [known.narSizeBytes, item.narSizeBytes];
  const difference =
    differing !== undefined
      ? `only one has the reference "${displayName(differing)}"`
      : sizes[0] !== sizes[1] && !sizes.includes(undefined)
        ? `their sizes are ${sizes.join(' and ')}`
        : undefined;
  if (difference === undefined) return;
  throw new StoreError(
    'GRAPH_DUPLICATE',
    `Cannot use ${source}: all entries of "${displayName(item.path)}" must be equal, and ${difference}`,
    { path: item.path },
  );
}

function firstDifference(a: readonly string[], b: readonly string[]): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}
