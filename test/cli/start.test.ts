import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { callTarseal, PROGRAM } from '../support/tarseal.js';

const LIST_LOADED = fileURLToPath(new URL('../support/list-loaded.cjs', import.meta.url));
const BIN = dirname(PROGRAM);

interface Loaded {
  readonly builtins: readonly string[];
  readonly files: readonly string[];
}

/** What `node ARGS` has loaded at its end. */
function loadedBy(args: readonly string[]): Loaded {
  const list = join(scratchDirectory(), 'loaded');
  run(process.execPath, ['--require', LIST_LOADED, ...args], { env: { ...process.env, LOADED: list } });
  return JSON.parse(readFileSync(list, 'utf8')) as Loaded;
}

function small(): string {
  const dir = scratchDirectory();
  writeFileSync(join(dir, 'file'), 'small');
  return dir;
}

const output = (): string => join(scratchDirectory(), 'out.tar');

/** What a call may load: Node's modules, with what they are made of, and our files, in thousands of bytes. */
interface Allowed {
  readonly builtins: readonly string[];
  readonly kilobytes: number;
}
const CALLS: Readonly<Record<string, readonly [args: () => readonly string[], allowed: Allowed]>> = {
  '--version': [() => ['--version'], { builtins: [], kilobytes: 10 }],
  tar: [() => ['tar', '-C', small(), '-cf', output(), '--json', '.'], { builtins: ['crypto', 'os'], kilobytes: 80 }],
  build: [
    () => ['build', '--root', small(), '-t', 'small:1', '-o', output(), '--json'],
    { builtins: ['crypto', 'os'], kilobytes: 155 },
  ],
};

describe('a short run loads no more than it needs', () => {
  test.each(Object.entries(CALLS))('%s', (_, [args, { builtins, kilobytes }]) => {
    const loaded = loadedBy([PROGRAM, ...args()]);
    const known = new Set(loadedBy(['--eval', builtins.map((name) => `require('node:${name}');`).join('')]).builtins);
    expect(loaded.builtins.filter((name) => !known.has(name))).toEqual([]);

    const files = loaded.files.filter((file) => file !== LIST_LOADED);
    expect(files.filter((file) => dirname(file) !== BIN)).toEqual([]);
    const sizeBytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    expect(sizeBytes, files.map((file) => basename(file)).join(' ')).toBeLessThan(kilobytes * 1000);
  });
});

test('the program is ASCII: any other character doubles the memory of its file', () => {
  const files = readdirSync(BIN).filter((name) => name.endsWith('.js'));
  expect(files).toContain(basename(PROGRAM));
  expect(files.filter((name) => readFileSync(join(BIN, name)).some((byte) => byte > 0x7f))).toEqual([]);
});

test('a stack of the program has the names of functions and of the error', () => {
  const missing = `${join(scratchDirectory(), 'missing')}=/x`;
  const { stderr } = callTarseal(['build', '--debug', '--add', missing, '-o', output()]);
  expect(stderr).toMatch(/^TreeError: Cannot read --add ".*" does not exist$/m);
  expect(stderr).toMatch(/^ +at (?:async )?(?:\w+\.)?buildImage /m);
});
