import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BuildSpec, type BuiltImage, buildImage, planImage } from '../../src/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { sha256 } from '../support/commands.js';
import { gnuTar, gnuTarArguments } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { type AppliedImage, type AppliedTree, applyLayers } from './applied-layers.js';

const oracle = clientTest('tar', 'python3', 'mkfifo', 'mknod');

/** Makes `path` with its parents, whatever the umask. */
function write(path: string, content: string | Uint8Array = path.slice(-20), mode = 0o644): void {
  makeDirectory(dirname(path));
  writeFileSync(path, content);
  chmodSync(path, mode);
}

function makeDirectory(path: string, mode = 0o755): void {
  if (!existsSync(path)) {
    makeDirectory(dirname(path));
    mkdirSync(path);
    chmodSync(path, mode);
  } else if (mode !== 0o755) chmodSync(path, mode);
}

function link(path: string, target: string): void {
  makeDirectory(dirname(path));
  symlinkSync(target, path);
}

/** Copies `source` to a place in a staged image, whose parents are made with mode 0755. */
function stage(root: string, source: string, place: string): void {
  makeDirectory(dirname(join(root, place)));
  // Copies modes, links as they are, and merges directories.
  cpSync(source, join(root, place), { recursive: true, verbatimSymlinks: true });
  copyModes(source, join(root, place));
}

function copyModes(from: string, to: string): void {
  const stats = lstatSync(from);
  if (stats.isSymbolicLink()) return;
  chmodSync(to, stats.mode & 0o7777);
  if (stats.isDirectory()) for (const name of readdirSync(from)) copyModes(join(from, name), join(to, name));
}

/** The tar that GNU tar makes of what is in a directory, in its own order. */
function tarOf(root: string, args: readonly string[] = gnuTarArguments('ustar')): Buffer {
  return gnuTar([...args, '--null', '-T', '-', '-cf', '-'], root, names(root));
}

/** Names in a directory, in byte order, for `-T`. */
function names(root: string): Buffer {
  const list = readdirSync(root, 'latin1').sort();
  return Buffer.from(list.map((name) => `./${name}\0`.slice(2)).join(''), 'latin1');
}

interface Built {
  readonly archive: string;
  readonly image: BuiltImage;
  /** Uncompressed layers, as they stand in the archive. */
  readonly layers: readonly Buffer[];
}

async function build(spec: BuildSpec): Promise<Built> {
  const archive = join(scratchDirectory(), 'image.tar');
  const image = await buildImage({ output: archive, tag: ['test'], ...spec });
  const [entry] = JSON.parse(member(archive, 'manifest.json').toString()) as { Layers: string[] }[];
  const layers = entry!.Layers.map((path) => member(archive, path));
  expect(image.layers.map(({ diffId }) => diffId)).toEqual(layers.map(sha256));
  return { archive, image, layers };
}

function member(archive: string, name: string): Buffer {
  return gnuTar(['--occurrence=1', '-xOf', archive, name], dirname(archive));
}

function expectSame(expected: Uint8Array, actual: Uint8Array | undefined): void {
  expect(describeDifference(expected, actual ?? new Uint8Array(0))).toBeUndefined();
}

function applied(...builds: readonly Built[]): AppliedImage[] {
  const images = applyLayers(builds.map(({ archive }) => archive));
  for (const { faults } of images) expect(faults).toEqual([]);
  return images;
}

function withoutTimes(tree: AppliedTree): Record<string, string> {
  return Object.fromEntries(Object.entries(tree).map(([path, line]) => [path, line.replace(/ root:root| :/, '')]));
}

