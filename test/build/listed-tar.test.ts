import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeDifference } from '../support/archive-diff.js';
import { missingClients } from '../support/clients.js';
import { run } from '../support/commands.js';
import { gnuTarArguments } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { PROGRAM } from '../support/tarseal.js';

/** Packs `t` in a directory where `commands` mounted something, which nobody else sees. @returns GNU tar's and ours */
function packMounted(cwd: string, commands: string): { theirs: Buffer; ours: Buffer; stderr: string } {
  const script = `set -e
    ${commands}
    tar ${gnuTarArguments('gnu').join(' ')} -cf theirs t 2>/dev/null
    "$0" "$1" tar --format=gnu -cf ours t`;
  const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, PROGRAM], { cwd });
  expect(status, String(stderr)).toBe(0);
  return { theirs: run('cat', [join(cwd, 'theirs')]), ours: run('cat', [join(cwd, 'ours')]), stderr: String(stderr) };
}

const canMount =
  missingClients('unshare', 'mount', 'tar', 'python3').length === 0 &&
  spawnSync('unshare', ['-m', 'mount', '--bind', '/tmp', '/mnt']).status === 0;
const canMountLoops = canMount && spawnSync('sh', ['-c', 'command -v mkfs.ext2 && losetup -f']).status === 0;

describe('what a directory lists and is not there', () => {
  const MOUNTS: Readonly<Record<string, string>> = {
    'a device over a file': 'mount --bind /dev/null t/over',
    'a device that nothing stands behind': 'mknod "$PWD/gone" c 10 254; mount --bind gone t/over',
    'a socket over a file': `python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('socket')"; mount --bind socket t/over`,
  };
  test.skipIf(!canMount).each(Object.entries(MOUNTS))('%s is packed as what it is', (_, commands) => {
    const cwd = scratchDirectory();
    mkdirSync(join(cwd, 't'));
    for (const name of ['a', 'over', 'z']) writeFileSync(join(cwd, 't', name), name);
    const { theirs, ours, stderr } = packMounted(cwd, commands);
    expect(describeDifference(theirs, ours)).toBeUndefined();
    expect(/is a socket and is left out/.test(stderr)).toBe(commands.includes('socket'));
  });
});

test.skipIf(!canMountLoops)('a file system that lists no types has the same members', () => {
  const cwd = scratchDirectory();
  const { theirs, ours } = packMounted(
    cwd,
    `truncate -s 1M image; mkfs.ext2 -q -O ^filetype image; mkdir t; mount -o loop image t; rmdir t/lost+found
     mkdir -p t/sub t/ü/sub; ln -s sub t/link; mkfifo t/fifo
     for name in plain ümlaut "$(printf '\\377')"; do echo "$name" > "t/$name"; echo > "t/ü/$name"; done`,
  );
  expect(describeDifference(theirs, ours)).toBeUndefined();
  expect(theirs.length).toBeGreaterThan(15 * 512);
});
