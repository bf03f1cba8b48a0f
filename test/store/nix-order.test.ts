import { spawnSync } from 'node:child_process';
import { expect } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { closureOf, orderTopologically, parseReferenceGraph } from '../../src/store/index.js';
import { clientTest } from '../support/clients.js';
import { scratchDirectory } from '../support/scratch.js';
import { numbered, pseudoRandom, SOURCE } from './items.js';
import { nixEnvironment } from './nix-environment.js';

const ALPHABET = '0123456789abcdfghijklmnpqrsvwxyz';

clientTest('nix-store')('a registration that Nix took is read back, and closures are in its order', () => {
  const scratch = scratchDirectory();
  const env = nixEnvironment(scratch);
  const nixStore = (args: readonly string[], input?: string): Buffer => {
    const { status, stdout, stderr } = spawnSync('nix-store', args, { env, input });
    expect(status, stderr.toString()).toBe(0);
    return stdout;
  };

  const random = pseudoRandom(9);
  const below = (limit: number): number => Math.floor(random() * limit);
  const references = Array.from({ length: 200 }, (_, i) => [
    ...new Set(Array.from({ length: below(6) }, () => i + below(30)).filter((to) => to < 200)),
  ]);
  const items = numbered(references, (i) => {
    const hash = Array.from({ length: 32 }, () => ALPHABET[below(32)]).join('');
    return `${scratch}/${hash}-item-${i}`;
  });
  const registration = items.map(({ path, references }, i) =>
    [path, i.toString(16).padStart(64, '0'), 1000 + i, '', references.length, ...references, ''].join('\n'),
  );
  nixStore(['--load-db'], registration.join(''));

  const graph = parseReferenceGraph(nixStore(['--dump-db']), SOURCE);
  expect([...graph.values()]).toEqual(
    items
      .map((item, i) => ({ ...item, references: item.references.toSorted(), narSizeBytes: 1000 + i }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
  );
  for (const roots of [[0], [1], [7, 50], [120, 30, 3]].map((places) => places.map((place) => items[place]!.path))) {
    const order = orderTopologically(closureOf(graph, roots as ByteString[], SOURCE));
    expect(order.map(({ path }) => path)).toEqual(
      nixStore(['--query', '--requisites', ...roots])
        .toString()
        .trimEnd()
        .split('\n'),
    );
  }
});