describe('a single layer is what GNU tar makes of the staged tree', () => {
  oracle('of --root', async () => {
    const root = scratchDirectory();
    for (const path of [
      'etc/passwd',
      'bin/sh',
      'a/x',
      'a.b',
      'a-b',
      'ab',
      'foo-bar',
      'foo/x',
      'foo.txt',
      '.hidden',
      '...',
    ]) {
      write(join(root, path));
    }
    for (const name of ['\uff5e', '\u{10000}', 'é', '-dash', 'new\nline']) write(join(root, name));
    makeDirectory(join(root, 'tmp'), 0o1777);
    makeDirectory(join(root, 'root'), 0o700);
    link(join(root, 'usr/bin'), '../bin');
    const { layers } = await build({ root });
    expect(layers).toHaveLength(1);
    expectSame(tarOf(root), layers[0]);
  });

  oracle.each(['gnu', 'posix'] as const)('of --root with every awkward case, as %s', async (format) => {
    const root = scratchDirectory();
    makeDirectory(join(root, 't'));
    makeAwkwardTree(join(root, 't'));
    const { layers } = await build({ root, tarFormat: format });
    expectSame(tarOf(root, gnuTarArguments(format)), layers[0]);
  });

  oracle('of --add, paths, symlinks, directories and files, with the parents of each', async () => {
    const scratch = scratchDirectory();
    const source = join(scratch, 'source');
    write(join(source, 'program'), 'program', 0o4755);
    write(join(source, 'sub/deep/file'));
    link(join(source, 'sub/link'), '../program');
    chmodSync(join(source, 'sub'), 0o700);
    write(join(scratch, 'single'), 'one file', 0o600);
    const item = join(scratch, 'store/item');
    write(join(item, 'bin/x'), 'x', 0o555);

    const staged = scratchDirectory();
    stage(staged, item, item);
    stage(staged, source, '/opt/app');
    stage(staged, source, '/opt/app2/nested');
    stage(staged, join(scratch, 'single'), '/etc/single.conf');
    link(join(staged, 'usr/bin/app'), '/opt/app/program');
    makeDirectory(join(staged, 'var/empty'));
    makeDirectory(join(staged, 'tmp'), 0o1777);
    write(join(staged, 'etc/hostname'), 'host\n', 0o644);
    write(join(staged, 'usr/bin/start'), '#!/bin/sh\n', 0o755);

    const { layers } = await build({
      paths: [item],
      add: [`${source}=/opt/app`, `${source}=opt/app2/nested`, `${join(scratch, 'single')}=/etc/single.conf`],
      symlink: ['/usr/bin/app=/opt/app/program'],
      directory: ['/var/empty', '/tmp:1777'],
      files: { '/etc/hostname': { content: 'host\n' }, 'usr/bin/start': { content: '#!/bin/sh\n', mode: '0755' } },
    });
    expect(layers).toHaveLength(1);
    expectSame(tarOf(staged), layers[0]);
  });

  oracle('whatever the order of the options', async () => {
    const scratch = scratchDirectory();
    for (const name of ['a', 'b', 'c']) write(join(scratch, name, 'file'), name);
    const adds = ['a', 'b', 'c'].map((name) => `${scratch}/${name}=/${name}`);
    const forth = await build({ add: adds, directory: ['/x', '/y'], symlink: ['/l=1', '/m=2'] });
    const back = await build({ add: adds.toReversed(), directory: ['/y', '/x'], symlink: ['/m=2', '/l=1'] });
    expectSame(forth.layers[0]!, back.layers[0]);
  });

  oracle('of directories that merge, where the later explicit attributes win', async () => {
    const scratch = scratchDirectory();
    write(join(scratch, 'one/d/1'));
    write(join(scratch, 'two/d/2'));
    chmodSync(join(scratch, 'one/d'), 0o700);
    chmodSync(join(scratch, 'two/d'), 0o2750);
    const staged = scratchDirectory();
    stage(staged, join(scratch, 'one'), '/m');
    stage(staged, join(scratch, 'two'), '/m');
    const { layers } = await build({ add: [`${scratch}/one=/m`, `${scratch}/two=/m`] });
    expectSame(tarOf(staged), layers[0]);
    chmodSync(join(staged, 'm/d'), 0o700);
    const { layers: swapped } = await build({ add: [`${scratch}/two=/m`, `${scratch}/one=/m`] });
    expectSame(tarOf(staged), swapped[0]);
    // Explicit attributes win over the implied ones that come later.
    const implied = await build({ directory: ['/m:0711'], files: { '/m/x': { content: 'x' } } });
    const [image] = applied(implied);
    expect(image!.tree['m']).toBe('directory 0711 0:0 root:root 1');
  });

  oracle('of transformed names, in the order of their new names', async () => {
    const scratch = scratchDirectory();
    write(join(scratch, 'src/b/x'));
    write(join(scratch, 'src/c'));
    write(join(scratch, 'src/d'));
    const staged = scratchDirectory();
    write(join(staged, 'image/z/x'), `${scratch}/src/b/x`.slice(-20));
    write(join(staged, 'image/c'), `${scratch}/src/c`.slice(-20));
    write(join(staged, 'image/d'), `${scratch}/src/d`.slice(-20));
    const { layers } = await build({ add: [`${scratch}/src=/old`], transform: ['/old=/image', '/image/b=/image/z'] });
    expectSame(tarOf(staged), layers[0]);
  });

  oracle('of other owners and times', async () => {
    const root = scratchDirectory();
    write(join(root, 'd/file'));
    const { layers } = await build({ root, owner: 'app:1000', group: 'staff:100', mtime: '2020-01-01T00:00:00Z' });
    const args = ['--sort=name', '--mtime=@1577836800', '--owner=app:1000', '--group=staff:100', '--format=ustar'];
    expectSame(tarOf(root, args), layers[0]);
  });
});

