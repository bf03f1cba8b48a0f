// Keeps what a run prints in README.md, between two comments.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const README = new URL('./README.md', import.meta.url);

/** @param name of the place, which is between `<!-- NAME: begin -->` and `<!-- NAME: end -->` */
export function saveInReadme(name, text) {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [before, , after] = readFileSync(README, 'utf8').split(new RegExp(`(${begin}[\\s\\S]*${end})`));
  if (after === undefined) throw new Error(`bench/README.md has no place for ${name}`);
  writeFileSync(README, `${before}${begin}\n\n${text}\n\n${end}${after}`);
  format(fileURLToPath(README));
}

/** As the project's linter wants it. */
export function format(file) {
  execFileSync('npx', ['biome', 'format', '--write', file], { stdio: 'ignore' });
}
