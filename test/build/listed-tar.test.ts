import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeDifference } from '../support/archive-diff.js';
import { clientTest, missingClients } from '../support/clients.js';
import { run } from '../support/commands.js';
import { gnuTar, gnuTarArguments } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { callTarseal, PROGRAM } from '../support/tarseal.js';

/** Packs `t` in a directory where `commands` mounted something, which nobody else sees. @returns GNU tar's and ours */
function packMounted(cwd: string, commands: string): { theirs: Buffer; ours: Buffer; stderr: string } {
  const script = `set -e
    ${commands}
    tar ${gnuTarArguments('gnu').join(' ')} -cf out t 2>/dev/null; cp out theirs
    "$0" "$1" tar --format=gnu -cf out t; cp out ours`;
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
    // Opened outside of devpts, it is said not to be there.
    'a device that cannot be opened by another name': 'mount --bind /dev/ptmx t/over',
    'the output, at another place': 'touch out; mount --bind out t/over; mount --bind out t/z',
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

/** Files enough for workers, and among them names of the output. */
function makeTree(): { cwd: string; names: string[] } {
  const cwd = scratchDirectory();
  mkdirSync(join(cwd, 't'));
  for (let index = 0; index < 1500; index++) writeFileSync(join(cwd, 't', `${index}`), 'x'.repeat(index));
  writeFileSync(join(cwd, 't/out'), 'precious');
  symlinkSync('out', join(cwd, 't/link-to-out'));
  const names = ['1000x', '1200x', '999x'];
  for (const name of names) linkSync(join(cwd, 't/out'), join(cwd, 't', name));
  return { cwd, names: [...names, 'out'] };
}

describe('an output in the tree', () => {
  clientTest('tar')('is no member, under any of its names: as with GNU tar, and each with a warning', () => {
    const { cwd, names } = makeTree();
    const warnings = names.map((name) => `tarseal: warning: "${join(cwd, 't', name)}" is the output and is left out\n`);
    for (const output of ['t/out', 't/link-to-out']) {
      const { status, stderr } = callTarseal(['tar', '--format=gnu', '-cf', output, 't'], { cwd });
      expect({ status, stderr: stderr.replace(/^sha256:.*\n/m, '') }).toEqual({ status: 0, stderr: warnings.join('') });
      const ours = readFileSync(join(cwd, 't/out'));
      for (const name of names) {
        if (name !== 'out') unlinkSync(join(cwd, 't', name));
        if (name !== 'out') linkSync(join(cwd, 't/out'), join(cwd, 't', name));
      }
      gnuTar([...gnuTarArguments('gnu'), '-cf', 't/out', 't'], cwd);
      expect(describeDifference(readFileSync(join(cwd, 't/out')), ours)).toBeUndefined();
    }
    expect(readdirSync(join(cwd, 't')).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  test('that fails is as it was, with nothing beside it', () => {
    const { cwd } = makeTree();
    const before = readdirSync(join(cwd, 't'));
    const { status, stderr } = callTarseal(['tar', '-cf', 't/out', 't', 'nowhere'], { cwd });
    expect(stderr).toMatch(/nowhere": it does not exist \[SOURCE_MISSING\]$/m);
    expect(status).toBe(2);
    expect(readdirSync(join(cwd, 't'))).toEqual(before);
    expect(readFileSync(join(cwd, 't/out'), 'utf8')).toBe('precious');
  });
});