describe('rules', () => {
  function tree(): string {
    const root = scratchDirectory();
    for (const path of [
      'etc/passwd',
      'etc/shadow',
      'bin/a',
      'bin/b',
      'home/user/.rc',
      'home/user/doc/x.txt',
      'x.txt',
    ]) {
      write(join(root, path));
    }
    link(join(root, 'bin/link'), 'a');
    chmodSync(join(root, 'bin/a'), 0o775);
    return root;
  }

  async function treeOf(spec: BuildSpec): Promise<{ lines: Record<string, string>; warnings: readonly string[] }> {
    const built = await build(spec);
    const [image] = applied(built);
    const lines = Object.entries(image!.tree).map(([path, line]) => [path, line.split(' ').slice(0, 3).join(' ')]);
    return { lines: Object.fromEntries(lines) as Record<string, string>, warnings: built.image.warnings };
  }

  oracle('--chmod and --chown: the last match wins, symlinks keep their mode', async () => {
    const { lines, warnings } = await treeOf({
      root: tree(),
      chmod: ['/**=0600', '/bin/*=0755', '/bin/b=0700', 'home/user=0750', '/**/doc=0711'],
      chown: ['home/**=1000:1000', '/home/user/doc/*=1001:1002', '/bin/link=5:6'],
    });
    expect(warnings).toEqual([]);
    expect(lines).toEqual({
      bin: 'directory 0600 0:0',
      'bin/a': 'file 0755 0:0',
      'bin/b': 'file 0700 0:0',
      'bin/link': 'symlink 0777 5:6',
      etc: 'directory 0600 0:0',
      'etc/passwd': 'file 0600 0:0',
      'etc/shadow': 'file 0600 0:0',
      home: 'directory 0600 0:0',
      'home/user': 'directory 0750 1000:1000',
      'home/user/.rc': 'file 0600 1000:1000',
      'home/user/doc': 'directory 0711 1000:1000',
      'home/user/doc/x.txt': 'file 0600 1001:1002',
      'x.txt': 'file 0600 0:0',
    });
  });

  oracle('a rule that matches nothing is a warning, one that only another rule overrules is none', async () => {
    const root = tree();
    const { warnings } = await treeOf({
      root,
      chmod: ['/nowhere=0600', '/bin/a=0700', '/bin/*=0755', '/bin/link=0700'],
      chown: ['*.md=1:1', '/bin/a=1:1', '/bin/a=2:2'],
    });
    expect(warnings).toEqual([
      '--chmod "/nowhere=0600" matches nothing',
      '--chmod "/bin/link=0700" matches nothing',
      '--chown "*.md=1:1" matches nothing',
    ]);
  });

  oracle('globs match whole image paths: a star stops at a slash, two do not', async () => {
    const root = tree();
    const { lines } = await treeOf({ root, chmod: ['*=0700', '*.txt=0400', 'home/**.txt=0440'] });
    expect(lines['x.txt']).toBe('file 0400 0:0');
    expect(lines['home/user/doc/x.txt']).toBe('file 0440 0:0');
    expect(lines['bin/a']).toBe('file 0775 0:0');
    expect(lines['home/user']).toBe('directory 0755 0:0');
  });

  oracle('--mode comes before --chmod, for all members but symlinks', async () => {
    const { lines, warnings } = await treeOf({
      root: tree(),
      mode: 'go-rwx',
      chmod: ['/bin/a=0755'],
      directory: ['/tmp:1777', '/plain'],
      files: { '/etc/given': { content: '', mode: '0644' } },
    });
    expect(lines).toMatchObject({
      bin: 'directory 0700 0:0',
      'bin/a': 'file 0755 0:0',
      'bin/b': 'file 0600 0:0',
      'bin/link': 'symlink 0777 0:0',
      tmp: 'directory 1700 0:0',
      plain: 'directory 0700 0:0',
      'etc/given': 'file 0600 0:0',
    });
    expect(warnings).toEqual([
      expect.stringMatching(/--mode changes "\/tmp" from the 1777/),
      expect.stringMatching(/--mode changes "\/etc\/given" from the 0644/),
    ]);
  });

  oracle('--mode says so, too, where the name of what it changes is transformed', async () => {
    const { warnings } = await treeOf({ directory: ['/old:1777'], transform: ['/old=/new'], mode: 'o-w' });
    expect(warnings).toEqual([expect.stringMatching(/--mode changes "\/new" from the 1777/)]);
  });

  oracle('--exclude leaves out what matches and all that is below it', async () => {
    const { lines } = await treeOf({ root: tree(), exclude: ['/home', '**/passwd', 'bin/[ab]'] });
    expect(Object.keys(lines).sort()).toEqual(['bin', 'bin/link', 'etc', 'etc/shadow', 'x.txt']);
  });

  oracle('--exclude matches names as they are after transformation', async () => {
    const { lines } = await treeOf({ root: tree(), transform: ['etc=conf'], exclude: ['/conf/shadow', '/etc/passwd'] });
    expect(Object.keys(lines)).toContain('conf/passwd');
    expect(Object.keys(lines)).not.toContain('conf/shadow');
  });

  oracle('--exclude of everything under an item leaves a layered image with the rest', async () => {
    const scratch = scratchDirectory();
    for (const name of ['a', 'b', 'c']) write(join(scratch, name, 'file'), name.repeat(5000));
    const paths = ['a', 'b', 'c'].map((name) => join(scratch, name));
    const built = await build({ paths, maxLayers: 10, exclude: [`${scratch}/b`] });
    const [image] = applied(built);
    expect(Object.keys(image!.tree).filter((path) => path.endsWith('/file'))).toHaveLength(2);
    expect(built.layers.length).toBe(2);
  });

  oracle('rules reach the members of every layer', async () => {
    const scratch = scratchDirectory();
    for (const name of ['a', 'b', 'c']) write(join(scratch, name, 'file'), name.repeat(5000));
    const paths = ['a', 'b', 'c'].map((name) => join(scratch, name));
    const rules = { chown: ['**/file=7:8'], chmod: ['**/b=0700'], mode: 'go-r' };
    const [single, layered] = applied(
      await build({ paths, ...rules }),
      await build({ paths, maxLayers: 10, ...rules }),
    );
    expect(layered!.tree).toEqual(single!.tree);
    expect(single!.tree[`${scratch.slice(1)}/a/file`]).toMatch(/^file 0600 7:8 : 1 /);
    expect(single!.tree[`${scratch.slice(1)}/b`]).toBe('directory 0700 0:0 root:root 1');
  });
});

