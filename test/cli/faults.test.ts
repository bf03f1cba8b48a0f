import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { callTarseal, type Outcome, PROGRAM } from '../support/tarseal.js';

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
  readonly call: 'openSync' | 'readSync' | 'fstatSync' | 'writeSync' | 'closeSync' | 'renameSync' | 'readFileSync';
  readonly at: number;
  readonly code?: 'EIO' | 'ENOSPC' | 'EMFILE' | 'ZERO';
  /** Where: in the sources, in the directory of the output, or in a file of the program. */
  readonly side: 'source' | 'output' | `program/${string}`;
}
const INPUT = { side: 'source' } as const;
const OUTPUT = { side: 'output' } as const;
const SOURCE_FAILED = /"[^"]*\/(?:file-\d+|long)".*\[READ_FAILED\]/;
const OUTPUT_FAILED = /out.*\[OUTPUT_FAILED\]/;

const FAULTS: Readonly<Record<string, readonly [faults: readonly Fault[], message: RegExp]>> = {
  'a file that cannot be opened': [
    [{ thread: 'main', call: 'openSync', at: 300, code: 'EIO', ...INPUT }],
    /"[^"]*\/file-\d+".*\[(?:READ_FAILED|SOURCE_UNREADABLE)\]/s,
  ],
  'a file that cannot be read': [[{ thread: 'main', call: 'readSync', at: 100, code: 'EIO', ...INPUT }], SOURCE_FAILED],
  'a file that can neither be read nor closed': [
    [
      { thread: 'main', call: 'readSync', at: 100, code: 'EIO', ...INPUT },
      { thread: 'main', call: 'closeSync', at: 90, code: 'EIO', ...INPUT },
    ],
    SOURCE_FAILED,
  ],
  'a worker that cannot read': [[{ thread: 'worker', call: 'readSync', at: 3, code: 'EIO', ...INPUT }], SOURCE_FAILED],
  'a worker that has no descriptor left': [
    [{ thread: 'worker', call: 'openSync', at: 3, code: 'EMFILE', ...INPUT }],
    SOURCE_FAILED,
  ],
  'a worker that ends': [[{ thread: 'worker', call: 'readSync', at: 3, ...INPUT }], /worker.*\[WORKER_FAILED\]/],
  'an output that cannot be looked at, or written': [
    [
      { thread: 'main', call: 'fstatSync', at: 1, code: 'EIO', ...OUTPUT },
      { thread: 'main', call: 'writeSync', at: 1, code: 'EIO', ...OUTPUT },
    ],
    OUTPUT_FAILED,
  ],
  'a full disk': [[{ thread: 'main', call: 'writeSync', at: 1, code: 'ENOSPC', ...OUTPUT }], OUTPUT_FAILED],
  'a disk that takes nothing': [[{ thread: 'main', call: 'writeSync', at: 1, code: 'ZERO', ...OUTPUT }], OUTPUT_FAILED],
  'an output that cannot be closed': [
    [{ thread: 'main', call: 'closeSync', at: 1, code: 'EIO', ...OUTPUT }],
    OUTPUT_FAILED,
  ],
  'an output that cannot be renamed': [
    [{ thread: 'main', call: 'renameSync', at: 1, code: 'EIO', ...OUTPUT }],
    OUTPUT_FAILED,
  ],
};

/** Faults that nothing is lost by. */
const HARMLESS: Readonly<Record<string, Fault>> = {
  'a file that cannot be closed': { thread: 'main', call: 'closeSync', at: 9, code: 'EIO', ...INPUT },
  'a worker that cannot close a file': { thread: 'worker', call: 'closeSync', at: 2, code: 'EIO', ...INPUT },
  'a worker that has no descriptor to begin with': {
    ...{ thread: 'worker', call: 'readFileSync', at: 1, code: 'EMFILE' },
    side: 'program/',
  },
};

interface FaultyCall {
  readonly outcome: Outcome;
  /** The directory of the output, which is `out` there. */
  readonly directory: string;
}

function callWithFaults(args: Arguments, tree: string, faults: readonly Fault[]): FaultyCall {
  const directory = scratchDirectory();
  const happened = join(scratchDirectory(), 'happened');
  const placed = faults.map(({ side, ...fault }) => ({
    ...fault,
    paths: side === 'source' ? tree : side === 'output' ? directory : side.replace('program/', `${dirname(PROGRAM)}/`),
  }));
  const env = {
    ...{ FAULTS: JSON.stringify(placed), HAPPENED: happened, NODE_OPTIONS: `--require ${FAULTY}` },
    ...(faults.some(({ thread }) => thread === 'worker') && { SLOW: '1' }),
  };
  const outcome = callTarseal(args(tree, join(directory, 'out')), { env });
  expect(existsSync(happened), outcome.stderr).toBe(true);
  return { outcome, directory };
}

function expectOneError({ outcome, directory }: FaultyCall, message: RegExp): void {
  expect(outcome.stderr).toMatch(message);
  expect(outcome.stderr.match(/^tarseal: /gm)).toHaveLength(1);
  expect(outcome.stderr).not.toMatch(/^ +at |internal error/m);
  expect(outcome.stdout).toBe('');
  expect(outcome.status).toBeGreaterThan(0);
  expect(readdirSync(directory)).toEqual([]);
}

for (const [command, args] of Object.entries(COMMANDS)) {
  test.each(Object.entries(FAULTS))(`${command}: %s ends in one error and leaves nothing`, (_, [faults, message]) => {
    expectOneError(callWithFaults(args, makeTree(), faults), message);
  });
}

for (const [command, args] of Object.entries(COMMANDS)) {
  // The others work as these do.
  if (command.includes('size') || command.includes('OCI')) continue;
  test.each(Object.entries(HARMLESS))(`${command}: %s changes nothing`, (_, fault) => {
    const tree = makeTree();
    const { outcome, directory } = callWithFaults(args, tree, [fault]);
    expect(outcome).toMatchObject({ status: 0, stderr: expect.not.stringMatching(/warning/) });
    const expected = join(scratchDirectory(), 'out');
    expect(callTarseal(args(tree, expected)).status).toBe(0);
    run('diff', ['-r', join(directory, 'out'), expected]);
  });
}

test.each(['tar', 'build, one layer'])(
  '%s tells what came first where there is no descriptor for the rest',
  (command) => {
    const program = command === 'tar' ? 'seal-read.js' : 'read-image.js';
    const faults: readonly Fault[] = [
      { thread: 'main', call: 'openSync', at: 50, code: 'EMFILE', ...INPUT },
      { thread: 'main', call: 'readFileSync', at: 1, code: 'EMFILE', side: `program/${program}` },
    ];
    expectOneError(callWithFaults(COMMANDS[command]!, makeTree(), faults), SOURCE_FAILED);
  },
);
