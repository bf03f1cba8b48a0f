import { encodeUtf8 } from '../bytes/index.js';
import { type ItemSelection, type SelectionContext, type SelectionSpec, trimSlashes } from './selection.js';

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
  if (spec.graph === undefined && spec.scan === undefined)
    return { items: [...new Set(paths)], graph: undefined, index: undefined };
  return (await import('./closure-selection.js')).selectClosure(paths, spec, config, context);
}
