// Our command, as it is installed: built, found, and started.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './measure.mjs';

export const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));

const { bin } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));

/** Where scripts find Node and our command. */
export const ENV = { NODE: process.execPath, TARSEAL: join(PROJECT, bin.tarseal) };

export function buildProject() {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: PROJECT });
}

/** Makes the bundle once more. @param args `--source-maps`: with maps beside it */
export function bundleProject(...args) {
  execFileSync(process.execPath, ['bundle.mjs', ...args], { cwd: PROJECT, stdio: 'pipe' });
}

/** Seconds until our command has begun, in some runs. */
export async function startUpSeconds() {
  const samples = [];
  for (let index = 0; index < 5; index++) {
    const { failure, seconds } = await run('"$NODE" "$TARSEAL" --version', PROJECT, { env: ENV });
    if (failure !== undefined) throw new Error(`tarseal --version: ${failure}`);
    samples.push(seconds);
  }
  return samples;
}
