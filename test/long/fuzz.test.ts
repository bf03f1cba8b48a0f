import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./fuzz-archives.mjs', import.meta.url));

test('the first cases of the fuzz run show no defect', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, '--cases', '12000'], { encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('12000  cases from 0 on');
  // Most of what a reader can refuse is reached, and archives that it reads.
  for (const outcome of ['HEADER', 'CHECKSUM', 'PAX', 'SPARSE', 'SPARSE_MAP', 'LIMIT', 'END', 'TRUNCATED']) {
    expect(stdout).toContain(`tar: TAR_${outcome}`);
  }
  for (const outcome of ['INVALID', 'CHECKSUM', 'TRUNCATED']) expect(stdout).toContain(`gzip: GZIP_${outcome}`);
  for (const kind of ['tar', 'gzip']) expect(stdout).toContain(`${kind}: read`);
});
