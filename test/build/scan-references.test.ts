import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type ItemScan, type ScannedItem, scanItem } from '../../src/build/scan-item.js';
import { type ScanOptions, scanStore } from '../../src/build/scan-references.js';
import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import type { TarsealError } from '../../src/errors/index.js';
import { createReferenceScanner, type ReferenceGraph } from '../../src/store/index.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';

/** The hash part of an item by its number: no two have four characters in common at the same place. */
function hash(index: number): string {
  return '0123456789abcdfghijklmnpqrsvwxyz'.slice(index) + '0123456789abcdfghijklmnpqrsvwxyz'.slice(0, index);
}

const A = hash(1);
const B = hash(2);
const C = hash(3);
const HASHES = Array.from({ length: 32 }, (_, index) => hash(index));

/** Makes files, symlinks (`-> TARGET`) and their directories; names are text. */
function make(root: string, objects: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, content] of Object.entries(objects)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof content === 'string' && content.startsWith('-> ')) symlinkSync(content.slice(3), path);
    else writeFileSync(path, content);
  }
}

function scan(path: string, options: Partial<ItemScan> = {}): Promise<ScannedItem> {
  const fail = (message: string): void => expect.fail(message);
  return scanItem(encodeUtf8(path), {
    scanner: createReferenceScanner(HASHES),
    buffer: new Uint8Array(65_536),
    onWarning: fail,
    ...options,
  });
}

async function failureOf(work: Promise<unknown>): Promise<TarsealError> {
  const outcome = await work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
  return outcome as TarsealError;
}

describe('an item', () => {
  test.each<[name: string, objects: Readonly<Record<string, string | Buffer>>, found: string[]]>([
    ['a content', { x: `#!/nix/store/${A}-bash/bin/sh` }, [A]],
    ['a content between other bytes', { x: Buffer.from(`\0\xff${A}\x80`, 'latin1') }, [A]],
    ['a content far in', { 'x/y/z': Buffer.concat([Buffer.alloc(300_000, 0x32), Buffer.from(A)]) }, [A]],
    ['the target of a symlink', { 'x/y': `-> /nix/store/${A}-hello/bin/hello` }, [A]],
    ['the item as a symlink', { x: `-> ${A}-hello` }, [A]],
    ['the name of a file', { [`x/${A}.conf`]: '' }, [A]],
    ['the name of a directory', { [`x/a/${A}/b`]: '' }, [A]],
    ['the name of a symlink', { [`x/${A}`]: '-> y' }, [A]],
    ['all of these', { 'x/a': A, 'x/b': `-> ${B}`, [`x/${C}`]: '' }, [A, B, C]],
    ['not half a content and half another', { 'x/a': A.slice(0, 16), 'x/b': A.slice(16) }, []],
    ['not a content and a name', { 'x/a': A.slice(0, 16), [`x/${A.slice(16)}`]: '' }, []],
    ['not a directory and what is in it', { [`x/${A.slice(0, 16)}/${A.slice(16)}`]: '' }, []],
    ['not a name and a target', { [`x/${A.slice(0, 16)}`]: `-> ${A.slice(16)}` }, []],
    ['not a target and a content', { 'x/a': `-> ${A.slice(0, 16)}`, 'x/b': A.slice(16) }, []],
    ['not what a symlink points to', { 'x/link': '-> ../outside', outside: A, 'x/dir': '-> ..' }, []],
    ['not its own name', { [`${A}-x/file`]: '', x: `-> ${A.slice(0, 31)}` }, []],
  ])('%s', async (_name, objects, found) => {
    const root = scratchDirectory();
    make(root, objects);
    expect((await scan(join(root, 'x'))).hashParts).toEqual(found);
    if (objects[`${A}-x/file`] !== undefined) expect((await scan(join(root, `${A}-x`))).hashParts).toEqual(found);
  });

  test('is found whole in a buffer of any size', async () => {
    const root = scratchDirectory();
    make(root, { a: `${B.slice(0, 20)}${A}${B.slice(20)}`, [`b/${C}`]: '' });
    for (let size = 1; size <= 70; size++) {
      expect((await scan(root, { buffer: new Uint8Array(size) })).hashParts).toEqual([A, C]);
    }
  });

  test('with names that are not UTF-8', async () => {
    const root = scratchDirectory();
    const name = (text: string): Buffer => Buffer.from(`${root}/${text}`, 'latin1');
    mkdirSync(name('\xff'));
    writeFileSync(name(`\xff/\x80${A}\xfe`), B);
    symlinkSync(Buffer.from(`\xff${C}`, 'latin1'), name('\xff/\xc3'));
    expect((await scan(root)).hashParts).toEqual([A, B, C]);
  });

  clientTest('mkfifo')('with a fifo and a socket: a warning for each', async () => {
    const root = scratchDirectory();
    make(root, { 'a/file': A, 'z/file': B });
    const before = await scan(root);
    run('mkfifo', [join(root, 'm-fifo')]);
    const server = createServer().listen(join(root, 'n-socket'));
    onTestFinished(() => void server.close());
    await vi.waitFor(() => expect(server.listening).toBe(true));
    const warnings: string[] = [];
    expect(await scan(root, { onWarning: (message) => warnings.push(message) })).toEqual(before);
    expect(warnings).toEqual([
      `"${root}/m-fifo" is a fifo: nothing but its name is scanned`,
      `"${root}/n-socket" is a socket and is left out`,
    ]);
  });

  test('tells of every byte that is read', async () => {
    const root = scratchDirectory();
    make(root, { a: Buffer.alloc(100_000), 'b/c': Buffer.alloc(50), d: '' });
    const told: number[] = [];
    await scan(root, { onProgress: (sizeBytes) => told.push(sizeBytes) });
    expect(told).toEqual([65_536, 34_464, 50]);
  });
});

