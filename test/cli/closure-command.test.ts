import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ClosureSpec } from '../../src/index.js';
import { nixEnvironment } from '../store/nix-environment.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import {
  FIXTURE_GRAPH,
  FIXTURE_GRAPH_JSON,
  FIXTURE_STORE,
  fixtureItem,
  fixtureReferences,
} from '../support/fixture-store.js';
import { scratchDirectory } from '../support/scratch.js';
import { callTarseal, expectRefusal, type Outcome } from '../support/tarseal.js';

/**
 * The closure of `hello` in byte order of the paths, written by hand from the table in fixtures/README.md. Popularity is
 * counted in the graph unfolded from `hello`; sizes are those of `nix-store --dump ITEM | wc -c`, see below.
 */
const CLOSURE: readonly (readonly [name: string, popularity: string, narSizeBytes: number, references: string])[] = [
  ['letters', '6', 800, 'paper ink'],
  ['hello', '1', 1952, 'hello frame show phrases'],
  ['paper', '10', 840, ''],
  ['frame', '2', 1360, 'paper ink'],
  ['show', '5', 1696, ''],
  ['phrases', '2', 1448, 'phrases names words'],
  ['ink', '10', 128, ''],
  ['names', '3', 1152, 'letters'],
  ['words', '3', 1552, 'letters show words'],
];

/** Names of items in each order, first to last. */
const ORDERS: Readonly<Record<NonNullable<ClosureSpec['order']>, string>> = {
  name: 'letters hello paper frame show phrases ink names words',
  popularity: 'ink paper letters show names words frame phrases hello',
  topological: 'paper ink letters frame show names words phrases hello',
};

const HELLO = fixtureItem('hello');
const ABSENT = '/nix/store/00000000000000000000000000000000-absent-1.0';
const OF_GRAPH = ['--graph', FIXTURE_GRAPH];
const OF_SCAN = ['--scan', '/nix/store', '--store', `${FIXTURE_STORE}=/nix/store`];

/** Paths of the items of these names. */
function paths(names: string, directory: string = '/nix/store'): string[] {
  const list = names.split(' ').filter((name) => name !== '');
  return list.map((name) => fixtureItem(name).replace('/nix/store', directory));
}

/** What `--json` prints for the closure of `hello`. */
function expected(options: { directory?: string; hasSizes: boolean; order?: keyof typeof ORDERS }): unknown {
  const { directory, hasSizes, order = 'name' } = options;
  const items = ORDERS[order].split(' ').map((name) => {
    const [, popularity, narSizeBytes, references] = CLOSURE.find(([of]) => of === name)!;
    return {
      path: paths(name, directory)[0],
      references: paths(references, directory),
      popularity,
      narSizeBytes: hasSizes ? narSizeBytes : null,
    };
  });
  return { items, narSizeBytes: hasSizes ? 10_928 : null };
}

function closure(args: readonly string[], cwd: string = '/'): Outcome {
  return callTarseal(['closure', ...args], { cwd });
}

/** Everything on standard output of a call that succeeds without a word on standard error. */
function output(args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr } = closure(args, cwd);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

function lines(list: readonly string[]): string {
  return list.map((line) => `${line}\n`).join('');
}

function scratchFile(content: string): string {
  const file = join(scratchDirectory(), 'file');
  writeFileSync(file, content);
  return file;
}

/** A store of files, each named by the first character of its hash part, and what they refer to. */
function scratchStore(references: Readonly<Record<string, string>>): { store: string; item(digit: string): string } {
  const store = join(scratchDirectory(), 'store');
  mkdirSync(store);
  const item = (digit: string): string => join(store, `${digit.repeat(32)}-${digit}`);
  for (const [digit, to] of Object.entries(references)) writeFileSync(item(digit), [...to].map(item).join(' '));
  return { store, item };
}

