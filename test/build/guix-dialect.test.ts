import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, onTestFinished } from 'vitest';
import { type BuildSpec, type BuiltImage, buildImage } from '../../src/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { gnuTar, gnuTarArguments } from '../support/gnu-tar.js';
import { PYTHON_MEMBERS, type PythonMember, python, readArchive } from '../support/python.js';
import { scratchDirectory } from '../support/scratch.js';
import { type Directive, type GuixInputs, guixLayer, sha256sum, tarOfDirectory, tarOfFiles } from './guix-oracle.js';

const oracle = clientTest('tar', 'sha256sum', 'python3', 'mkfifo', 'mknod');

const PREFIX = '/gnu/store/0123456789abcdfghijklmnpqrsvwxyz-profile';

/** Makes `path` with its parents, everything with the modes of a store: directories and programs 0555, files 0444. */
function write(path: string, content: string | Uint8Array = path, mode = 0o444): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

function sealDirectory(path: string): void {
  chmodSync(path, 0o555);
  onTestFinished(() => chmodSync(path, 0o755));
}

/** A store of four items below `scratch`, whose names are not in the order of their sizes. */
function makeStore(scratch: string): { store: string; items: Record<'bash' | 'data' | 'lib' | 'text', string> } {
  const store = join(scratch, 'gnu/store');
  const items = {
    bash: join(store, 'bbbb-bash-5.1'),
    data: join(store, 'dddd-data'),
    lib: join(store, 'cccc-lib.so+x'),
    text: join(store, 'aaaa-text'),
  };
  write(join(items.bash, 'bin/bash'), Buffer.alloc(30_000, 'bash'), 0o555);
  symlinkSync('bash', join(items.bash, 'bin/sh'));
  symlinkSync(items.lib, join(items.bash, 'lib'));
  write(join(items.bash, 'bin-x'), 'after bin in bytes, not in tar');
  write(join(items.data, 'share/data'), Buffer.alloc(200_000, 'data'));
  write(join(items.lib, 'lib/libx.so'), Buffer.alloc(10_000, 'so'));
  write(items.text, 'an item that is a file\n');
  for (const directory of [items.bash, join(items.bash, 'bin'), items.data, items.lib]) sealDirectory(directory);
  return { store, items };
}

function extract(archive: string, member: string): Buffer {
  return gnuTar(['-xOf', archive, member], dirname(archive));
}

function extractJson<T>(archive: string, member: string): T {
  return JSON.parse(extract(archive, member).toString('utf8')) as T;
}

async function build(spec: BuildSpec): Promise<{ archive: string; image: BuiltImage }> {
  const archive = join(scratchDirectory(), 'image.tar');
  const image = await buildImage({ dialect: 'guix', prefix: PREFIX, output: archive, ...spec });
  return { archive, image };
}

/** The one layer, and the digests that say so. */
async function singleLayer(spec: BuildSpec): Promise<Buffer> {
  const { archive, image } = await build(spec);
  const [entry] = extractJson<{ Layers: string[] }[]>(archive, './manifest.json');
  expect(entry!.Layers).toHaveLength(1);
  const layer = extract(archive, `./${entry!.Layers[0]}`);
  const config = extractJson<{ rootfs: unknown }>(archive, './config.json');
  const diffId = `sha256:${sha256sum(layer, scratchDirectory())}`;
  expect(config.rootfs).toEqual({ type: 'layers', diff_ids: [diffId] });
  expect(image.layers.map((layer) => layer.diffId)).toEqual([diffId]);
  return layer;
}

function expectSame(expected: Uint8Array, actual: Uint8Array): void {
  expect(describeDifference(expected, actual)).toBeUndefined();
}