describe('the size as a NAR', () => {
  const oracle = clientTest('nix-store', 'mkfifo', 'mknod');
  const sizeByNix = (path: string): number => run('nix-store', ['--dump', path]).length;

  oracle('is that of the awkward tree, and of each thing in it, by nix-store --dump', async () => {
    const root = scratchDirectory();
    makeAwkwardTree(root);
    rmSync(join(root, 'special'), { recursive: true });
    expect((await scan(root)).narSizeBytes).toBe(sizeByNix(root));
    for (const name of [
      'lengths',
      'links',
      'bytes',
      'modes',
      'empty',
      'sizes/0',
      'sizes/1',
      'hard/two',
      'links/utf8',
    ]) {
      const path = join(root, name);
      expect((await scan(path)).narSizeBytes, name).toBe(sizeByNix(path));
    }
  });

  oracle('counts as executable what its owner may execute', async () => {
    const root = scratchDirectory();
    for (const mode of [0o400, 0o500, 0o644, 0o654, 0o645, 0o700, 0o755, 0o4755]) {
      const path = join(root, mode.toString(8));
      writeFileSync(path, 'content');
      chmodSync(path, mode);
      expect((await scan(path)).narSizeBytes, mode.toString(8)).toBe(sizeByNix(path));
    }
  });
});

