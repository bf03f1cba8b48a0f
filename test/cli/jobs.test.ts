import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clientTest, missingClients, testUnless } from '../support/clients.js';
import { run, sha256 } from '../support/commands.js';
import { gnuTarArguments } from '../support/gnu-tar.js';
import { copyForEveryUser } from '../support/public-program.js';
import { scratchDirectory } from '../support/scratch.js';
import { buildToFile, buildToStdout, PROGRAM, runTarseal } from '../support/tarseal.js';

const MIB = 1 << 20;
const COUNT_WORKERS = fileURLToPath(new URL('../support/count-workers.cjs', import.meta.url));
const PEAK_MEMORY = fileURLToPath(new URL('../../bench/peak-memory.cjs', import.meta.url));

/** A file that takes no space, with something at its beginning. */
function writeSparse(path: string, sizeBytes: number): void {
  writeFileSync(path, `sparse ${path.length}`);
  truncateSync(path, sizeBytes);
}

/** Small files, a huge one among them, and directories to be layers: by default enough work for several threads. */
function makeLargeTree(hugeBytes: number = 90 * MIB): string {
  const root = join(scratchDirectory(), 'tree');
  for (const directory of ['a', 'b', 'c', 'd']) {
    mkdirSync(join(root, directory), { recursive: true });
    for (let file = 0; file < 150; file++)
      writeFileSync(join(root, directory, `file-${file}`), `${directory}${file}`.repeat((file * 379) % 4000));
    writeSparse(join(root, directory, 'm-sparse'), directory === 'b' ? hugeBytes : MIB);
  }
  return root;
}

describe('threads are started', () => {
  const small = (): string => {
    const dir = scratchDirectory();
    writeFileSync(join(dir, 'file'), 'small');
    return dir;
  };
  const CASES: Readonly<Record<string, readonly [args: () => readonly string[], started: number]>> = {
    'none for a small image': [() => ['build', '--root', small(), '--jobs', '8', '-o'], 0],
    'none for a small archive': [() => ['tar', '-C', small(), '.', '-cf'], 0],
    'none with --jobs 1': [() => ['build', '--root', makeLargeTree(), '--jobs', '1', '-o'], 0],
    'one with --jobs 2': [() => ['build', '--root', makeLargeTree(), '--jobs', '2', '-o'], 1],
    'as many as are worth it': [() => ['build', '--root', makeLargeTree(), '--jobs', '64', '-o'], 4],
    'none by --dry-run': [() => ['build', '--root', makeLargeTree(), '--jobs', '8', '--dry-run', '-o'], 0],
  };
  test.each(Object.entries(CASES))('%s', (_, [args, started]) => {
    const { stderr } = spawnSync(
      process.execPath,
      ['--require', COUNT_WORKERS, PROGRAM, ...args(), join(scratchDirectory(), 'out.tar')],
      { encoding: 'utf8' },
    );
    expect(stderr).toMatch(new RegExp(`^workers ${started}$`, 'm'));
  });
});

testUnless([
  ...missingClients('prlimit'),
  ...(process.getuid?.() === 0 ? [] : ['a user without other threads needs root']),
])('where the system lets a user have few threads, the bytes are the same', () => {
  const { program, remove } = copyForEveryUser();
  onTestFinished(remove);
  const countWorkers = join(program, '..', 'count-workers.cjs');
  cpSync(COUNT_WORKERS, countWorkers);
  const root = makeLargeTree(24 * MIB);
  chmodSync(join(root, '..'), 0o755);
  const build = (jobs: number): readonly string[] => [
    'build',
    '--root',
    root,
    '-C',
    'gzip:1',
    '--jobs',
    `${jobs}`,
    '-o',
  ];
  // Node itself takes some eleven.
  const args = ['--nproc=16', process.execPath, '--require', countWorkers, program, ...build(8), '-'];
  const { stdout, stderr } = spawnSync('prlimit', args, { uid: 54_321, gid: 54_321, maxBuffer: 64 * MIB });
  expect(stderr.toString()).toMatch(/^workers [0-6]$/m);
  expect(sha256(stdout)).toBe(sha256(runTarseal([...build(1), '-']).stdout));
});

