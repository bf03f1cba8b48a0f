import { spawnSync } from 'node:child_process';

export type Format = 'ustar' | 'gnu' | 'posix';

export const FORMATS: readonly Format[] = ['ustar', 'gnu', 'posix'];

const DETERMINISTIC = ['--sort=name', '--mtime=@1', '--owner=root:0', '--group=root:0', '--hard-dereference'];

/** What the issue of byte identity is measured against: GNU tar with the options that make it deterministic. */
export function gnuTarArguments(format: Format): string[] {
  const pax = format === 'posix' ? ['--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime'] : [];
  return [...DETERMINISTIC, `--format=${format}`, ...pax];
}

/** Runs the system's GNU tar; throws with its messages when it fails. */
export function gnuTar(args: readonly (string | Buffer)[], cwd: string, input?: Buffer): Buffer {
  const result = spawnSync('tar', args as string[], {
    cwd,
    input,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    maxBuffer: 1 << 30,
  });
  if (result.status !== 0) throw new Error(`tar ${args.join(' ')} failed: ${result.stderr.toString('latin1')}`);
  return result.stdout;
}
