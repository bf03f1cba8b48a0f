import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** The built command. */
export const PROGRAM: string = fileURLToPath(new URL('../../dist/bin/tarseal.js', import.meta.url));

/** What `tarseal build --json` prints. */
export interface BuildReport {
  readonly image: string;
  readonly manifest: string | null;
  readonly tags: readonly string[];
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string };
  readonly layers: readonly {
    readonly diffId: string;
    readonly digest: string;
    readonly sizeBytes: number;
    readonly items: readonly string[];
  }[];
  readonly output: string;
  readonly sizeBytes: number;
  readonly warnings: readonly string[];
}

/** Runs `tarseal ARGS`. @throws with everything that it printed when it fails */
export function runTarseal(args: readonly string[]): { readonly stdout: Buffer; readonly stderr: string } {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [PROGRAM, ...args], {
    maxBuffer: 256 * 2 ** 20,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`tarseal ${args.join(' ')} exited with ${status}:\n${stderr}`);
  return { stdout, stderr: stderr.toString('utf8') };
}

/** Runs `tarseal build ARGS -o OUTPUT --json`. */
export function buildToFile(args: readonly string[], output: string): BuildReport {
  return JSON.parse(runTarseal(['build', ...args, '-o', output, '--json']).stdout.toString('utf8')) as BuildReport;
}

/** Runs `tarseal build ARGS -o - --json`, where the report goes to standard error. */
export function buildToStdout(args: readonly string[]): { readonly bytes: Buffer; readonly report: BuildReport } {
  const { stdout, stderr } = runTarseal(['build', ...args, '-o', '-', '--json']);
  const json = stderr.split('\n').find((line) => line.startsWith('{')) ?? '';
  return { bytes: stdout, report: JSON.parse(json) as BuildReport };
}

/** What a call came to, whether it succeeded or not. */
export interface Outcome {
  readonly status: number | null;
  /** Bytes, one a character. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly cwd?: string;
  /** User and group; `program` must then be one that they can read. */
  readonly uid?: number;
  /** Added to PATH, which is all that the call has of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: string;
}

/** Runs `tarseal ARGS`, which may fail. */
export function callTarseal(
  args: readonly string[],
  { uid, env, program = PROGRAM, ...rest }: CallOptions = {},
): Outcome {
  const result = spawnSync(process.execPath, [program, ...args], {
    ...rest,
    ...(uid !== undefined && { uid, gid: uid }),
    env: { PATH: process.env['PATH'], ...env },
    maxBuffer: 1 << 28,
  });
  return { status: result.status, stdout: result.stdout.toString('latin1'), stderr: result.stderr.toString() };
}

/** Holds a call to have ended with this status and one message on standard error, and nothing on standard output. */
export function expectRefusal(outcome: Outcome, status: number, message: RegExp): void {
  expect(outcome.stderr).toMatch(message);
  expect(outcome.status).toBe(status);
  expect(outcome.stdout).toBe('');
  // One message, no stack.
  expect(outcome.stderr).not.toMatch(/^ +at /m);
}
