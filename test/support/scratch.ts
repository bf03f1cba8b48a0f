import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A directory of its own for one test, removed when that is over. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tarseal-test-'));
  onTestFinished(() => {
    // Read-only directories of a store can only be emptied by root.
    if (process.getuid?.() !== 0) spawnSync('chmod', ['-R', 'u+rwX', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}
