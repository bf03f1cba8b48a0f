import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The built command. */
export const PROGRAM: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

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
