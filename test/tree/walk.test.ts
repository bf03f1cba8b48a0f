import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type ByteString, joinPath } from '../../src/bytes/index.js';
import type { EntryBody } from '../../src/entry/index.js';
import {
  type FoundObject,
  type LookAhead,
  TreeError,
  throwIfUnreadable,
  type UnreadablePath,
  type WalkOptions,
  walk,
  walkListings,
} from '../../src/tree/index.js';
import { canMakeDevices, makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { gnuTar, gnuTarArguments } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';

interface Walked {
  readonly names: readonly string[];
  readonly found: ReadonlyMap<string, FoundObject>;
  readonly warnings: readonly string[];
  readonly unreadable: readonly UnreadablePath[];
}

function walked(fsPath: string, name = '', options: Partial<WalkOptions> = {}): Walked {
  const found = new Map<string, FoundObject>();
  const names: string[] = [];
  const warnings: string[] = [];
  const unreadable: UnreadablePath[] = [];
  const visit = (member: ByteString, object: FoundObject): void => {
    names.push(member);
    found.set(member, object);
  };
  walk(fsPath as ByteString, name as ByteString, visit, {
    onWarning: (message) => warnings.push(message),
    unreadable,
    ...options,
  });
  return { names, found, warnings, unreadable };
}

/** Nothing is known of any path before the walk comes to it. */
const NOTHING_AHEAD: LookAhead = { begin: () => () => () => undefined };

/** The same by listings, which say nothing of a file or a directory but that it is one; held to be what `walked` finds. */
function expectListed(fsPath: string, name = '', options: Partial<WalkOptions> = {}): Walked {
  const expected = walked(fsPath, name, options);
  const warnings: string[] = [];
  const unreadable: UnreadablePath[] = [];
  const onWarning = (message: string): void => void warnings.push(message);
  const objects = [...walkListings(fsPath as ByteString, name as ByteString, { onWarning, unreadable, ...options })];
  const shown = objects.map((object) => {
    if ('body' in object) return object;
    const { name, fsPath, directory, base, type } = object;
    return { name, fsPath, joined: joinPath(directory, base), type };
  });
  expect(shown).toEqual(
    [...expected.found.values()].map((object) => {
      const { name, fsPath, body } = object;
      if (body.type !== 'file' && body.type !== 'directory') return object;
      return { name, fsPath, joined: fsPath, type: body.type };
    }),
  );
  expect({ warnings, unreadable }).toEqual({ warnings: expected.warnings, unreadable: expected.unreadable });
  expect(walked(fsPath, name, { ...options, lookAhead: NOTHING_AHEAD })).toEqual(expected);
  return expected;
}

const oracle = clientTest('tar', 'find', 'mkfifo', 'mknod');

describe('the order', () => {
  oracle('is that of GNU tar, for every awkward name', () => {
    const root = scratchDirectory();
    mkdirSync(join(root, 't'));
    makeAwkwardTree(join(root, 't'));
    const index = join(root, 'index');
    gnuTar(
      [...gnuTarArguments('gnu'), '-cvf', '/dev/null', `--index-file=${index}`, '--quoting-style=literal', 't'],
      root,
    );
    const { names, found } = walked(join(root, 't'), 't');
    const listed = spawnSync('cat', [index]).stdout.toString('latin1');
    const ours = names.map((name) => (found.get(name)!.body.type === 'directory' ? `${name}/` : name));
    expect(ours.map((name) => `${name}\n`).join('')).toBe(listed);
  });

  oracle('of listings is the same', () => {
    const root = scratchDirectory();
    makeAwkwardTree(root);
    expect(expectListed(root, 't').names.length).toBeGreaterThan(150);
  });

  oracle('as listed has the same members as by name', () => {
    const root = scratchDirectory();
    makeAwkwardTree(root);
    const listed = walked(root, '', { order: 'asListed' }).names;
    expect([...listed].sort()).toEqual([...walked(root).names].sort());
    // A directory still comes before what is in it.
    const seen = new Set<string>();
    for (const name of listed) {
      const slash = name.lastIndexOf('/');
      if (slash > 0) expect(seen.has(name.slice(0, slash))).toBe(true);
      seen.add(name);
    }
  });

  oracle('has everything that find has', () => {
    const root = scratchDirectory();
    makeAwkwardTree(root);
    const list = spawnSync('find', ['.', '-mindepth', '1', '-printf', '%P %#m %y\\0'], {
      cwd: root,
      env: { LC_ALL: 'C' },
    });
    const types: Readonly<Record<EntryBody['type'], string>> = {
      file: 'f',
      directory: 'd',
      symlink: 'l',
      fifo: 'p',
      'character-device': 'c',
      'block-device': 'b',
    };
    const { found } = walked(root);
    const ours = [...found].flatMap(([name, { body, mode }]) =>
      name === '' ? [] : [`${name} ${mode === 0 ? '0' : `0${mode.toString(8)}`} ${types[body.type]}`],
    );
    expect(ours.sort()).toEqual(list.stdout.toString('latin1').split('\0').slice(0, -1).sort());
  });
});

test('a directory is visited before what is in it, under the name that is given', () => {
  const root = scratchDirectory();
  mkdirSync(join(root, 'a/b'), { recursive: true });
  writeFileSync(join(root, 'a/b/c'), '');
  expect(expectListed(join(root, 'a'), 'x/y').names).toEqual(['x/y', 'x/y/b', 'x/y/b/c']);
  expect(expectListed(join(root, 'a')).names).toEqual(['', 'b', 'b/c']);
  expect(expectListed(`${root}/a/`, 'x').names).toEqual(['x', 'x/b', 'x/b/c']);
  expect(expectListed(join(root, 'a'), 'x', { recursive: false }).names).toEqual(['x']);
  expect(expectListed(join(root, 'a/b/c'), 'x').names).toEqual(['x']);
});

test('symlinks are not followed, not even the one that is given', () => {
  const root = scratchDirectory();
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd/file'), '');
  symlinkSync('d', join(root, 'link'));
  symlinkSync('link', join(root, 'd/loop'));
  const { found, names } = expectListed(join(root, 'link'), 'x');
  expect(names).toEqual(['x']);
  const link = { name: 'x', fsPath: join(root, 'link'), body: { type: 'symlink', linkname: 'd' }, mode: 0o777 };
  expect(found.get('x')).toEqual(link);
  expect(expectListed(root).names).toEqual(['', 'd', 'd/file', 'd/loop', 'link']);
});

test('hard links are files, each with its content', () => {
  const root = scratchDirectory();
  writeFileSync(join(root, 'one'), 'content');
  linkSync(join(root, 'one'), join(root, 'two'));
  const { found } = expectListed(root);
  for (const name of ['one', 'two']) expect(found.get(name)!.body).toMatchObject({ type: 'file', sizeBytes: 7 });
});

test('a socket is left out with a warning', async () => {
  const root = scratchDirectory();
  const server = createServer().listen(join(root, 'socket'));
  onTestFinished(() => void server.close());
  await vi.waitFor(() => expect(server.listening).toBe(true));
  writeFileSync(join(root, 'z'), '');
  const { names, warnings } = expectListed(root);
  expect(names).toEqual(['', 'z']);
  expect(warnings).toEqual([`"${join(root, 'socket')}" is a socket and is left out`]);
});

test('outputs are left out with a warning, by what they are and not by their names', () => {
  const root = scratchDirectory();
  mkdirSync(join(root, 'directory'));
  writeFileSync(join(root, 'directory/inside'), '');
  writeFileSync(join(root, 'out'), '');
  linkSync(join(root, 'out'), join(root, 'other-name'));
  writeFileSync(join(root, 'z'), '');
  const outputs = ['out', 'directory'].map((name) => {
    const { dev, ino } = lstatSync(join(root, name));
    return { device: dev, inode: ino };
  });
  for (const lookAhead of [undefined, NOTHING_AHEAD]) {
    const { names, warnings } = walked(root, '', { outputs, lookAhead });
    expect(names).toEqual(['', 'z']);
    expect(warnings).toEqual(
      ['directory', 'other-name', 'out'].map((name) => `"${join(root, name)}" is the output and is left out`),
    );
  }
});

test('what is not selected is not read, nor anything below it', () => {
  const root = scratchDirectory();
  for (const name of ['a', 'b', 'b/c']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'b/c/d'), '');
  const asked: string[] = [];
  const { names } = walked(root, 'r', {
    select: (name) => {
      asked.push(name);
      return name !== 'r/b';
    },
  });
  expect(names).toEqual(['r', 'r/a']);
  expect(asked).toEqual(['r/a', 'r/b']);
  expectListed(root, 'r', { select: (name) => name !== 'r/b' });
});

