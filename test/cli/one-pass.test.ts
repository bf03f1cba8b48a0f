import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { testUnless } from '../support/clients.js';
import { scratchDirectory } from '../support/scratch.js';
import { PROGRAM } from '../support/tarseal.js';

const INPUT_BYTES = 96 << 20;
/** What a process reads besides: the program itself, its packages, V8's snapshot. */
const ALLOWANCE = 24 << 20;

/** Bytes that a build read and wrote with system calls, by the kernel's own count. */
function countBytes(args: readonly string[], dir: string): { read: number; written: number } {
  // Workers are given the hook too; the kernel counts for the process, and the main thread is the last to end.
  const hook = `if (require('node:worker_threads').isMainThread) process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(`${dir}/io`)}, require('node:fs').readFileSync('/proc/self/io')))`;
  writeFileSync(`${dir}/hook.cjs`, hook);
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--require', `${dir}/hook.cjs`, PROGRAM, 'build', '--root', `${dir}/src`, ...args],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  expect(status, stderr.toString()).toBe(0);
  const io = spawnSync('cat', [`${dir}/io`]).stdout.toString();
  const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1]);
  return { read: field('rchar'), written: field('wchar') };
}

function scene(): string {
  const dir = scratchDirectory();
  mkdirSync(`${dir}/src`);
  for (let file = 0; file < 6; file++) writeFileSync(`${dir}/src/${file}`, Buffer.alloc(INPUT_BYTES / 6, file));
  return dir;
}

describe('each byte of the input', () => {
  const linux = testUnless(existsSync('/proc/self/io') ? [] : ['/proc/self/io is missing']);

  linux('is read once and written once where the output can seek', () => {
    const dir = scene();
    for (const args of [[], ['--format', 'oci-archive'], ['--format', 'oci-layout', '--layer-compression', 'none']]) {
      const { read, written } = countBytes([...args, '-o', `${dir}/out${args.length}`], dir);
      expect(read).toBeGreaterThan(INPUT_BYTES);
      expect(read).toBeLessThan(INPUT_BYTES + ALLOWANCE);
      expect(written).toBeGreaterThan(INPUT_BYTES);
      expect(written).toBeLessThan(INPUT_BYTES + ALLOWANCE);
    }
    expect(readdirSync(dir).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  linux('is read twice and written once into a stream, without a temporary copy', () => {
    const dir = scene();
    const { read, written } = countBytes(['-o', '/dev/null'], dir);
    expect(read).toBeGreaterThan(2 * INPUT_BYTES);
    expect(read).toBeLessThan(2 * INPUT_BYTES + ALLOWANCE);
    expect(written).toBeLessThan(INPUT_BYTES + ALLOWANCE);
  });
});