/** The options of `tarseal build` for what Guix is given. */
function specOf({ paths, extraFiles = [], transformations, database, prefix, rootSystem }: GuixInputs): BuildSpec {
  const isDirectory = (directive: Directive): directive is Extract<Directive, { directory: string }> =>
    'directory' in directive;
  return {
    ...(paths && { paths }),
    ...(rootSystem !== undefined && { root: rootSystem }),
    ...(database !== undefined && { database }),
    ...(prefix !== undefined && { prefix }),
    ...(transformations && { transform: transformations.map(([from, to]) => `${from}=${to}`) }),
    symlink: extraFiles.flatMap((directive) => ('link' in directive ? [`${directive.link}=${directive.to}`] : [])),
    directory: extraFiles
      .filter(isDirectory)
      .map(({ directory, mode }) => (mode === undefined ? directory : `${directory}:${mode.toString(8)}`)),
    files: Object.fromEntries(
      extraFiles.flatMap((directive) =>
        'file' in directive ? [[directive.file, { content: directive.content }]] : [],
      ),
    ),
  };
}

async function expectGuixLayer(inputs: GuixInputs, spec: BuildSpec = {}): Promise<PythonMember[]> {
  const expected = guixLayer(inputs, scratchDirectory());
  const layer = await singleLayer({ ...specOf(inputs), ...spec });
  expectSame(expected, layer);
  const file = join(scratchDirectory(), 'layer.tar');
  writeFileSync(file, layer);
  return readArchive(file);
}

const TMP: Directive = { directory: '/tmp', mode: 0o1777 };