describe('what is missing', () => {
  test.each(['nowhere', 'nowhere/at/all', 'file/below', 'file/'])('%s', (name) => {
    const root = scratchDirectory();
    writeFileSync(join(root, 'file'), '');
    const path = `${root}/${name}`;
    expect(() => walked(path)).toThrow(TreeError);
    const missing = expect.objectContaining({ code: 'SOURCE_MISSING', data: { path } });
    expect(() => walked(path)).toThrow(missing);
    const options = { onWarning: () => {}, unreadable: [] };
    expect(() => walkListings(path as ByteString, '' as ByteString, options).next()).toThrow(missing);
  });

  test('what vanishes while the tree is read', () => {
    const root = scratchDirectory();
    for (const name of ['a', 'b']) writeFileSync(join(root, name), '');
    const select = (name: string): boolean => {
      if (name === 'b') rmSync(join(root, 'b'));
      return true;
    };
    expect(() => walked(root, '', { select })).toThrow(
      expect.objectContaining({ code: 'SOURCE_CHANGED', data: { path: join(root, 'b') } }),
    );
  });

  test.each(['directory', 'symlink'])('a %s that vanishes while listings are walked', (type) => {
    const root = scratchDirectory();
    const path = join(root, 'b');
    writeFileSync(join(root, 'a'), '');
    if (type === 'directory') mkdirSync(path);
    else symlinkSync('a', path);
    const options = { onWarning: () => {}, unreadable: [] };
    const walkOn = (): void => {
      // A directory is listed when what comes after it is asked for; a symlink is looked at when it is asked for itself.
      for (const { name } of walkListings(root as ByteString, '' as ByteString, options))
        if (name === (type === 'directory' ? 'b' : 'a')) rmSync(path, { recursive: true });
    };
    expect(walkOn).toThrow(expect.objectContaining({ code: 'SOURCE_CHANGED', data: { path } }));
  });
});

