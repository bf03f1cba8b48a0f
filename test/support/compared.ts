import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Comparison, diffImages, type Explanation, explainImages } from '../../src/verify/index.js';
import { run } from './commands.js';

/** Runs a script of bash in a directory, in the C locale and UTC. */
export function bash(script: string, cwd: string): string {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  return run('bash', ['-euo', 'pipefail', '-c', script], { cwd, env }).toString('utf8');
}

/** Compares two files of a directory; all differences are listed. */
export function diffOf(cwd: string, a: string, b: string): Promise<Comparison> {
  return diffImages(join(cwd, a), join(cwd, b), { temporaryDirectory: tmpdir(), limit: Number.POSITIVE_INFINITY });
}

/** The same with causes. */
export function explanationOf(cwd: string, a: string, b: string): Promise<Explanation> {
  return explainImages(join(cwd, a), join(cwd, b), { temporaryDirectory: tmpdir(), limit: Number.POSITIVE_INFINITY });
}