describe('a file that changes after the item was listed', () => {
  type Change = (path: string) => void;
  const replace = (path: string, make: Change): void => {
    unlinkSync(path);
    make(path);
  };

  test.each<[how: string, change: Change, message: RegExp]>([
    ['shrinks', (path) => truncateSync(path, 100), /should have 5000 bytes, and ends after 100$/],
    ['grows', (path) => appendFileSync(path, 'x'), /had 5000 bytes, and has 5001$/],
    ['is rewritten', (path) => writeFileSync(path, Buffer.alloc(5000, 'x')), /it was written to$/],
    ['is deleted', (path) => unlinkSync(path), /is none any more \(ENOENT\)$/],
    ['becomes a symlink', (path) => replace(path, (to) => symlinkSync('first', to)), /is none any more \(ELOOP\)$/],
    ['becomes a directory', (path) => replace(path, (to) => mkdirSync(to)), /is none any more \(EISDIR\)$/],
    ['becomes a fifo', (path) => replace(path, (to) => run('mkfifo', [to])), /ends after 0$/],
    ['goes with its directory', (path) => rmSync(dirname(path), { recursive: true }), /is none any more \(ENOENT\)$/],
  ])('when it %s: an error that names it', async (_how, change, message) => {
    const root = scratchDirectory();
    const later = join(root, 'second/later');
    make(root, { first: 'content', 'second/later': Buffer.alloc(5000) });
    utimesSync(later, 1_600_000_000, 1_600_000_000);
    let isDone = false;
    const onProgress = (): void => {
      if (!isDone) change(later);
      isDone = true;
    };
    const error = await failureOf(scan(root, { onProgress }));
    expect(error).toMatchObject({ code: 'SOURCE_CHANGED', data: { path: later } });
    expect(error.message).toContain(`Cannot scan "${later}": it changed during the scan: `);
    expect(error.message).toMatch(message);
  });
});

/** A store in `root/store`, whose items are called `/s/HASH-NAME`, and its scan. */
function makeStore(objects: Readonly<Record<string, string | Buffer>>): {
  readonly root: string;
  readonly scanned: (roots: readonly string[], options?: ScanOptions) => Promise<ReferenceGraph>;
} {
  const root = scratchDirectory();
  make(join(root, 'store'), objects);
  const diskPath = encodeUtf8(join(root, 'store'));
  return {
    root,
    scanned: (roots, options) =>
      scanStore(
        { diskPath, storePath: '/s' as ByteString },
        roots.map((path) => ({ diskPath: encodeUtf8(path), path: encodeUtf8(path) })),
        { onWarning: (message) => expect.fail(message), ...options },
      ),
  };
}

/** `PATH: REFERENCE…`, with the name in place of `/s/HASH-NAME`. */
function linesOf(graph: ReferenceGraph): string[] {
  const short = (path: string): string => path.replace(/^\/s\/.{32}-/, '');
  return [...graph.values()].map(({ path, references }) => `${short(path)}: ${references.map(short).join(' ')}`.trim());
}

const LIBRARY = {
  [`${A}-app/bin/app`]: `/s/${B}-lib/lib.so ${A}`,
  [`${A}-app/share/link`]: `-> /s/${C}-data`,
  [`${B}-lib/lib.so`]: `/s/${hash(4)}-base/libc.so`,
  [`${C}-data`]: 'a file',
  [`${hash(4)}-base/libc.so`]: 'no references',
  [`${hash(5)}-unused/file`]: `/s/${A}-app`,
  '.links/file': A,
  plain: `/s/${hash(5)}-unused`,
};

