import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './commands.js';

/**
 * A copy of the built program that every user can run: the checkout may be below a directory that only its owner may
 * enter, such as a home of mode 0700.
 *
 * @returns path of the program, and what removes the copy
 */
export function copyForEveryUser(): { readonly program: string; remove(): void } {
  const project = realpathSync(fileURLToPath(new URL('../../', import.meta.url)));
  const copy = mkdtempSync(join(tmpdir(), 'tarseal-public-'));
  chmodSync(copy, 0o755);
  // What the program needs and no more: its own files and its production dependencies, as npm lists them.
  const dependencies = run('npm', ['ls', '--omit=dev', '--all', '--parseable', '--silent'], { cwd: project })
    .toString()
    .split('\n')
    .filter((path) => path.includes('node_modules'));
  for (const path of [
    'dist',
    'package.json',
    ...new Set(dependencies.map((path) => relative(project, realpathSync(path)))),
  ]) {
    mkdirSync(join(copy, path, '..'), { recursive: true });
    cpSync(join(project, path), join(copy, path), { recursive: true });
  }
  return { program: join(copy, 'dist/bin/tarseal.js'), remove: () => rmSync(copy, { recursive: true, force: true }) };
}