describe('text is one path a line', () => {
  for (const [order, names] of Object.entries(ORDERS)) {
    test.each<[name: string, source: readonly string[]]>([
      ['a graph', OF_GRAPH],
      ['a graph in JSON', ['--graph', FIXTURE_GRAPH_JSON]],
      ['a scan', OF_SCAN],
    ])(`by ${order}, of %s`, (_name, source) => {
      expect(output([HELLO, ...source, '--order', order])).toBe(lines(paths(names)));
    });
  }

  test('by name where no order is given', () => {
    expect(output([HELLO, ...OF_GRAPH])).toBe(lines(paths(ORDERS.name)));
  });

  test.each<[name: string, args: string[], names: string]>([
    ['two items, one in the closure of the other', [HELLO, fixtureItem('words')], ORDERS.name],
    ['two items', [fixtureItem('letterhead'), fixtureItem('names')], 'letters paper frame letterhead ink names'],
    ['the same item twice', [fixtureItem('paper'), fixtureItem('paper')], 'paper'],
    ['what is in an item', [`${fixtureItem('frame')}/share`], 'paper frame ink'],
    ['an item with a slash at its end', [`${fixtureItem('frame')}/`], 'paper frame ink'],
  ])('of %s', (_name, args, names) => {
    expect(output([...args, ...OF_GRAPH])).toBe(lines(paths(names)));
    expect(output([...args, ...OF_SCAN])).toBe(lines(paths(names)));
  });
});

describe('--json is one object', () => {
  test.each<[name: string, source: readonly string[], options: Parameters<typeof expected>[0]]>([
    ['a graph without sizes', OF_GRAPH, { hasSizes: false }],
    ['a graph with sizes', ['--graph', FIXTURE_GRAPH_JSON], { hasSizes: true }],
    ['a scan', OF_SCAN, { hasSizes: true }],
    ['a scan, by popularity', [...OF_SCAN, '--order', 'popularity'], { hasSizes: true, order: 'popularity' }],
    ['a graph, topologically', [...OF_GRAPH, '--order=topological'], { hasSizes: false, order: 'topological' }],
  ])('of %s', (_name, source, options) => {
    const text = output([HELLO, ...source, '--json']);
    expect(JSON.parse(text)).toEqual(expected(options));
    expect(text.indexOf('\n')).toBe(text.length - 1);
  });

  test('in which a popularity has all its digits', () => {
    // a0 refers to b0 and c0, these to a1, and so on. Of a(n) there are 2^n in the unfolded graph, and so of b(n) and c(n).
    const depth = 100;
    const item = (name: string): string => `/nix/store/${'0'.repeat(32)}-${name}`;
    const references = (name: string, ...to: string[]): string[] => [
      item(name),
      '',
      String(to.length),
      ...to.map(item),
    ];
    const graph = Array.from({ length: depth }, (_, n) => [
      ...references(`a${n}`, `b${n}`, `c${n}`),
      ...references(`b${n}`, `a${n + 1}`),
      ...references(`c${n}`, `a${n + 1}`),
    ]).flat();
    const file = scratchFile(lines([...graph, ...references(`a${depth}`)]));
    const { items } = JSON.parse(output([item('a0'), '--graph', file, '--order', 'popularity', '--json']));
    expect(items).toHaveLength(3 * depth + 1);
    expect(items[0]).toEqual({
      path: item(`a${depth}`),
      references: [],
      popularity: String(2n ** BigInt(depth + 2) - 3n),
      narSizeBytes: null,
    });
  });
});