describe('what cannot be read is collected', () => {
  const NOBODY = 65_534;

  test.skipIf(process.getuid?.() !== 0)('and the rest is walked', () => {
    const root = scratchDirectory();
    chmodSync(root, 0o755);
    for (const name of ['closed', 'open', 'open/closed']) mkdirSync(join(root, name));
    for (const name of ['closed/file', 'open/file', 'z']) writeFileSync(join(root, name), '');
    chmodSync(join(root, 'open'), 0o755);
    for (const name of ['closed', 'open/closed']) chmodSync(join(root, name), 0);
    process.seteuid!(NOBODY);
    let result: Walked;
    try {
      result = expectListed(root);
    } finally {
      process.seteuid!(0);
    }
    expect(result.names).toEqual(['', 'closed', 'open', 'open/closed', 'open/file', 'z']);
    expect(result.unreadable).toEqual(
      ['closed', 'open/closed'].map((name) => ({ path: join(root, name), cause: 'EACCES' })),
    );
  });

  test('and reported together, in byte order', () => {
    const paths = ['/a', '/a/b', '/b', '/\xff', '/\xff\x1b'] as ByteString[];
    const unreadable = paths.toReversed().map((path) => ({ path, cause: 'EACCES' }));
    expect(() => throwIfUnreadable(unreadable)).toThrow(
      expect.objectContaining({
        code: 'SOURCE_UNREADABLE',
        data: { paths },
        message: expect.stringMatching(
          /^Cannot read 5 of .*:\n {2}"\/a": .*\n {2}"\/a\/b": .*\n {2}"\/b": .*\n {2}"\/\\xff": .*\n {2}"\/\\xff\\x1b": .*$/,
        ),
      }),
    );
  });

  test('nothing unreadable is no error', () => {
    expect(() => throwIfUnreadable([])).not.toThrow();
  });
});

const asRoot = canMakeDevices ? oracle : test.skip;

asRoot('devices have their numbers, beyond eight bits too', () => {
  const root = scratchDirectory();
  for (const [name, type, major, minor] of [
    ['null', 'c', 1, 3],
    ['minor', 'c', 5, 70_000],
    ['major', 'b', 4095, 1_048_575],
    ['edge', 'b', 256, 256],
  ] as const) {
    expect(spawnSync('mknod', [join(root, name), type, String(major), String(minor)]).status).toBe(0);
    expect(walked(join(root, name), 'x').found.get('x')!.body).toEqual({
      type: type === 'c' ? 'character-device' : 'block-device',
      devMajor: major,
      devMinor: minor,
    });
  }
});
