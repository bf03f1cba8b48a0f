import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BuildSpec } from '../../src/index.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

/** The items of the fixture store as they lie in the checkout. */
export const FIXTURE_STORE: string = `${FIXTURES}store`;
/** Their references, as `exportReferencesGraph` writes them. */
export const FIXTURE_GRAPH: string = `${FIXTURES}store.graph`;
/** Their references, as `nix path-info --json` writes them. */
export const FIXTURE_GRAPH_JSON: string = `${FIXTURES}store.json`;

const NAMES = readdirSync(FIXTURE_STORE);

/** Path in the image of the item of this name and version. */
export function fixtureItem(name: string): string {
  const found = NAMES.filter((base) => base.slice(33).replace(/-[^a-z].*/, '') === name);
  if (found.length !== 1) throw new Error(`the fixture store has ${found.length} items of the name ${name}`);
  return `/nix/store/${found[0]}`;
}

/** What every image of the fixture store needs: where it lies, and modes that do not depend on the checkout's umask. */
export const IN_FIXTURE_STORE: Pick<BuildSpec, 'store' | 'mode'> = {
  store: { source: FIXTURE_STORE, destination: '/nix/store' },
  mode: 'go+u,go-w',
};

/** References by path, read from the committed graph without any code of ours. */
export function fixtureReferences(): Map<string, string[]> {
  const listed = JSON.parse(readFileSync(FIXTURE_GRAPH_JSON, 'utf8')) as { path: string; references: string[] }[];
  return new Map(listed.map(({ path, references }) => [path, references]));
}

/** Everything that items of the fixture store refer to, in byte order, found by following references one by one. */
export function fixtureClosure(...items: readonly string[]): string[] {
  const references = fixtureReferences();
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const reference of references.get(path)!) visit(reference);
  };
  items.forEach(visit);
  return [...found].sort();
}
