import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scratchDirectory } from '../support/scratch.js';
import { callTarseal } from '../support/tarseal.js';

// What the disk and threads can do to a whole command. The rooms' own tests go through every stage; these hold the command to
// one clear error, and to no output but what was there.

const FAULTY = fileURLToPath(new URL('../support/faulty.cjs', import.meta.url));
const FILES = 1500;

/** Two items, so that there are layers to be told apart, and enough files for a worker. */
function makeTree(): string {
  const tree = join(scratchDirectory(), 'tree');
  for (const item of ['a', 'b']) {
    mkdirSync(join(tree, item), { recursive: true });
    for (let file = 0; file < FILES / 2; file++) writeFileSync(join(tree, item, `file-${file}`), `${item} ${file}\n`);
    writeFileSync(join(tree, item, 'long'), Buffer.alloc(3 << 20, item));
  }
  return tree;
}

type Arguments = (tree: string, output: string) => string[];
const COMMANDS: Readonly<Record<string, Arguments>> = {
  tar: (tree, output) => ['tar', '-C', tree, '-cf', output, '.'],
  'build, one layer': (tree, output) => ['build', '--jobs', '2', '--root', tree, '-o', output],
  'build, layers by size': (tree, output) => [
    ...['build', '--jobs', '2', join(tree, 'a'), join(tree, 'b'), '--store', `${tree}=/store`],
    ...['-t', 'a:b', '--max-layers', '5', '-o', output],
  ],
  'build, gzip': (tree, output) => [
    'build',
    '--jobs',
    '2',
    '--root',
    tree,
    '--layer-compression',
    'gzip',
    '-o',
    output,
  ],
  'build, to an OCI layout': (tree, output) => [
    ...['build', '--jobs', '2', '--root', tree, '-t', 'a:b', '--format', 'oci-layout', '-o', output],
  ],
};

interface Fault {
  readonly thread: 'main' | 'worker';
  readonly call: 'openSync' | 'readSync' | 'fstatSync' | 'writeSync' | 'closeSync' | 'renameSync';
  readonly at: number;
  readonly code?: 'EIO' | 'ENOSPC' | 'EMFILE';
  /** Where: in the sources or in the directory of the output. */
  readonly side: 'source' | 'output';
}
const INPUT = { side: 'source' } as const;
const OUTPUT = { side: 'output' } as const;
const FAULTS: Readonly<Record<string, readonly [Fault, message: RegExp]>> = {
  'a file that cannot be opened': [
    { thread: 'main', call: 'openSync', at: 300, code: 'EIO', ...INPUT },
    /"[^"]*\/file-\d+".*\[(?:READ_FAILED|SOURCE_UNREADABLE)\]/s,
  ],
  'a file that cannot be read': [
    { thread: 'main', call: 'readSync', at: 100, code: 'EIO', ...INPUT },
    /"[^"]*\/(?:file-\d+|long)".*\[READ_FAILED\]/,
  ],
  'a worker that cannot read': [
    { thread: 'worker', call: 'readSync', at: 3, code: 'EIO', ...INPUT },
    /"[^"]*\/(?:file-\d+|long)".*\[READ_FAILED\]/,
  ],
  'a worker that has no descriptor left': [
    { thread: 'worker', call: 'openSync', at: 3, code: 'EMFILE', ...INPUT },
    /"[^"]*\/(?:file-\d+|long)".*\[READ_FAILED\]/,
  ],
  'a worker that ends': [{ thread: 'worker', call: 'readSync', at: 3, ...INPUT }, /worker.*\[WORKER_FAILED\]/],
  'a full disk': [{ thread: 'main', call: 'writeSync', at: 1, code: 'ENOSPC', ...OUTPUT }, /out.*\[OUTPUT_FAILED\]/],
  'an output that cannot be closed': [
    { thread: 'main', call: 'closeSync', at: 1, code: 'EIO', ...OUTPUT },
    /out.*\[OUTPUT_FAILED\]/,
  ],
  'an output that cannot be renamed': [
    { thread: 'main', call: 'renameSync', at: 1, code: 'EIO', ...OUTPUT },
    /out.*\[OUTPUT_FAILED\]/,
  ],
};

for (const [command, args] of Object.entries(COMMANDS)) {
  test.each(Object.entries(FAULTS))(`${command}: %s ends in one error and leaves nothing`, (_, [fault, message]) => {
    const tree = makeTree();
    const directory = scratchDirectory();
    const output = join(directory, 'out');
    const happened = join(scratchDirectory(), 'happened');
    const { side, ...rest } = fault;
    const paths = side === 'source' ? tree : directory;
    const env = { FAULT: JSON.stringify({ ...rest, paths, slow: fault.thread === 'worker' }), HAPPENED: happened };
    const outcome = callTarseal(args(tree, output), { env: { ...env, NODE_OPTIONS: `--require ${FAULTY}` } });
    expect(existsSync(happened), outcome.stderr).toBe(true);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr.match(/^tarseal: /gm)).toHaveLength(1);
    expect(outcome.stderr).not.toMatch(/^ +at /m);
    expect(outcome.stdout).toBe('');
    expect(outcome.status).toBeGreaterThan(0);
    expect(readdirSync(directory)).toEqual([]);
  });
}
