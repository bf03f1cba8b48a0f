import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { PROGRAM, runTarseal } from '../support/tarseal.js';

/**
 * Runs a command with its standard output on a pipe in non-blocking mode that holds one page and is read a few bytes at a
 * time, once the command has filled it. Prints what was read; ends as the command does.
 */
const SLOW_READER = `
import fcntl, os, select, subprocess, sys
r, w = os.pipe()
fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
os.set_blocking(w, False)
child = subprocess.Popen(sys.argv[1:], stdout=w)
while select.select([], [w], [], 0)[1] and child.poll() is None:
    pass
os.close(w)
while True:
    piece = os.read(r, 999)
    if not piece:
        break
    sys.stdout.buffer.write(piece)
sys.exit(child.wait())
`;

const python = clientTest('python3');

python('all that is printed reaches a slow reader of a pipe in non-blocking mode', () => {
  const root = scratchDirectory();
  mkdirSync(join(root, 'tree'));
  for (let file = 0; file < 3000; file++) writeFileSync(join(root, 'tree', `file-${file}`), '');
  const archive = join(root, 'archive.tar');
  runTarseal(['tar', '-cf', archive, '-C', root, 'tree']);

  const listing = ['inspect', '--files', archive];
  const printed = run('python3', ['-c', SLOW_READER, process.execPath, PROGRAM, ...listing]);
  expect(printed.length).toBeGreaterThan(100_000);
  expect(printed.equals(runTarseal(listing).stdout)).toBe(true);
});