describe('the bytes of an image are the same for 1, 2, 3 and 8 jobs', () => {
  const FORMS: Readonly<Record<string, readonly string[]>> = {
    'an archive of layers': [],
    'an archive of compressed layers': ['--layer-compression', 'gzip:1'],
    'a compressed archive': ['--compression', 'gzip:1'],
    'an OCI archive': ['--format', 'oci-archive'],
  };
  test.each(Object.entries(FORMS))('%s', (_, form) => {
    // To compress is work enough with less.
    const root = makeLargeTree(form.join().includes('gzip') ? 9 * MIB : undefined);
    const items = ['a', 'b', 'c', 'd'].map((name) => join(root, name));
    const out = join(scratchDirectory(), 'out.tar');
    const build = (jobs: number): string => {
      buildToFile([...items, '--transform', `${root}=/i`, ...form, '-t', 'x', '--jobs', String(jobs)], out);
      return sha256(readFileSync(out));
    };
    const expected = build(1);
    for (const jobs of [2, 3, 8]) expect(build(jobs), `${jobs} jobs`).toBe(expected);
    const { bytes } = buildToStdout([...items, '--transform', `${root}=/i`, ...form, '-t', 'x', '--jobs', '3']);
    expect(sha256(bytes)).toBe(expected);
  });
});

test('layers whose members are packed as they are listed are the same for 1, 2, 3 and 8 jobs', () => {
  const root = makeLargeTree();
  const items = ['a', 'b', 'c', 'd'].map((name) => join(root, name));
  const graph = join(scratchDirectory(), 'graph.json');
  writeFileSync(graph, JSON.stringify(items.map((path, index) => ({ path, references: items.slice(index + 1) }))));
  const args = [items[0]!, '--graph', graph, '--preset', 'tmp', '-t', 'x'];
  const out = join(scratchDirectory(), 'out.tar');
  const { bytes, report } = buildToStdout([...args, '--jobs', '3']);
  expect(report.layers).toHaveLength(5);
  for (const jobs of [1, 2, 3, 8]) {
    expect(buildToFile([...args, '--jobs', `${jobs}`], out), `${jobs} jobs`).toEqual({ ...report, output: out });
    expect(sha256(readFileSync(out)), `${jobs} jobs`).toBe(sha256(bytes));
  }
});

test('threads print nothing', () => {
  const root = makeLargeTree(9 * MIB);
  for (const form of [[], ['--layer-compression', 'gzip:1'], ['-C', 'gzip:1']]) {
    const args = ['build', '--root', root, '-t', 'x', ...form, '--jobs', '3', '--quiet', '-o'];
    const { stdout, stderr } = runTarseal([...args, join(scratchDirectory(), 'out.tar')]);
    expect(stdout.toString() + stderr).toBe('');
  }
});

const gnuTarTest = clientTest('tar');

gnuTarTest("an archive that is read while it is written is GNU tar's, and without itself", () => {
  const root = makeLargeTree();
  const expected = join(scratchDirectory(), 'expected.tar');
  run('tar', [...gnuTarArguments('ustar'), '-C', root, '-cf', expected, '.']);
  // Into the tree itself, where its temporary file is when the last directory is read.
  runTarseal(['tar', '-C', root, '-cf', join(root, 'd', 'out.tar'), '.']);
  expect(sha256(readFileSync(join(root, 'd', 'out.tar')))).toBe(sha256(readFileSync(expected)));
  expect(readdirSync(join(root, 'd')).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('what the format cannot hold is an error wherever it is found, and leaves nothing', () => {
  const root = makeLargeTree();
  mkdirSync(join(root, 'z'));
  writeFileSync(join(root, 'z', 'n'.repeat(120)), '');
  const dir = scratchDirectory();
  const { status, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, 'tar', '--strict', '-C', root, '-cf', join(dir, 'out.tar'), '.'],
    { encoding: 'utf8' },
  );
  expect(stderr).toMatch(/\[TAR_FIELD_RANGE\]/);
  expect(status).toBe(2);
  expect(readdirSync(dir)).toEqual([]);
});

test('memory is bounded while a reader is slow', async () => {
  const root = scratchDirectory();
  writeSparse(join(root, 'huge'), 600 * MIB);
  const child = spawn(process.execPath, ['--require', PEAK_MEMORY, PROGRAM, 'tar', '-C', root, '-cf', '-', '.'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  let sizeBytes = 0;
  for await (const chunk of child.stdout) {
    // As long as it takes the writer to fill all that it has.
    if (sizeBytes < 4 * MIB) await delay(5);
    sizeBytes += (chunk as Buffer).length;
  }
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  expect(sizeBytes).toBeGreaterThan(600 * MIB);
  expect(Number(/^peak-memory-kib (\d+)$/m.exec(stderr)?.[1]) / 1024).toBeLessThan(150);
});