describe('layers of items', () => {
  /** Items of which the first is the largest; names are in no order of sizes. */
  function itemsBySize(count: number): string[] {
    const store = join(scratchDirectory(), 'store');
    return Array.from({ length: count }, (_, index) => {
      const item = join(store, `${(index * 7) % 10}-item-${index}`);
      write(join(item, 'file'), Buffer.alloc((count - index) * 5000, index + 1));
      write(join(item, 'bin/tool'), 'tool', 0o755);
      link(join(item, 'link'), 'file');
      chmodSync(item, 0o555);
      return item;
    });
  }

  /** The layer of items with implied parents, by GNU tar. */
  function layerOf(items: readonly string[]): Buffer {
    const staged = scratchDirectory();
    for (const item of items) stage(staged, item, item);
    return tarOf(staged);
  }

  oracle.each([
    [1, 2],
    [1, 100],
    [2, 2],
    [2, 3],
    [3, 4],
    [4, 4],
    [5, 4],
    [6, 4],
    [9, 10],
    [10, 10],
    [11, 10],
  ])('%i items with at most %i layers', async (count, maxLayers) => {
    const largestFirst = itemsBySize(count);
    const heads = count >= maxLayers ? maxLayers - 2 : count - 1;
    const { layers, image, archive } = await build({
      paths: largestFirst.toSorted(),
      maxLayers,
      symlink: ['/bin=/store/bin'],
    });
    expect(layers.length).toBeLessThanOrEqual(maxLayers);
    expect(layers).toHaveLength(Math.min(count, heads + 1) + 1);
    for (const [index, item] of largestFirst.slice(0, heads).entries()) expectSame(layerOf([item]), layers[index]);
    expectSame(layerOf(largestFirst.slice(heads)), layers[heads]);
    const staged = scratchDirectory();
    link(join(staged, 'bin'), '/store/bin');
    expectSame(tarOf(staged), layers.at(-1));

    const config = JSON.parse(member(archive, `blobs/sha256/${image.image.slice(7)}`).toString()) as {
      history: object[];
      rootfs: { diff_ids: string[] };
    };
    expect(config.history).toHaveLength(layers.length);
    expect(config.rootfs.diff_ids).toEqual(layers.map(sha256));
  });

  oracle('without items there is one layer, and without anything else no last layer', async () => {
    const { layers } = await build({ directory: ['/tmp:1777'], maxLayers: 5 });
    expect(layers).toHaveLength(1);
    const items = itemsBySize(3);
    const { layers: withoutLast } = await build({ paths: items, maxLayers: 5 });
    expect(withoutLast).toHaveLength(3);
    expectSame(layerOf([items[2]!]), withoutLast[2]);
  });

  oracle('an image of nothing has no layers, and says so', async () => {
    const empty = scratchDirectory();
    const { layers, image } = await build({ root: empty });
    expect(layers).toEqual([]);
    expect(image.warnings).toEqual([expect.stringContaining('no layers')]);
  });

  oracle('implied parents are root:root 0755, whatever the directories on disk and the options say', async () => {
    const [item, other] = itemsBySize(2) as [string, string];
    chmodSync(dirname(item), 0o700);
    const { layers } = await build({ paths: [item, other], maxLayers: 3, owner: 'app:1000', group: 'app:1000' });
    const [first] = applyOne(layers[0]!);
    expect(first!.tree[dirname(item).slice(1)]).toBe('directory 0755 0:0 root:root 1');
    expect(first!.tree[item.slice(1)]).toBe('directory 0555 1000:1000 app:app 1');
  });

  /** Applies one layer alone. */
  function applyOne(layer: Buffer): AppliedImage[] {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'layer'), layer);
    writeFileSync(join(directory, 'manifest.json'), '[{"Layers": ["layer"]}]');
    gnuTar(['-cf', 'image.tar', 'layer', 'manifest.json'], directory);
    return applyLayers([join(directory, 'image.tar')]);
  }

  oracle('the last layer repeats a parent to which a source gives other attributes, and only such', async () => {
    const items = itemsBySize(3);
    const store = dirname(items[0]!);
    const plain = await build({ paths: items, maxLayers: 4, directory: ['/zz:1777'] });
    const given = await build({ paths: items, maxLayers: 4, directory: ['/zz:1777', `${store}:1775:0:30000`] });
    const same = await build({ paths: items, maxLayers: 4, directory: ['/zz:1777', `${store}:0755:0:0`] });
    for (const index of [0, 1, 2]) expectSame(plain.layers[index]!, given.layers[index]);
    expectSame(plain.layers[3]!, same.layers[3]);
    const staged = scratchDirectory();
    makeDirectory(join(staged, 'zz'), 0o1777);
    const [image, single] = applied(
      given,
      await build({ paths: items, directory: ['/zz:1777', `${store}:1775:0:30000`] }),
    );
    expect(image!.tree[store.slice(1)]).toBe('directory 1775 0:30000 root: 1');
    expect(image!.tree).toEqual(single!.tree);
    const parents = store
      .slice(1)
      .split('/')
      .map((_, index, all) => `${all.slice(0, index + 1).join('/')}/`);
    expect(image!.layers[3]).toEqual([...parents, 'zz/']);
  });

  oracle('the last layer repeats a parent whose attributes --root gives', async () => {
    const items = itemsBySize(2);
    const root = scratchDirectory();
    makeDirectory(join(root, dirname(items[0]!)));
    chmodSync(join(root, items[0]!.split('/')[1]!), 0o1777);
    const [image] = applied(await build({ paths: items, maxLayers: 4, root }));
    expect(image!.tree[items[0]!.split('/')[1]!]).toBe('directory 1777 0:0 root:root 1');
  });

  oracle('an item has the same layer whatever else is in the image', async () => {
    const items = itemsBySize(4);
    const [item] = items as [string];
    const overlay = scratchDirectory();
    makeDirectory(join(overlay, 'bin'), 0o700);
    write(join(overlay, 'bin/more'), 'more');
    const expected = layerOf([item]);
    const store = dirname(item);
    const variants: Record<string, BuildSpec> = {
      alone: { paths: [item], maxLayers: 100 },
      'first of two': { paths: items.slice(0, 2), maxLayers: 100 },
      'last given': { paths: items.toReversed(), maxLayers: 100 },
      'with three layers': { paths: items, maxLayers: 3 },
      'with four layers': { paths: items, maxLayers: 4 },
      'with tags': { paths: items, maxLayers: 5, tag: ['a:1', 'b:2'], env: ['A=b'], created: '@99' },
      'with an overlay': { paths: items, maxLayers: 5, add: [`${overlay}=${item}`] },
      'with a directory over its own': { paths: items, maxLayers: 5, directory: [`${item}:0700:5:6`] },
      'with the same file twice': { paths: items, maxLayers: 5, add: [`${item}/file=${item}/file`] },
      'with an equal symlink': { paths: items, maxLayers: 5, symlink: [`${item}/link=file`] },
      'with a link inside it': { paths: items, maxLayers: 5, symlink: [`${item}/bin/new=x`] },
      'with a directory of its parents': { paths: items, maxLayers: 5, directory: [`${store}:1777`] },
      'with another part given as well': { paths: [...items, `${item}/bin`], maxLayers: 5 },
      'given twice': { paths: [item, ...items, item], maxLayers: 5 },
      'with a slash at its end': { paths: [`${item}/`, ...items.slice(1)], maxLayers: 5 },
      'with dots in its path': { paths: [`${store}/../store/./${item.slice(store.length + 1)}`], maxLayers: 5 },
    };
    for (const [name, spec] of Object.entries(variants)) {
      const { layers, archive } = await build(spec);
      expect(describeDifference(expected, layers[0]!), name).toBeUndefined();
      const [image] = applyLayers([archive]);
      expect(image!.faults, name).toEqual([]);
    }
  });

  oracle('an item has the same layer under --mode whatever else is laid over it', async () => {
    const items = itemsBySize(2);
    const [item] = items as [string];
    const mode = 'u+w';
    const alone = await build({ paths: items, maxLayers: 3, mode });
    const wider = await build({ paths: items, maxLayers: 3, mode, directory: [`${item}:0755`] });
    const narrower = await build({ paths: items, maxLayers: 3, mode, directory: [`${item}:0500`] });
    expectSame(alone.layers[0]!, wider.layers[0]);
    expectSame(alone.layers[0]!, narrower.layers[0]);
  });

  oracle('what lies over an item is in the last layer, with the attributes of the image', async () => {
    const [item] = itemsBySize(1) as [string];
    const spec = { paths: [item], directory: [`${item}/bin:0700:5:6`], symlink: [`${item}/bin/new=x`] };
    const [layered, single] = applied(await build({ ...spec, maxLayers: 3 }), await build(spec));
    expect(layered!.tree).toEqual(single!.tree);
    expect(layered!.tree[`${item.slice(1)}/bin`]).toBe('directory 0700 5:6 : 1');
    expect(layered!.tree[item.slice(1)]).toBe('directory 0555 0:0 root:root 1');
    // The item's own directory is a parent here, and keeps the item's mode.
    expect(layered!.layers[1]!.slice(-3)).toEqual([
      `${item.slice(1)}/`,
      `${item.slice(1)}/bin/`,
      `${item.slice(1)}/bin/new`,
    ]);
  });

  oracle('nested and repeated paths are one item', async () => {
    const items = itemsBySize(3);
    const [item] = items as [string];
    const plain = await build({ paths: items, maxLayers: 10 });
    const nested = await build({ paths: [`${item}/bin`, items[0]!, `${item}/file`, ...items], maxLayers: 10 });
    expect(nested.layers).toHaveLength(3);
    expect(nested.image.image).toBe(plain.image.image);
  });

  oracle('a path and the same path as --add agree', async () => {
    const [item] = itemsBySize(1) as [string];
    const { layers } = await build({ paths: [item], add: [`${item}=${item}`, `${item}/file=${item}/file`] });
    expectSame(layerOf([item]), layers[0]);
  });

  oracle('the same source agrees with itself however its path is written', async () => {
    const source = join(scratchDirectory(), 'source');
    write(join(source, 'file'));
    const plain = await build({ add: [`${source}=/d`] });
    for (const other of [`${source}/`, `${source}/.`, `${dirname(source)}//source`, `${source}/../source`]) {
      const { layers } = await build({ add: [`${source}=/d`, `${other}=/d`] });
      expectSame(plain.layers[0]!, layers[0]);
    }
  });

  oracle('an item of which nothing is left is named in no layer', async () => {
    const items = itemsBySize(3);
    const { image } = await build({ paths: items, maxLayers: 5, exclude: [items[1]!] });
    expect(image.layers.map((layer) => layer.items)).toEqual([[items[0]], [items[2]]]);
    // Here the empty item shares a layer with another.
    const { image: shared } = await build({ paths: items, maxLayers: 3, exclude: [items[0]!] });
    expect(shared.layers.map((layer) => layer.items)).toEqual([[items[1]], [items[2]]]);
  });

  oracle('transformations reach the items, and two that become one directory share its attributes', async () => {
    const items = itemsBySize(3);
    for (const item of items) {
      chmodSync(item, 0o755);
      rmSync(join(item, 'file'));
      rmSync(join(item, 'link'));
      write(join(item, `file-of-${item.slice(-1)}`));
      rmSync(join(item, 'bin'), { recursive: true });
    }
    chmodSync(items[1]!, 0o700);
    const transform = items.map((item) => `${item}=/merged`);
    const [layered, single] = applied(
      await build({ paths: items, transform, maxLayers: 10 }),
      await build({ paths: items, transform }),
    );
    expect(layered!.tree).toEqual(single!.tree);
    expect(Object.keys(single!.tree)).toEqual(['merged', 'merged/file-of-0', 'merged/file-of-1', 'merged/file-of-2']);
  });

  oracle('an item that is transformed into another keeps the directories of the other', async () => {
    const items = itemsBySize(2);
    const transform = [`${items[1]}=${items[0]}/inside`];
    const [layered, single] = applied(
      await build({ paths: items, transform, maxLayers: 10 }),
      await build({ paths: items, transform }),
    );
    expect(layered!.tree).toEqual(single!.tree);
    expect(single!.tree[items[0]!.slice(1)]).toBe('directory 0555 0:0 root:root 1');
  });

  oracle('two items of equal layers stand in the image twice', async () => {
    const store = scratchDirectory();
    for (const name of ['a', 'b']) makeDirectory(join(store, name));
    const built = await build({
      paths: ['a', 'b'].map((name) => join(store, name)),
      maxLayers: 5,
      transform: [`${store}/a=/x`, `${store}/b=/x`],
    });
    expect(built.layers).toHaveLength(2);
    expectSame(built.layers[0]!, built.layers[1]);
    applied(built);
  });

  test('a plan has the layers of the build, and writes nothing', async () => {
    const items = itemsBySize(5);
    const spec = { paths: items, maxLayers: 4, directory: ['/tmp:1777'] };
    const plan = await planImage(spec);
    const output = join(scratchDirectory(), 'out.tar');
    expect((await planImage({ ...spec, output })).layers).toEqual(plan.layers);
    expect(existsSync(output)).toBe(false);
    const built = await buildImage({ ...spec, output });
    expect(plan.layers).toEqual(
      built.layers.map(({ items: names, isBase, tarSizeBytes, entries }) => ({
        items: names,
        isBase,
        tarSizeBytes,
        entries,
      })),
    );
    expect(built.layers.map(({ sizeBytes }) => sizeBytes)).toEqual(plan.layers.map(({ tarSizeBytes }) => tarSizeBytes));
    expect(readFileSync(output).length).toBe(built.sizeBytes);
  });
});

