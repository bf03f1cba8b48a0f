import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Numbers of another user, for whom only root can run a program. */
  readonly uid?: number;
  readonly gid?: number;
  /** Standard input. */
  readonly input?: Uint8Array;
}

/** Runs a program. @returns its standard output @throws with everything that it printed when it fails */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { ...options, maxBuffer: 256 * 2 ** 20 });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} exited with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** SHA-256 by node:crypto, as a digest. */
export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
