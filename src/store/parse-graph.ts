import { syntaxError } from './graph-syntax.js';
import { parseJsonItems } from './parse-graph-json.js';
import { parseTextItems } from './parse-graph-text.js';
import { createReferenceGraph } from './reference-graph.js';
import type { ReferenceGraph } from './store-item.js';

const WHITE_SPACE = [0x20, 0x09, 0x0a, 0x0d];
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/**
 * Reads a reference graph in any form in which Nix and Guix write one; which it is is seen from the bytes.
 *
 * - the text of `exportReferencesGraph` and of Guix's `#:references-graphs`
 * - `registration` text: `nix-store --dump-db`, and the `closureInfo` of nixpkgs
 * - `nix path-info --json --recursive`: an array, an object by path, or an object with `storeDir` and `info`
 * - structured attributes: an object of named graphs, which are put together; also a whole `.attrs.json`
 *
 * What is no reference or size is not looked at. Of a JSON key that is given twice the last counts.
 *
 * @param source how messages name the graph, e.g. `--graph "g.json"`
 * @throws {StoreError} GRAPH_SYNTAX with the line or the JSON path, also when no item is listed; and what
 *   `createReferenceGraph` throws
 */
export function parseReferenceGraph(bytes: Uint8Array, source: string): ReferenceGraph {
  const items = isJson(bytes) ? parseJsonItems(bytes, source) : parseTextItems(bytes, source);
  const graph = createReferenceGraph(items, source);
  if (graph.size === 0) throw syntaxError(source, 'it', 'list at least one store item', 'lists none');
  return graph;
}

/** No text form begins with a brace or a bracket: they begin with an absolute path. */
function isJson(bytes: Uint8Array): boolean {
  let at = BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte) ? BYTE_ORDER_MARK.length : 0;
  while (WHITE_SPACE.includes(bytes[at]!)) at++;
  return bytes[at] === 0x7b || bytes[at] === 0x5b;
}