describe('a store', () => {
  test('is scanned from the roots, and only what is reached', async () => {
    const { root, scanned } = makeStore(LIBRARY);
    // What cannot be scanned does no harm where nothing refers to it.
    unlinkSync(join(root, 'store', `${hash(5)}-unused/file`));
    run('mkfifo', [join(root, 'store', `${hash(5)}-unused/file`)]);
    const graph = await scanned([`/s/${A}-app`]);
    expect(linesOf(graph)).toEqual(['app: app lib data', 'lib: base', 'data:', 'base:']);
    expect(linesOf(await scanned([`/s/${B}-lib`, `/s/${C}-data`, `/s/${B}-lib`]))).toEqual([
      'lib: base',
      'data:',
      'base:',
    ]);
    expect((await scanned([])).size).toBe(0);
  });

  test('gives a graph in its normal form, with sizes', async () => {
    const { scanned } = makeStore(LIBRARY);
    const graph = await scanned([`/s/${B}-lib`]);
    expect([...graph]).toEqual([
      // As `nix-store --dump` has them.
      [`/s/${B}-lib`, { path: `/s/${B}-lib`, references: [`/s/${hash(4)}-base`], narSizeBytes: 328 }],
      [`/s/${hash(4)}-base`, { path: `/s/${hash(4)}-base`, references: [], narSizeBytes: 296 }],
    ]);
  });

  test('a path in an item is that item', async () => {
    const { scanned } = makeStore(LIBRARY);
    expect(linesOf(await scanned([`/s/${B}-lib/lib.so`, `/s/${B}-lib/`]))).toEqual(['lib: base', 'base:']);
  });

  test('an item of the store without a hash is one that nothing refers to', async () => {
    const { scanned } = makeStore(LIBRARY);
    const graph = await scanned(['/s/plain', '/s/.links']);
    expect([...graph.keys()].sort()).toEqual(
      [
        '/s/.links',
        '/s/plain',
        `/s/${A}-app`,
        `/s/${B}-lib`,
        `/s/${C}-data`,
        `/s/${hash(4)}-base`,
        `/s/${hash(5)}-unused`,
      ].sort(),
    );
  });

  test('a root elsewhere is scanned, and an item', async () => {
    const { root, scanned } = makeStore(LIBRARY);
    make(root, { 'etc/config': `path=/s/${B}-lib`, 'etc/link': `-> /s/${C}-data`, wrapper: `-> /s/${B}-lib/bin` });
    const graph = await scanned([join(root, 'etc'), join(root, 'wrapper')]);
    expect(linesOf(graph).sort()).toEqual(
      [`${root}/etc: lib data`, `${root}/wrapper: lib`, 'base:', 'data:', 'lib: base'].sort(),
    );
  });

  test('items are read where the store is, whatever a root says', async () => {
    const { root } = makeStore(LIBRARY);
    const diskPath = encodeUtf8(join(root, 'store'));
    const graph = await scanStore({ diskPath, storePath: '/s' as ByteString }, [
      { diskPath: '/nowhere' as ByteString, path: encodeUtf8(`/s/${B}-lib`) },
    ]);
    expect(linesOf(graph)).toEqual(['lib: base', 'base:']);
  });

  test('progress counts items and bytes', async () => {
    const { scanned } = makeStore({ [`${A}-a`]: `x${B}`, [`${B}-b`]: 'yy' });
    const told: [number, number][] = [];
    await scanned([`/s/${A}-a`], { onProgress: (...progress) => told.push(progress) });
    expect(told).toEqual([
      [0, 33],
      [1, 33],
      [1, 35],
      [2, 35],
    ]);
  });

  test('can be aborted between items and in the midst of one', async () => {
    const { scanned } = makeStore({ [`${A}-a/1`]: 'x', [`${A}-a/2`]: B, [`${B}-b`]: 'yy' });
    expect(await failureOf(scanned([`/s/${A}-a`], { signal: AbortSignal.abort() }))).toMatchObject({ code: 'ABORTED' });
    for (const at of [0, 1]) {
      const controller = new AbortController();
      const told: number[] = [];
      const onProgress = (doneItems: number): void => {
        told.push(doneItems);
        if (doneItems === at) controller.abort();
      };
      const error = await failureOf(scanned([`/s/${A}-a`], { signal: controller.signal, onProgress }));
      expect(error).toMatchObject({ code: 'ABORTED' });
      expect(Math.max(...told)).toBe(at);
    }
  });

  test('the event loop has turns while a large file is scanned', async () => {
    const { scanned, root } = makeStore({ [`${A}-a`]: '' });
    truncateSync(join(root, 'store', `${A}-a`), 64 << 20);
    const controller = new AbortController();
    let doneBytes = 0;
    const done = failureOf(
      scanned([`/s/${A}-a`], {
        signal: controller.signal,
        onProgress(_items, bytes) {
          if (doneBytes === 0) setImmediate(() => controller.abort());
          doneBytes = bytes;
        },
      }),
    );
    expect(await done).toMatchObject({ code: 'ABORTED' });
    expect(doneBytes).toBeLessThan(64 << 20);
  });

  test('what is left over beside an item is not taken for it', async () => {
    const { scanned } = makeStore({
      [`${A}-a`]: B,
      [`${B}-b`]: C,
      [`${B}-b.lock`]: '',
      [`${B}-b.check/file`]: '',
      [`${C}-flake.lock`]: 'an item that has such a name itself',
    });
    expect(linesOf(await scanned([`/s/${A}-a`]))).toEqual(['a: b', 'b: flake.lock', 'flake.lock:']);
  });
});