describe('a store', () => {
  test('has the paths where it lies, without --store', () => {
    const root = join(FIXTURE_STORE, HELLO.slice('/nix/store/'.length));
    const text = output([root, '--scan', FIXTURE_STORE, '--json']);
    expect(JSON.parse(text)).toEqual(expected({ directory: FIXTURE_STORE, hasSizes: true }));
  });

  test.each<[name: string, args: (store: string) => string[]]>([
    ['by its paths in the image', () => [HELLO, '--scan', '/nix/store']],
    ['by where it lies', (store) => [HELLO.replace('/nix/store', store), '--scan', store]],
    ['by relative paths', () => [HELLO.replace('/nix/store', 'of=any/name'), '--scan', 'of=any/name/']],
    ['and a graph', () => [HELLO.replace('/nix/store', 'of=any/name'), ...OF_GRAPH]],
  ])('lies anywhere with --store: %s', (_name, args) => {
    const cwd = scratchDirectory();
    const store = join(cwd, 'of=any', 'name');
    cpSync(FIXTURE_STORE, store, { recursive: true, verbatimSymlinks: true });
    expect(output([...args(store), '--store', 'of=any/name=/nix/store'], cwd)).toBe(lines(paths(ORDERS.name)));
  });

  test('need not hold what refers to its items: a link, a file or a directory elsewhere', () => {
    const { store, item } = scratchStore({ 1: '2', 2: '', 3: '', 4: '' });
    const outside = scratchDirectory();
    symlinkSync(item('1'), join(outside, 'link'));
    writeFileSync(join(outside, 'file'), `${item('3')}/bin`);
    mkdirSync(join(outside, 'directory', `${'4'.repeat(32)}-x`), { recursive: true });
    const names = ['directory', 'file', 'link'];
    const { items } = JSON.parse(output([...names, '--scan', store, '--json'], outside));
    const references = items.map((of: { path: string; references: string[] }) => [of.path, of.references]);
    expect(Object.fromEntries(references)).toEqual({
      [join(outside, 'link')]: [item('1')],
      [join(outside, 'file')]: [item('3')],
      [join(outside, 'directory')]: [item('4')],
      [item('1')]: [item('2')],
      [item('2')]: [],
      [item('3')]: [],
      [item('4')]: [],
    });
  });

  clientTest('nix-store')('is to Nix as it is to us', () => {
    const directory = scratchDirectory();
    const env = nixEnvironment(directory);
    const here = (path: string): string => path.replace('/nix/store', directory);
    const registration = [...fixtureReferences()].map(([path, references]) =>
      lines([here(path), '0'.repeat(64), '1', '', String(references.length), ...references.map(here)]),
    );
    run('sh', ['-c', 'nix-store --load-db < "$1"', 'sh', scratchFile(registration.join(''))], { env });
    const requisites = run('nix-store', ['--query', '--requisites', here(HELLO)], { env });
    const graph = scratchFile(run('nix-store', ['--dump-db'], { env }).toString());
    expect(output([here(HELLO), '--graph', graph, '--order', 'topological'])).toBe(requisites.toString());
    for (const [name, , narSizeBytes] of CLOSURE) {
      const item = fixtureItem(name).replace('/nix/store', FIXTURE_STORE);
      expect(run('nix-store', ['--dump', item], { env })).toHaveLength(narSizeBytes);
    }
  });
});