describe('the layer is byte for byte the one of Guix', () => {
  oracle('for one path', async () => {
    const { items } = makeStore(scratchDirectory());
    const members = await expectGuixLayer({ paths: [items.bash] });
    const item = items.bash.slice(1);
    expect(members.map(({ name }) => name)).toEqual(
      ['', '/bin', '/bin/bash', '/bin/sh', '/bin-x', '/lib'].map((name) => item + name),
    );
  });

  oracle('for one path that is a file', async () => {
    await expectGuixLayer({ paths: [makeStore(scratchDirectory()).items.text] });
  });

  oracle('for one path that is a symlink', async () => {
    const scratch = scratchDirectory();
    symlinkSync('nowhere', join(scratch, 'profile'));
    await expectGuixLayer({ paths: [join(scratch, 'profile')] });
  });

  oracle('for paths in an order that is not sorted, and the last is the profile', async () => {
    const { items } = makeStore(scratchDirectory());
    const paths = [items.lib, items.text, items.data, items.bash];
    const members = await expectGuixLayer({ paths });
    const order = members.map(({ name }) => paths.findIndex((path) => `/${name}`.startsWith(path)));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  oracle('for a path of every awkward case', async () => {
    const item = join(scratchDirectory(), 'item');
    mkdirSync(item);
    makeAwkwardTree(item);
    // Has a test of its own: GNU tar's --delete, which Guix runs, does more than delete.
    rmSync(join(item, 'links', 'both-long-'.repeat(12)));
    await expectGuixLayer({ paths: [item] });
  });

  oracle('for a symlink whose name and target are both long: --delete puts the name before the target', async () => {
    const item = join(scratchDirectory(), 'item');
    mkdirSync(item);
    symlinkSync('t'.repeat(101), join(item, 'n'.repeat(101)));
    await expectGuixLayer({ paths: [item] });
  });

  oracle('with symlinks and directories as extra files, as guix pack gives them', async () => {
    const { items } = makeStore(scratchDirectory());
    const members = await expectGuixLayer({
      paths: [items.bash, items.lib],
      extraFiles: [
        TMP,
        { directory: '/opt/gnu' },
        { link: '/opt/gnu/bin', to: `${PREFIX}/bin` },
        { directory: '/usr/bin' },
        { link: '/usr/bin/env', to: `${PREFIX}/bin/env` },
        { link: '/bin', to: `${PREFIX}/bin` },
      ],
    });
    expect(members.slice(-8).map(({ name, mode }) => `${name} ${mode.toString(8)}`)).toEqual([
      'bin 777',
      'opt 755',
      'opt/gnu 755',
      'opt/gnu/bin 777',
      'tmp 1777',
      'usr 755',
      'usr/bin 755',
      'usr/bin/env 777',
    ]);
  });

  oracle('with extra files alone', async () => {
    await expectGuixLayer({ extraFiles: [TMP, { directory: '/etc' }, { file: '/etc/hostname', content: 'guix\n' }] });
  });

  oracle('with extra files whose byte order is not that of whole names', async () => {
    await expectGuixLayer({
      extraFiles: [
        ...['/foo', '/foo/z', '/foo-bar', '/foo.txt', '/Foo', '/_', '/~', '/a', '/a/b', '/a.b', '/ab'].map(
          (directory) => ({ directory }),
        ),
        { link: '/foo/a', to: 'z' },
      ],
    });
  });

  oracle('with a directory whose owner is not root: GNU tar is told root:0', async () => {
    const spec = { directory: ['/tmp:1777:30000:30000', '/var/cache:0750:1000:998'] };
    await expectGuixLayer({ extraFiles: [TMP, { directory: '/var/cache', mode: 0o750 }] }, spec);
  });

  oracle('with a symlink directive that replaces an earlier one', async () => {
    await expectGuixLayer({
      extraFiles: [
        { link: '/bin', to: '/first' },
        { link: '/bin', to: '/second' },
      ],
    });
  });

  oracle('with a directory directive given twice, the mode of the later', async () => {
    await expectGuixLayer({
      extraFiles: [
        { directory: '/tmp', mode: 0o700 },
        { directory: '/tmp', mode: 0o1777 },
      ],
    });
  });

  oracle('with a directory directive for the parents of the paths', async () => {
    const scratch = scratchDirectory();
    const { items, store } = makeStore(scratch);
    await expectGuixLayer({ paths: [items.bash], extraFiles: [{ directory: store, mode: 0o1775 }] });
  });

  oracle('with the database', async () => {
    const scratch = scratchDirectory();
    const { items } = makeStore(scratch);
    const database = join(scratch, 'db.sqlite');
    write(database, 'SQLite format 3\0', 0o600);
    const members = await expectGuixLayer({ paths: [items.bash], database, prefix: items.bash, extraFiles: [TMP] });
    expect(members.slice(-12).map(({ name, linkname }) => (linkname === '' ? name : `${name} -> ${linkname}`))).toEqual(
      [
        'tmp',
        'var',
        'var/guix',
        'var/guix/db',
        'var/guix/db/db.sqlite',
        'var/guix/gcroots',
        'var/guix/gcroots/profiles -> /var/guix/profiles',
        'var/guix/profiles',
        'var/guix/profiles/per-user',
        'var/guix/profiles/per-user/root',
        'var/guix/profiles/per-user/root/guix-profile -> guix-profile-1-link',
        `var/guix/profiles/per-user/root/guix-profile-1-link -> ${items.bash}`,
      ],
    );
  });

  oracle('with the database of a profile that is the last path', async () => {
    const scratch = scratchDirectory();
    const { items } = makeStore(scratch);
    write(join(scratch, 'db'), 'db');
    const expected = guixLayer(
      { paths: [items.lib, items.bash], database: join(scratch, 'db'), prefix: items.bash },
      scratchDirectory(),
    );
    const { archive } = await build({
      paths: [items.lib, items.bash],
      database: join(scratch, 'db'),
      prefix: items.bash,
    });
    const byDefault = join(scratch, 'default.tar');
    await buildImage({
      dialect: 'guix',
      paths: [items.lib, items.bash],
      database: join(scratch, 'db'),
      output: byDefault,
    });
    const [entry] = extractJson<{ Layers: string[] }[]>(archive, './manifest.json');
    expectSame(expected, extract(archive, `./${entry!.Layers[0]}`));
    expectSame(readFileSync(archive), readFileSync(byDefault));
  });

  oracle('with the children of a root system', async () => {
    const root = scratchDirectory();
    for (const path of ['etc/passwd', 'bin/sh', 'a', 'a.b', 'foo-bar', 'foo/x', '.hidden', '...'])
      write(join(root, path));
    mkdirSync(join(root, 'tmp'));
    chmodSync(join(root, 'tmp'), 0o1777);
    symlinkSync('/run/x', join(root, 'run'));
    await expectGuixLayer({ rootSystem: root });
  });
});

describe('transformations are those of Guix', () => {
  function tree(...paths: string[]): string {
    const scratch = scratchDirectory();
    for (const path of paths) write(join(scratch, path));
    return scratch;
  }

  oracle('of the store', async () => {
    const scratch = scratchDirectory();
    const { items, store } = makeStore(scratch);
    const members = await expectGuixLayer({
      paths: [items.lib, items.bash],
      transformations: [[store, '/gnu/store']],
      extraFiles: [TMP, { link: '/bin', to: `${items.bash}/bin` }],
    });
    expect(members[0]!.name).toBe('gnu/store/cccc-lib.so+x');
    expect(members.find(({ name }) => name === 'gnu/store/bbbb-bash-5.1/lib')!.linkname).toBe(items.lib);
  });

  oracle('of an item to the root, whose own member goes', async () => {
    const { items } = makeStore(scratchDirectory());
    const members = await expectGuixLayer({ paths: [items.bash], transformations: [[items.bash, '/']] });
    expect(members.map(({ name }) => name)).toEqual(['bin', 'bin/bash', 'bin/sh', 'bin-x', 'lib']);
  });

  oracle('of several prefixes, each on what the one before it made', async () => {
    const scratch = tree('a/x', 'b/x', 'c/x');
    await expectGuixLayer({
      paths: ['a', 'b', 'c'].map((name) => join(scratch, name)),
      transformations: [
        [scratch, '/first'],
        ['/first/a', '/second'],
        ['/second', '/third'],
        ['first', '/1'],
      ],
    });
  });

  oracle('of bytes, not components: /a also hits /ab', async () => {
    const scratch = tree('a/x', 'ab/x', 'b');
    await expectGuixLayer({
      paths: ['a', 'ab', 'b'].map((name) => join(scratch, name)),
      transformations: [[join(scratch, 'a'), '/z']],
    });
  });

  oracle('of names with every character that is special in a pattern', async () => {
    const names = ['a.b', 'a*b', '^a$', '[x]', 'a\\zb', 'a+?(b){1}|c', 'a,b;c', 'a&b'];
    for (const name of names) {
      const scratch = tree(join(name, 'file'), 'axb/file');
      await expectGuixLayer({
        paths: [join(scratch, name), join(scratch, 'axb')],
        transformations: [[join(scratch, name), '/new']],
      });
    }
  });

  oracle('of a name whose place in the order changes: members stay in the order of their names on disk', async () => {
    const scratch = tree('item/a', 'item/b', 'item/c');
    const members = await expectGuixLayer({
      paths: [join(scratch, 'item')],
      transformations: [
        [scratch, '/gnu'],
        ['/gnu/item/b', '/gnu/item/z'],
      ],
    });
    const names = ['gnu/item', 'gnu/item/a', 'gnu/item/z', 'gnu/item/c'];
    expect(members.map(({ name }) => name)).toEqual(names);
  });

  oracle('of extra files whose place in the order changes', async () => {
    await expectGuixLayer({
      extraFiles: [{ directory: '/a' }, { directory: '/b' }, { directory: '/c' }],
      transformations: [['/a', '/d']],
    });
  });

  oracle('of extra files: parents stay under their own names', async () => {
    await expectGuixLayer({
      extraFiles: [{ directory: '/opt/app/bin' }, { link: '/opt/app/bin/x', to: 'y' }],
      transformations: [['/opt/app', '/usr']],
    });
  });

  oracle('of the children of a root system', async () => {
    const root = tree('a/x', 'b/x', 'c/x', 'etc/b');
    await expectGuixLayer({
      rootSystem: root,
      transformations: [
        ['/etc', '/usr/etc'],
        ['/b/', '/e/'],
      ],
    });
  });

  oracle('but a new name is taken as it is, where Guix leaves its escapes in', async () => {
    const scratch = tree('item/file');
    const item = join(scratch, 'item');
    // Guix writes `opt/app-1\.0`, since `\.` in a replacement stays `\.`.
    const expected = gnuTar(
      [`--transform=flags=rSH;s,^${item.slice(1)},opt/app-1.0,`, ...gnuTarArguments('gnu'), '-cf', '-', item],
      scratch,
    );
    expectSame(expected, await singleLayer({ paths: [item], transform: [`${item}=/opt/app-1.0`] }));
  });
});

describe('two members of one name are an error that names it', () => {
  const conflict = (path: string) =>
    expect.objectContaining({ code: 'TREE_CONFLICT', message: expect.stringContaining(`"/${path}"`) });

  oracle('when a transformation makes them', async () => {
    const scratch = scratchDirectory();
    write(join(scratch, 'a'));
    write(join(scratch, 'b'));
    const spec = {
      paths: ['a', 'b'].map((name) => join(scratch, name)),
      transform: [`${scratch}/a=x`, `${scratch}/b=x`],
    };
    await expect(build(spec)).rejects.toEqual(conflict('x'));
  });

  oracle('when two directories would stand twice in one layer', async () => {
    const scratch = scratchDirectory();
    write(join(scratch, 'a/1'));
    write(join(scratch, 'b/2'));
    const spec = {
      paths: ['a', 'b'].map((name) => join(scratch, name)),
      transform: [`${scratch}/a=x`, `${scratch}/b=x`],
    };
    await expect(build(spec)).rejects.toEqual(conflict('x'));
  });

  oracle('when an extra file is below a path, whose directories it repeats', async () => {
    const { items } = makeStore(scratchDirectory());
    await expect(build({ paths: [items.bash], symlink: [`${items.bash}/extra=x`] })).rejects.toEqual(
      conflict(items.bash.slice(1)),
    );
  });

  oracle('without the control characters of a name', async () => {
    const item = join(scratchDirectory(), 'red\x1b[31m');
    mkdirSync(item);
    await expect(build({ paths: [item], symlink: [`${item}/extra=x`] })).rejects.toThrow(/^[\x20-\x7e]*$/);
  });

  oracle('when a symlink directive stands where a path has a file: it replaces other directives only', async () => {
    const { items } = makeStore(scratchDirectory());
    await expect(build({ paths: [items.text], symlink: [`${items.text}=x`] })).rejects.toEqual(
      conflict(items.text.slice(1)),
    );
  });
});

describe('the archive is the tar of a directory', () => {
  /** Puts what we wrote into a directory, lets GNU tar archive that, and compares. */
  async function expectGuixArchive(spec: BuildSpec): Promise<{ archive: string; members: PythonMember[] }> {
    const { archive } = await build(spec);
    const directory = scratchDirectory();
    gnuTar(['-xpf', archive], directory);
    for (const { name, type } of readArchive(archive)) chmodSync(join(directory, name), type === '5' ? 0o755 : 0o644);
    expectSame(tarOfDirectory(directory), readFileSync(archive));
    return { archive, members: readArchive(archive) };
  }

  function idOf(prefix: string): string {
    return sha256sum(Buffer.from(prefix), scratchDirectory());
  }

  function prefixWhere(accepts: (id: string) => boolean): string {
    for (let number = 0; ; number++) {
      const prefix = `/gnu/store/profile-${number}`;
      if (accepts(idOf(prefix))) return prefix;
    }
  }

  oracle.each([
    [
      'before config.json',
      /^[0-9ab]/,
      ['.', 'ID', 'ID/VERSION', 'ID/json', 'ID/layer.tar', 'config.json', 'manifest.json', 'repositories'],
    ],
    [
      'before config.json by its second digit',
      /^c/,
      ['.', 'ID', 'ID/VERSION', 'ID/json', 'ID/layer.tar', 'config.json', 'manifest.json', 'repositories'],
    ],
    [
      'after config.json',
      /^[def]/,
      ['.', 'config.json', 'ID', 'ID/VERSION', 'ID/json', 'ID/layer.tar', 'manifest.json', 'repositories'],
    ],
  ])('in its order, with an id that sorts %s', async (_name, wanted, order) => {
    const prefix = prefixWhere((id) => wanted.test(id));
    const { items } = makeStore(scratchDirectory());
    const { members, archive } = await expectGuixArchive({ paths: [items.bash], prefix });
    const id = idOf(prefix);
    expect(members.map(({ name }) => name)).toEqual(
      order.map((name) => (name === '.' ? '.' : `./${name.replace('ID', id)}`)),
    );
    for (const { name, type, mode, uid, gid, uname, gname, mtime } of members) {
      const isDirectory = name === '.' || name === `./${id}`;
      expect([name, type, mode, uid, gid, uname, gname, mtime]).toEqual([
        name,
        isDirectory ? '5' : '0',
        isDirectory ? 0o755 : 0o644,
        0,
        0,
        'root',
        'root',
        1,
      ]);
    }
    expect(extract(archive, `./${id}/VERSION`).toString()).toBe('1.0');
  });

  oracle('with the documents of a single layer', async () => {
    const { items } = makeStore(scratchDirectory());
    const { archive } = await expectGuixArchive({
      paths: [items.bash],
      tag: ['Hello World'],
      created: '1970-01-01T00:00:01Z',
      system: 'aarch64-linux',
      entrypoint: ['bin/bash', '-c', 'true'],
      env: ['PATH=/bin', 'EMPTY='],
    });
    const id = idOf(PREFIX);
    expect(extractJson(archive, `./${id}/json`)).toEqual({
      id,
      created: '1970-01-01T00:00:01Z',
      container_config: null,
    });
    expect(extractJson(archive, './repositories')).toEqual({ 'hello.world': { latest: id } });
    expect(extractJson(archive, './manifest.json')).toEqual([
      { Config: 'config.json', RepoTags: ['hello.world:latest'], Layers: [`${id}/layer.tar`] },
    ]);
    expect(extractJson(archive, './config.json')).toEqual({
      architecture: 'arm64',
      os: 'linux',
      comment: expect.any(String),
      created: '1970-01-01T00:00:01Z',
      container_config: null,
      config: { Env: ['PATH=/bin', 'EMPTY='], Entrypoint: [`${PREFIX}/bin/bash`, '-c', 'true'] },
      rootfs: {
        type: 'layers',
        diff_ids: [`sha256:${sha256sum(extract(archive, `./${id}/layer.tar`), scratchDirectory())}`],
      },
      history: [expect.anything()],
    });
  });

  oracle.each([
    ['Hello World', 'hello.world'],
    ['--Foo--', 'foo--'],
    ['___a', 'aa'],
    ['', 'aa'],
    ['x'.repeat(300), 'x'.repeat(255)],
    ['a/b/c', 'a.b.c'],
    ['bash-5.1_x', 'bash-5.1_x'],
    ['é', '.a'],
  ])('of the repository %j', async (tag, repository) => {
    const { items } = makeStore(scratchDirectory());
    const { archive } = await build({ paths: [items.text], tag: [tag] });
    const [entry] = extractJson<{ RepoTags: string[] }[]>(archive, './manifest.json');
    expect(entry!.RepoTags).toEqual([`${repository}:latest`]);
    expect(Object.keys(extractJson<object>(archive, './repositories'))).toEqual([repository]);
  });

  oracle('through gzip, whose content is the same archive', async () => {
    const { items } = makeStore(scratchDirectory());
    const plain = await build({ paths: [items.bash] });
    const packed = await build({ paths: [items.bash], compression: 'gzip' });
    expectSame(readFileSync(plain.archive), gunzipSync(readFileSync(packed.archive)));
    expect(packed.image.image).toBe(plain.image.image);
  });

  oracle('however it is written: in one pass or as a stream', async () => {
    const scratch = scratchDirectory();
    const { items } = makeStore(scratch);
    for (const number of [1, 2, 3, 4]) {
      const spec = { paths: [items.bash], prefix: `/p${number}` };
      const plain = await build(spec);
      const fifo = join(scratch, `fifo-${number}`);
      run('mkfifo', [fifo]);
      const { spawn } = await import('node:child_process');
      const copy = join(scratch, `copy-${number}`);
      const reader = spawn('sh', ['-c', 'cat "$0" > "$1"', fifo, copy]);
      const done = new Promise((resolve) => reader.on('close', resolve));
      await build({ ...spec, output: fifo });
      await done;
      expectSame(readFileSync(plain.archive), readFileSync(copy));
    }
  });
});

describe('a layered image has the layers of Guix', () => {
  interface Layered {
    readonly spec: BuildSpec;
    /** Paths of each layer, in the order of their members. */
    readonly layers: readonly (readonly string[])[];
    readonly extraFiles?: readonly Directive[];
    readonly transformations?: readonly (readonly [string, string])[];
  }

  async function expectGuixLayers({
    spec,
    layers,
    extraFiles = [TMP],
    transformations = [],
  }: Layered): Promise<BuiltImage> {
    const { archive, image } = await build({ ...specOf({ extraFiles, transformations }), ...spec });
    const expected = [
      ...layers.map((paths) => guixLayer({ paths, transformations }, scratchDirectory())),
      ...(extraFiles.length > 0 ? [guixLayer({ extraFiles, transformations }, scratchDirectory())] : []),
    ];
    const hex = expected.map((layer) => sha256sum(layer, scratchDirectory()));
    const [entry] = extractJson<{ Config: string; Layers: string[] }[]>(archive, 'manifest.json');
    expect(entry!.Config).toBe('config.json');
    for (const [index, path] of entry!.Layers.entries()) {
      if (expected[index] !== undefined) expectSame(expected[index], extract(archive, path));
    }
    expect(entry!.Layers).toEqual(hex.map((digest) => `${digest}/layer.tar`));
    const config = extractJson<{ rootfs: object; history: object[] }>(archive, 'config.json');
    expect(config.rootfs).toEqual({ type: 'layers', diff_ids: hex.map((digest) => `sha256:${digest}`) });
    expect(config.history).toHaveLength(hex.length);

    const names = [...entry!.Layers, 'manifest.json', 'config.json'];
    const directory = scratchDirectory();
    gnuTar(['-xpf', archive], directory);
    for (const name of names) chmodSync(join(directory, name), 0o644);
    expectSame(tarOfFiles(directory, names), readFileSync(archive));
    expect(image.layers.map(({ diffId }) => diffId)).toEqual(hex.map((digest) => `sha256:${digest}`));
    return image;
  }

  /** Items of which the first has the most bytes, in an order that is neither that of names nor that of sizes. */
  function itemsBySize(count: number): { largestFirst: string[]; given: string[] } {
    const scratch = scratchDirectory();
    const largestFirst = Array.from({ length: count }, (_, index) =>
      join(scratch, `${(index * 7) % 10}-item-${index}`),
    );
    for (const [index, item] of largestFirst.entries()) {
      write(join(item, 'file'), Buffer.alloc((count - index) * 20_000, index + 1));
      write(join(item, 'a-file'), 'small');
    }
    return { largestFirst, given: largestFirst.toSorted() };
  }

  oracle.each([
    [1, 100],
    [2, 100],
    [3, 2],
    [3, 3],
    [3, 4],
    [3, 5],
    [6, 4],
    [6, 5],
    [6, 6],
    [6, 7],
    [6, 8],
    [6, 100],
  ])('with %i items and at most %i layers', async (count, maxLayers) => {
    const { largestFirst, given } = itemsBySize(count);
    const heads = count >= maxLayers ? maxLayers - 2 : count - 1;
    const layers = [...largestFirst.slice(0, heads).map((item) => [item]), largestFirst.slice(heads)];
    const image = await expectGuixLayers({ spec: { paths: given, maxLayers }, layers });
    expect(image.layers.length).toBeLessThanOrEqual(maxLayers);
  });

  oracle('with transformations, which reach the items', async () => {
    const { largestFirst, given } = itemsBySize(4);
    await expectGuixLayers({
      spec: { paths: given, maxLayers: 4 },
      layers: [[largestFirst[0]!], [largestFirst[1]!], largestFirst.slice(2)],
      transformations: [[dirname(given[0]!), '/gnu/store']],
      extraFiles: [TMP, { link: '/bin', to: '/gnu/store/bin' }],
    });
  });

  oracle('with items of equal sizes in the order of their names, whatever the file system says', async () => {
    const scratch = scratchDirectory();
    // All three take two blocks more than their directory's header; their st_size sums differ.
    write(join(scratch, 'c/f'), 'x'.repeat(512));
    write(join(scratch, 'a/f'), 'x');
    write(join(scratch, 'b/f'), 'x'.repeat(300));
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(scratch, name)) as [string, string, string];
    await expectGuixLayers({ spec: { paths: [c, a, b], maxLayers: 100 }, layers: [[a], [b], [c]] });
  });

  oracle('with the database in the last layer', async () => {
    const { largestFirst, given } = itemsBySize(2);
    const database = join(scratchDirectory(), 'db');
    write(database, 'database');
    const { archive } = await build({ paths: given, maxLayers: 5, database });
    const [entry] = extractJson<{ Layers: string[] }[]>(archive, 'manifest.json');
    expectSame(guixLayer({ database, prefix: PREFIX }, scratchDirectory()), extract(archive, entry!.Layers.at(-1)!));
    expectSame(guixLayer({ paths: [largestFirst[0]!] }, scratchDirectory()), extract(archive, entry!.Layers[0]!));
  });

  oracle('with a root system as the last layer', async () => {
    const { largestFirst, given } = itemsBySize(3);
    const rootSystem = scratchDirectory();
    write(join(rootSystem, 'etc/passwd'));
    mkdirSync(join(rootSystem, 'tmp'));
    const { archive } = await build({ paths: given, maxLayers: 3, root: rootSystem });
    const [entry] = extractJson<{ Layers: string[] }[]>(archive, 'manifest.json');
    expect(entry!.Layers).toHaveLength(3);
    expectSame(guixLayer({ rootSystem }, scratchDirectory()), extract(archive, entry!.Layers.at(-1)!));
    expectSame(guixLayer({ paths: largestFirst.slice(1) }, scratchDirectory()), extract(archive, entry!.Layers[1]!));
  });

  oracle('where an extra file below an item is in the last layer, with directories of its own', async () => {
    const { items } = makeStore(scratchDirectory());
    await expectGuixLayers({
      spec: { paths: [items.bash], maxLayers: 3 },
      layers: [[items.bash]],
      extraFiles: [{ directory: items.bash }, { link: join(items.bash, 'extra'), to: 'x' }],
    });
  });

  oracle('where a symlink directive over a file of an item leaves the layer of the item as it is', async () => {
    const { items } = makeStore(scratchDirectory());
    await expectGuixLayers({
      spec: { paths: [items.bash], maxLayers: 3 },
      layers: [[items.bash]],
      extraFiles: [{ directory: items.bash }, { link: join(items.bash, 'bin-x'), to: 'x' }],
    });
  });
});

oracle('a digest of the layers is what Python makes of the archive', async () => {
  const { items } = makeStore(scratchDirectory());
  const { archive } = await build({ paths: [items.bash, items.data], maxLayers: 4, directory: ['/tmp:1777'] });
  const found = python<{ name: string; sha256: string }[]>(
    `${PYTHON_MEMBERS}\nprint(json.dumps(members(sys.argv[1])))`,
    [archive],
  );
  for (const { name, sha256 } of found) {
    if (name.endsWith('/layer.tar')) expect(name).toBe(`${sha256}/layer.tar`);
  }
  expect(found.map(({ name }) => name).filter((name) => name.endsWith('/layer.tar'))).toHaveLength(3);
});
