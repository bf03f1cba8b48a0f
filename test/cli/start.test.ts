import { cpSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readJson, run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { callTarseal, PROGRAM } from '../support/tarseal.js';

const LIST_LOADED = fileURLToPath(new URL('../support/list-loaded.cjs', import.meta.url));
const BIN = dirname(PROGRAM);
const { version } = readJson<{ version: string }>(join(BIN, '../../package.json'));

interface Loaded {
  readonly builtins: readonly string[];
  readonly files: readonly string[];
  /** Files of the bundle, and whether V8 had their code in its cache. */
  readonly scripts: Readonly<Record<string, boolean>>;
}

/** What `node ARGS` has loaded at its end; the program is made of files and of the scripts that these load. */
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

    const scripts = Object.keys(loaded.scripts).map((name) => name.replace(/^tarseal\//, `${BIN}/`));
    const files = [...loaded.files.filter((file) => file !== LIST_LOADED), ...scripts];
    expect(files.filter((file) => dirname(file) !== BIN)).toEqual([]);
    expect(scripts.length).toBeGreaterThan(0);
    expect(Object.entries(loaded.scripts).filter(([, isCached]) => !isCached)).toEqual([]);
    const sizeBytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    expect(sizeBytes, files.map((file) => basename(file)).join(' ')).toBeLessThan(kilobytes * 1000);
  });
});

describe('a cache of compiled code', () => {
  /** A copy of the program, without what it needs for more than its version. */
  function copyProgram(): string {
    const bin = join(scratchDirectory(), 'bin');
    cpSync(BIN, bin, { recursive: true });
    return bin;
  }
  const versionOf = (bin: string): string =>
    run(process.execPath, [join(bin, 'tarseal.js'), '--version'])
      .toString('utf8')
      .trim();
  const cachesOf = (bin: string): string[] => readdirSync(bin).filter((name) => name.startsWith('v8-'));

  test('is there for this Node', () => {
    const { v8 } = process.versions;
    expect(cachesOf(BIN)).toEqual([`v8-${v8}-${process.platform}-${process.arch}`]);
  });

  test('is not needed', () => {
    const bin = copyProgram();
    for (const name of cachesOf(bin)) rmSync(join(bin, name), { recursive: true });
    expect(versionOf(bin)).toBe(version);
  });

  test('is of the very text that the program has, and used for no other', () => {
    const bin = copyProgram();
    const main = join(bin, 'main.js');
    const text = readFileSync(main, 'utf8');
    const edited = text.replaceAll(version, '9'.repeat(version.length));
    expect(edited).not.toBe(text);
    writeFileSync(main, edited);
    expect(versionOf(bin)).toBe('9'.repeat(version.length));
  });

  test.each([
    ['nothing', () => Buffer.alloc(0)],
    ['its beginning', (cache: Buffer) => cache.subarray(0, -100)],
  ])('of which %s is left is not used', (_, left) => {
    const bin = copyProgram();
    const cache = join(bin, cachesOf(bin)[0]!, 'main.js.cache');
    writeFileSync(cache, left(readFileSync(cache)));
    expect(versionOf(bin)).toBe(version);
  });

  test('has the same bytes each time, and no path in it', { timeout: 60_000 }, () => {
    const project = scratchDirectory();
    const bin = join(project, 'dist', 'bin');
    cpSync(BIN, bin, { recursive: true });
    cpSync(join(BIN, '../../code-cache.mjs'), join(project, 'code-cache.mjs'));
    symlinkSync(join(BIN, '../../node_modules'), join(project, 'node_modules'));
    run(process.execPath, [join(project, 'code-cache.mjs')]);
    const [directory] = cachesOf(BIN) as [string];
    const caches = readdirSync(join(BIN, directory));
    expect(readdirSync(join(bin, directory))).toEqual(caches);
    expect(caches).toContain('main.js.cache');
    for (const name of caches) {
      const cache = readFileSync(join(BIN, directory, name));
      expect(cache.equals(readFileSync(join(bin, directory, name))), name).toBe(true);
      expect(cache.includes(dirname(dirname(BIN))), name).toBe(false);
    }
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