describe('an error', () => {
  const code = (expected: string, message: RegExp): object =>
    expect.objectContaining({ code: expected, message: expect.stringMatching(message) });

  test('names every root that is not there', async () => {
    const { scanned } = makeStore(LIBRARY);
    const error = await failureOf(scanned([`/s/${A}-app`, `/s/${A}-ap`, '/s/none/file']));
    expect(error).toEqual(
      code('GRAPH_PATH_ABSENT', new RegExp(`^Cannot find "/s/${A}-ap", "/s/none/file" in --scan ".*": .*"/s"`)),
    );
  });

  test('says that a root elsewhere is not there', async () => {
    const { root, scanned } = makeStore(LIBRARY);
    expect(await failureOf(scanned([join(root, 'none')]))).toEqual(code('SOURCE_MISSING', /none": it does not exist$/));
  });

  test('names two items with the hash part that something refers to', async () => {
    const { scanned } = makeStore({ [`${A}-a`]: `/s/${B}-one`, [`${B}-one`]: '', [`${B}-two`]: '', [`${C}-c`]: '' });
    const error = await failureOf(scanned([`/s/${A}-a`]));
    expect(error).toEqual(
      code('GRAPH_DUPLICATE', new RegExp(`"/s/${A}-a" refers to is that of "${B}-one", "${B}-two"$`)),
    );
    expect(linesOf(await scanned([`/s/${C}-c`, `/s/${B}-one`]))).toEqual(['one:', 'c:']);
  });

  test('names the items of a cycle', async () => {
    const { scanned } = makeStore({ [`${A}-a`]: B, [`${B}-b`]: C, [`${C}-c`]: `${A} ${C}` });
    expect(await failureOf(scanned([`/s/${A}-a`]))).toEqual(
      code('GRAPH_CYCLE', new RegExp(`/s/${A}-a.*/s/${B}-b.*/s/${C}-c.*/s/${A}-a`, 's')),
    );
  });

  test('says what is wrong with the store', async () => {
    const { root, scanned } = makeStore({ 'no-hash': '', [A]: '', [`${A}-`]: '' });
    expect(await failureOf(scanned([]))).toEqual(
      code('SOURCE_INVALID', /must have items that are called HASH-NAME, and none of its 3 names is such$/),
    );
    rmSync(join(root, 'store'), { recursive: true });
    expect(await failureOf(scanned([]))).toEqual(code('SOURCE_MISSING', /it does not exist$/));
    writeFileSync(join(root, 'store'), '');
    expect(await failureOf(scanned([]))).toEqual(code('SOURCE_INVALID', /must be a directory, and is none$/));
  });

  test.skipIf(process.getuid?.() !== 0)('names every directory that cannot be read', async () => {
    const { root, scanned } = makeStore({ [`${A}-a/1/x`]: '', [`${A}-a/2/x`]: '', [`${A}-a/3/x`]: '' });
    for (const path of ['', 'store', `store/${A}-a`]) chmodSync(join(root, path), 0o755);
    for (const name of ['1', '3']) chmodSync(join(root, `store/${A}-a`, name), 0);
    process.seteuid!(65_534);
    const error = await failureOf(scanned([`/s/${A}-a`])).finally(() => process.seteuid!(0));
    expect(error).toEqual(code('SOURCE_UNREADABLE', /\/1": permission denied.*\n.*\/3": permission denied/));
  });
});
