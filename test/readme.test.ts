import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { clientTest } from './support/clients.js';
import { scratchDirectory } from './support/scratch.js';
import { PROGRAM } from './support/tarseal.js';

const README = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');

/** Commands of the console blocks with the output that the README shows; comments and loading into a daemon left out. */
function tour(): { command: string; output: string }[] {
  const blocks = [...README.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block]) => block!);
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((step) => {
      const [command = '', ...output] = step.split('\n');
      return { command, output: output.join('\n') };
    })
    .filter(({ command }) => !command.startsWith('docker '));
}

clientTest(
  'bash',
  'tar',
  'sha256sum',
)('the tour of the README prints what the README says', () => {
  const cwd = scratchDirectory();
  symlinkSync(fileURLToPath(new URL('../fixtures', import.meta.url)), join(cwd, 'fixtures'));
  const steps = tour();
  expect(steps.length).toBeGreaterThanOrEqual(6);
  for (const { command, output } of steps) {
    const script = `tarseal() { "${process.execPath}" "${PROGRAM}" "$@"; }; ${command}`;
    const { stdout, stderr, status } = spawnSync('sh', ['-c', script], {
      cwd,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    expect(status, command).toBe(0);
    expect(`${stderr}${stdout}`, command).toBe(output);
  }
});