oracle('any sources give one tree, in one layer or in many, with each member in one layer', async () => {
  const store = join(scratchDirectory(), 'store');
  const component = fc.constantFrom('a', 'b', 'a-b', 'a.b', 'bin', 'Z', 'é');
  const file = fc.record({
    path: fc.array(component, { minLength: 1, maxLength: 3 }),
    size: fc.nat(3000),
    mode: fc.constantFrom(0o600, 0o755, 0o4711),
  });
  const directoryMode = fc.constantFrom(0o700, 0o755, 0o555, 0o1777);
  const item = fc.record({ files: fc.array(file, { maxLength: 5 }), mode: directoryMode });
  const scene = fc.record({
    items: fc.array(item, { maxLength: 6 }),
    root: fc.option(item, { nil: undefined }),
    directories: fc.array(fc.tuple(fc.array(component, { minLength: 1, maxLength: 3 }), directoryMode), {
      maxLength: 3,
    }),
    inItem: fc.option(fc.tuple(component, directoryMode), { nil: undefined }),
    links: fc.array(component, { maxLength: 2 }),
    maxLayers: fc.integer({ min: 2, max: 8 }),
    mode: fc.constantFrom(undefined, 'go-w', 'u+w', 'go=u'),
    chown: fc.constantFrom(undefined, '**=1000:1000', '**/a=7:7', '/image/**=3:4'),
    transform: fc.boolean(),
  });
  let number = 0;
  const fill = (
    root: string,
    { files, mode }: { files: readonly { path: string[]; size: number; mode: number }[]; mode: number },
  ): void => {
    makeDirectory(root);
    for (const { path, size, mode: fileMode } of files) {
      try {
        write(join(root, ...path), Buffer.alloc(size, size), fileMode);
      } catch {
        // A file where a directory is: the tree is what could be made.
      }
    }
    chmodSync(root, mode);
  };
  const built: { single: Built; layered: Built; paths: string[] }[] = [];
  await fc.assert(
    fc.asyncProperty(scene, async ({ items, root, directories, inItem, links, maxLayers, mode, chown, transform }) => {
      const base = join(store, String(number++));
      const paths = items.map((content, index) => {
        const path = join(base, `item-${index}`);
        fill(path, content);
        return path;
      });
      if (root !== undefined) fill(join(base, 'root'), root);
      const spec: BuildSpec = {
        paths,
        ...(root && { root: join(base, 'root') }),
        symlink: links.map((name) => `/links/${name}=target`),
        directory: [
          '/etc',
          ...directories.map(([path, bits]) => `/image/${path.join('/')}:${bits.toString(8)}`),
          ...(inItem !== undefined && paths.length > 0
            ? [`${paths[0]}/dir-${inItem[0]}:${inItem[1].toString(8)}`]
            : []),
        ],
        ...(mode && { mode }),
        ...(chown && { chown: [chown] }),
        ...(transform && { transform: [`${base}=/gnu/store`] }),
      };
      const single = await build(spec);
      const layered = await build({ ...spec, maxLayers });
      expect(layered.layers.length).toBeLessThanOrEqual(maxLayers);
      built.push({ single, layered, paths });
    }),
    { numRuns: 40 },
  );
  const images = applyLayers(built.flatMap(({ single, layered }) => [single.archive, layered.archive]));
  for (const [index, { paths }] of built.entries()) {
    const single = images[2 * index]!;
    const layered = images[2 * index + 1]!;
    expect(single.faults).toEqual([]);
    expect(layered.faults).toEqual([]);
    expect(withoutTimes(layered.tree)).toEqual(withoutTimes(single.tree));
    const notDirectories = layered.layers.flat().filter((name) => !name.endsWith('/'));
    expect(new Set(notDirectories).size, paths.join(' ')).toBe(notDirectories.length);
  }
});

const asRoot = process.getuid?.() === 0 ? oracle : test.skip;

asRoot('owners of the machine reach no layer', async () => {
  const root = scratchDirectory();
  write(join(root, 'd/file'));
  link(join(root, 'd/link'), 'x');
  const before = await build({ root });
  for (const name of ['d', 'd/file', 'd/link']) lchownSync(join(root, name), 4711, 4712);
  const after = await build({ root });
  expect(after.image.image).toBe(before.image.image);
});
