import { compareBytes, displayName, displayText, encodeUtf8 } from '../bytes/index.js';
import {
  orderByName,
  orderByPopularity,
  orderTopologically,
  popularityOf,
  type ReferenceGraph,
  StoreError,
  type StoreItem,
} from '../store/index.js';
import { BuildError } from './build-error.js';
import { selectItems } from './item-selection.js';
import { checkTexts, resolveSpecPaths } from './resolve-spec.js';
import type { BuildContext, BuildSpec } from './spec.js';
import { oneOf } from './spec-choices.js';

/** What a closure is of, and where its references come from: `graph` or `scan`. */
export interface ClosureSpec extends Pick<BuildSpec, 'paths' | 'graph' | 'scan' | 'store'> {
  /** `topological`: what an item refers to comes before it. By default `name`. */
  readonly order?: 'name' | 'popularity' | 'topological';
}

/** An item of a closure. */
export interface ClosureItem {
  readonly path: string;
  /** In byte order; an item may refer to itself. */
  readonly references: readonly string[];
  /** Exact, of any size: how often the item occurs where the graph is unfolded, counted as nixpkgs does. */
  readonly popularity: bigint;
  /** Size of its serialisation as a NAR in bytes; `null` where the graph does not say it. */
  readonly narSizeBytes: number | null;
}

/** Items in the order asked for. */
export interface Closure {
  readonly items: readonly ClosureItem[];
  /** Sum of the items' sizes in bytes; `null` where one of them is not known. */
  readonly narSizeBytes: number | null;
}

const ORDERS: Readonly<Record<NonNullable<ClosureSpec['order']>, (graph: ReferenceGraph) => readonly StoreItem[]>> = {
  name: orderByName,
  popularity: orderByPopularity,
  topological: orderTopologically,
};

/**
 * Finds everything that paths refer to, themselves included.
 *
 * @throws {StoreError} for a wrong graph and for a path in a store that is no item of it; {BuildError} SPEC_INVALID,
 *   SPEC_CONFLICT, SPEC_FILE; {TreeError}, {LayerError} for what cannot be scanned
 */
export async function readClosure(
  given: ClosureSpec,
  context: Pick<BuildContext, 'cwd' | 'signal'> = {},
): Promise<Closure> {
  const { order = 'name', ...rest } = given;
  oneOf('order', order, Object.keys(ORDERS));
  checkTexts(rest);
  const spec = resolveSpecPaths(rest, context.cwd);
  if ((spec.graph === undefined) === (spec.scan === undefined)) {
    const given = spec.graph === undefined ? 'neither is' : 'both are';
    throw new BuildError(
      'SPEC_CONFLICT',
      `Cannot find a closure: its references must be given with --graph or --scan, and ${given} given`,
    );
  }
  if ((spec.paths ?? []).length === 0)
    throw new BuildError('SPEC_INVALID', 'Cannot find a closure: at least one path must be given, and there is none');
  const { graph, index } = await selectItems(spec, undefined, context);
  // An image holds such a path, but no graph says what it refers to: a link such as Nix's `result` would look like an item.
  const outside = spec.graph === undefined ? [] : spec.paths!.filter((path) => !index!.itemOf(encodeUtf8(path)));
  if (outside.length > 0) {
    throw new StoreError(
      'GRAPH_PATH_ABSENT',
      `Cannot find ${outside.map((path) => `"${displayText(path)}"`).join(', ')} in --graph "${displayText(spec.graph!)}": every path must be an item of its stores, or in one`,
      { paths: outside },
    );
  }
  const popularity = popularityOf(graph!);
  const items = ORDERS[order](graph!).map(({ path, references, narSizeBytes = null }) => ({
    path: displayName(path),
    references: references.toSorted(compareBytes).map((reference) => displayName(reference)),
    popularity: popularity.get(path)!,
    narSizeBytes,
  }));
  return { items, narSizeBytes: items.reduce(addSize, 0 as number | null) };
}

function addSize(sum: number | null, { narSizeBytes }: ClosureItem): number | null {
  return sum === null || narSizeBytes === null ? null : sum + narSizeBytes;
}
