import { mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { symlinkUnion } from '../../src/tree/index.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';

/** A file by its content, a symlink by its target, a directory without either. */
type Objects = Readonly<Record<string, { readonly link: string } | 'file' | 'directory'>>;

function make(root: string, objects: Objects): void {
  mkdirSync(root);
  for (const [name, object] of Object.entries(objects)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    if (object === 'directory') mkdirSync(path, { recursive: true });
    else if (object === 'file') writeFileSync(path, name);
    else symlinkSync(object.link, path);
  }
}

interface Union {
  /** Target of each link by its path; `null` for a directory. */
  readonly members: Readonly<Record<string, string | null>>;
  readonly warnings: readonly string[];
}

function unionOf(parent: string, ...names: readonly string[]): Union {
  const warnings: string[] = [];
  const sources = names.map((name) => ({
    diskPath: join(parent, name) as ByteString,
    imagePath: `/store/${name}` as ByteString,
  }));
  const members = symlinkUnion(sources, { onWarning: (message) => warnings.push(message), unreadable: [] });
  return { members: Object.fromEntries(members.map(({ path, linkname }) => [path, linkname ?? null])), warnings };
}

const BASH: Objects = {
  'bin/bash': 'file',
  'bin/sh': { link: 'bash' },
  'share/doc/bash/README': 'file',
  'share/empty': 'directory',
  lib64: { link: 'lib' },
  'lib/libbash.so': 'file',
};
const COREUTILS: Objects = {
  'bin/ls': 'file',
  'bin/dir': { link: './ls' },
  'bin/vi': { link: '/usr/bin/vi' },
  'share/doc/coreutils': 'file',
  'lib/dangling': { link: 'nowhere' },
};

describe('a union', () => {
  test('has real directories, merged, and links to everything else', () => {
    const parent = scratchDirectory();
    make(join(parent, 'a'), BASH);
    make(join(parent, 'b'), COREUTILS);
    expect(unionOf(parent, 'a', 'b')).toEqual({
      members: {
        bin: null,
        'bin/bash': '/store/a/bin/bash',
        'bin/sh': 'bash',
        lib: null,
        'lib/libbash.so': '/store/a/lib/libbash.so',
        lib64: 'lib',
        share: null,
        'share/doc': null,
        'share/doc/bash': null,
        'share/doc/bash/README': '/store/a/share/doc/bash/README',
        'share/empty': null,
        'bin/dir': './ls',
        'bin/ls': '/store/b/bin/ls',
        'bin/vi': '/usr/bin/vi',
        'lib/dangling': 'nowhere',
        'share/doc/coreutils': '/store/b/share/doc/coreutils',
      },
      warnings: [],
    });
  });

  test.each<[name: string, a: Objects, b: Objects, members: Record<string, string | null>, both: string | undefined]>([
    ['two files', { x: 'file' }, { x: 'file' }, { x: '/store/a/x' }, 'x'],
    ['a file and a directory', { x: 'file' }, { 'x/y/z': 'file' }, { x: '/store/a/x' }, 'x'],
    ['a directory and a file', { 'x/y': 'file' }, { x: 'file' }, { x: null, 'x/y': '/store/a/x/y' }, 'x'],
    ['a symlink and a directory', { x: { link: 'y' } }, { 'x/z': 'file' }, { x: 'y' }, 'x'],
    ['two symlinks that differ', { x: { link: 'y' } }, { x: { link: 'z' } }, { x: 'y' }, 'x'],
    ['two equal symlinks', { x: { link: 'y' } }, { x: { link: 'y' } }, { x: 'y' }, undefined],
    ['two directories', { x: 'directory' }, { 'x/y': 'file' }, { x: null, 'x/y': '/store/b/x/y' }, undefined],
  ])('of %s takes the first, and says so', (_name, a, b, members, both) => {
    const parent = scratchDirectory();
    make(join(parent, 'a'), a);
    make(join(parent, 'b'), b);
    const union = unionOf(parent, 'a', 'b');
    expect(union.members).toEqual(members);
    expect(union.warnings).toEqual(
      both === undefined ? [] : [`"/store/a" and "/store/b" both have "${both}": that of the first is taken`],
    );
  });

  test('links to a symlink that would lead elsewhere from the root of the union', () => {
    const parent = scratchDirectory();
    make(join(parent, 'a'), {
      'bin/in': { link: '../lib/x' },
      'bin/root': { link: '..' },
      'bin/out': { link: '../../b/bin/x' },
      'bin/back': { link: '../../a/bin/x' },
      out: { link: './/.././b' },
    });
    expect(unionOf(parent, 'a').members).toEqual({
      bin: null,
      'bin/in': '../lib/x',
      'bin/root': '..',
      'bin/out': '/store/a/bin/out',
      'bin/back': '/store/a/bin/back',
      out: '/store/a/out',
    });
  });
});

// nixpkgs' symlinkJoin runs lndir for each of its paths in turn.
clientTest('lndir')('is what lndir makes of the same directories', () => {
  const parent = scratchDirectory();
  const sources = {
    a: BASH,
    b: COREUTILS,
    c: { 'bin/ls': 'file', 'bin/only-c': 'file', 'share/empty/no-more': 'file', lib64: { link: 'lib' } },
    d: { 'bin/sh': { link: 'dash' }, 'bin/dash': 'file', 'share/doc/bash': 'directory' },
  } satisfies Record<string, Objects>;
  for (const [name, objects] of Object.entries(sources)) make(join(parent, name), objects);
  const out = join(parent, 'out');
  mkdirSync(out);
  for (const name of Object.keys(sources)) run('lndir', ['-silent', join(parent, name)], { cwd: out });

  const expected: Record<string, string | null> = {};
  for (const found of readdirSync(out, { recursive: true, withFileTypes: true })) {
    const path = join(found.parentPath, found.name);
    const name = path.slice(out.length + 1);
    expected[name] = found.isDirectory() ? null : readlinkSync(path).replace(`${parent}/`, '/store/');
  }
  expect(Object.keys(expected).length).toBeGreaterThan(15);
  expect(unionOf(parent, ...Object.keys(sources)).members).toEqual(expected);
});