describe('a wrong call: exit code 2, one message on standard error, nothing on standard output', () => {
  const paper = '/nix/store/00000000000000000000000000000001-paper';
  const ink = '/nix/store/00000000000000000000000000000002-ink';
  const cases: Readonly<Record<string, readonly [args: () => string[], message: RegExp]>> = {
    'no path': [() => OF_GRAPH, /missing required argument 'path'/],
    'an empty path': [() => ['', ...OF_GRAPH], /empty path: it must have at least one character \[SPEC_INVALID\]/],
    'neither a graph nor a scan': [() => [HELLO], /neither is given \[SPEC_CONFLICT\]/],
    'a graph and a scan': [() => [HELLO, ...OF_GRAPH, ...OF_SCAN], /both are given \[SPEC_CONFLICT\]/],
    'an unknown order': [
      () => [HELLO, ...OF_GRAPH, '--order', 'size'],
      /'size' is invalid\. Allowed choices are name, popularity, topological/,
    ],
    'an unknown option': [() => [HELLO, ...OF_GRAPH, '--max-layers', '3'], /unknown option '--max-layers'/],
    'a graph without a value': [() => [HELLO, '--graph'], /'--graph <FILE>' argument missing/],
    'a graph that is missing': [
      () => [HELLO, '--graph', '/no/where'],
      /Cannot read --graph "\/no\/where": it does not exist \[SPEC_FILE\]/,
    ],
    'a graph that is a directory': [() => [HELLO, '--graph', FIXTURE_STORE], /is a directory \(EISDIR\) \[SPEC_FILE\]/],
    'an empty graph': [() => [HELLO, '--graph', '/dev/null'], /\[GRAPH_SYNTAX\]/],
    'a graph that is cut off': [
      () => [paper, '--graph', scratchFile(lines([ink, '', '0', paper, '', '2', ink]))],
      /line 8 must be .*\[GRAPH_SYNTAX\]/,
    ],
    'a graph with a wrong count': [
      () => [paper, '--graph', scratchFile(lines([paper, '', 'many']))],
      /line 3 must be .*"many" \[GRAPH_SYNTAX\]/,
    ],
    'a graph in JSON with a wrong reference': [
      () => [paper, '--graph', scratchFile(JSON.stringify([{ path: paper, references: [ink, 5] }]))],
      /\$\[0\]\.references\[1\] must be .*5.*\[GRAPH_SYNTAX\]/,
    ],
    'a graph that is no JSON in the end': [() => [paper, '--graph', scratchFile('[{"path":\n')], /\[GRAPH_SYNTAX\]/],
    'a reference that is not in the graph': [
      () => [paper, '--graph', scratchFile(lines([paper, '', '1', ink]))],
      /-ink" of ".*-paper" is not \[GRAPH_REFERENCE_ABSENT\]/,
    ],
    'a path that is not in the graph': [
      () => [ABSENT, ...OF_GRAPH],
      /"\/nix\/store\/0{32}-absent-1\.0".*--graph ".*store\.graph" \[GRAPH_PATH_ABSENT\]/,
    ],
    'a path that is not in the scanned store': [
      () => [ABSENT, ...OF_SCAN],
      /"\/nix\/store\/0{32}-absent-1\.0".*--scan "\/nix\/store" \[GRAPH_PATH_ABSENT\]/,
    ],
    'paths outside the stores of the graph': [
      () => [HELLO, '/etc/passwd', './result', ...OF_GRAPH],
      /Cannot find "\/etc\/passwd", "\/result" in --graph ".*store\.graph".*\[GRAPH_PATH_ABSENT\]/,
    ],
    'the store itself, of a graph': [
      () => ['/nix/store', ...OF_GRAPH],
      /Cannot find "\/nix\/store".*\[GRAPH_PATH_ABSENT\]/,
    ],
    'a path outside the scanned store that does not exist': [
      () => ['/no/where', ...OF_SCAN],
      /"\/no\/where": it does not exist \[SOURCE_MISSING\]/,
    ],
    'a cycle in a graph': [
      () => [paper, '--graph', scratchFile(lines([ink, '', '1', paper, paper, '', '1', ink]))],
      /1-paper.*2-ink.*1-paper.*\[GRAPH_CYCLE\]/s,
    ],
    'a cycle in a scanned store': [
      () => {
        const { store, item } = scratchStore({ 1: '2', 2: '3', 3: '1', 4: '' });
        return [item('2'), '--scan', store];
      },
      /1-1.*2-2.*3-3.*1-1.*\[GRAPH_CYCLE\]/s,
    ],
    'a store that is missing': [
      () => [HELLO, '--scan', '/no/where'],
      /Cannot scan store "\/no\/where": it does not exist \[SOURCE_MISSING\]/,
    ],
    'a store that is a file': [
      () => [HELLO, '--scan', FIXTURE_GRAPH],
      /store\.graph": it must be a directory, and is none \[SOURCE_INVALID\]/,
    ],
    'a store without items': [() => [HELLO, '--scan', scratchDirectory()], /HASH-NAME, and none of its 0 names/],
    'a --store without a destination': [() => [HELLO, ...OF_GRAPH, '--store', 'x'], /form SRC=DEST \[SPEC_INVALID\]/],
    'a --store that is the root': [() => [HELLO, ...OF_GRAPH, '--store', 'x=/'], /--store "\/".*\[SPEC_INVALID\]/],
    'a --store with ..': [() => [HELLO, ...OF_GRAPH, '--store', 'x=/a/../b'], /--store.*"\.\." \[PATH_INVALID\]/],
    'a --store that does not exist': [
      () => [HELLO, '--scan', '/nix/store', '--store', '/no/where=/nix/store'],
      /"\/no\/where": it does not exist \[SOURCE_MISSING\]/,
    ],
  };
  for (const [name, [args, message]] of Object.entries(cases)) {
    test(name, () => expectRefusal(closure(args()), 2, message));
  }

  test.each<[name: string, args: string[], message: RegExp]>([
    ['a graph that is missing', [HELLO, '--graph', '/no/where'], /\[SPEC_FILE\]\n$/],
    ['an absent path', [ABSENT, ...OF_SCAN], /\[GRAPH_PATH_ABSENT\]\n$/],
    ['an unknown order', [HELLO, ...OF_GRAPH, '--order', 'size'], /'size' is invalid/],
  ])('with --json: %s', (_name, args, message) => {
    expectRefusal(closure([...args, '--json']), 2, message);
  });

  test('a path that would forge a line', () => {
    const outcome = closure(['/evil\n\x1b[31mname', ...OF_GRAPH]);
    expectRefusal(outcome, 2, /evil\\n\\x1b\[31mname/);
    expect(outcome.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('a stack only with --debug', () => {
    expect(closure([ABSENT, ...OF_GRAPH, '--debug']).stderr).toMatch(/^ +at /m);
  });
});
