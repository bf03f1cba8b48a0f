import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type BuildSpec, type BuiltImage, buildImage, planImage } from '../../src/index.js';
import { clientTest } from '../support/clients.js';
import { readJson, run } from '../support/commands.js';
import { FIXTURE_GRAPH, fixtureClosure, fixtureItem, IN_FIXTURE_STORE } from '../support/fixture-store.js';
import { scratchDirectory } from '../support/scratch.js';
import { buildToFile, runTarseal } from '../support/tarseal.js';
import { applyLayers } from './applied-layers.js';

const oracle = clientTest('python3');
const unpacking = clientTest('python3', 'tar', 'gzip');

/** An item that is a layer of its own. */
const ITEM = join(mkdtempSync(join(tmpdir(), 'tarseal-item-')), 'item');
mkdirSync(ITEM);
writeFileSync(join(ITEM, 'file'), 'of the item');
afterAll(() => rmSync(dirname(ITEM), { recursive: true }));

/** A base of two layers with everything that an image above it can inherit. */
const BASE: BuildSpec = {
  paths: [ITEM],
  transform: [`${ITEM}=/opt/item`],
  files: {
    '/etc/base': { content: 'of the base' },
    '/etc/both': { content: 'of the base' },
    '/srv/data/file': { content: 'data' },
  },
  directory: ['/srv:0750:7:8', '/tmp:1777', '/srv/data:0711:9:10'],
  symlink: ['/bin=usr/bin'],
  maxLayers: 3,
  tag: ['base:1'],
  created: '@5',
  entrypoint: ['/bin/base'],
  cmd: ['base-cmd'],
  env: ['PATH=/bin', 'LANG=C'],
  label: ['of=base', 'only=base'],
  workdir: '/srv',
  user: '7:8',
};

interface Config {
  readonly created: string;
  readonly config: Record<string, unknown>;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly Record<string, unknown>[];
}

interface Image extends BuiltImage {
  readonly path: string;
}

async function build(directory: string, name: string, spec: BuildSpec): Promise<Image> {
  const path = join(directory, name);
  return { ...(await buildImage({ ...spec, output: path }, { temporaryDirectory: directory })), path };
}

/** The config of an archive, as tar finds it. */
function configOf({ path, image }: Image): Config {
  return JSON.parse(run('tar', ['-xOf', path, `blobs/sha256/${image.slice(7)}`]).toString()) as Config;
}

describe('the forms of a base', () => {
  const forms: [name: string, spec: BuildSpec][] = [
    ['a docker-archive', {}],
    ['a docker-archive with layers of gzip', { layerCompression: 'gzip' }],
    ['a docker-archive within gzip', { compression: 'gzip' }],
    ['a docker-archive of the guix dialect', { dialect: 'guix', prefix: '/srv' }],
    ['an OCI archive', { format: 'oci-archive' }],
    [
      'an OCI archive with layers of gzip within gzip',
      { format: 'oci-archive', layerCompression: 'gzip', compression: 'gzip' },
    ],
    ['an OCI layout', { format: 'oci-layout' }],
    ['an OCI layout of plain layers', { format: 'oci-layout', layerCompression: 'none' }],
  ];
  const above: [name: string, spec: BuildSpec][] = [
    ['a docker-archive', {}],
    ['layers of gzip', { layerCompression: 'gzip' }],
    ['an archive of gzip', { compression: 'gzip' }],
    ['an OCI layout', { format: 'oci-layout' }],
  ];

  unpacking.each(forms)('%s goes through byte for byte', async (_form, spec) => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', { ...BASE, ...spec });
    for (const [index, [_name, over]] of above.entries()) {
      const image = await build(directory, `image-${index}`, {
        ...over,
        from: base.path,
        files: { '/new': { content: 'x' } },
      });
      const inherited = image.layers.slice(0, base.layers.length);
      // The stored bytes are those of the base, compressed or not, whatever is asked of the new layers.
      const stored = ({ diffId, digest, sizeBytes }: BuiltImage['layers'][number]) => ({ diffId, digest, sizeBytes });
      expect(inherited.map(stored)).toEqual(base.layers.map(stored));
      expect(inherited.map(({ isBase, items }) => ({ isBase, items }))).toEqual(
        inherited.map(() => ({ isBase: true, items: [] })),
      );
      expect(image.layers.slice(base.layers.length).map(({ isBase, items }) => ({ isBase, items }))).toEqual([
        { isBase: false, items: ['/new'] },
      ]);
      if (over.compression === undefined && over.format === undefined) {
        const names = new Set(run('tar', ['-tf', image.path]).toString().split('\n'));
        for (const { digest, sizeBytes } of inherited) {
          const name = `blobs/sha256/${digest.slice(7)}`;
          expect(names.has(name)).toBe(true);
          const blob = run('tar', ['-xOf', image.path, name]);
          expect(blob).toHaveLength(sizeBytes);
          expect(run('sha256sum', [], { input: blob }).toString().slice(0, 64)).toBe(digest.slice(7));
        }
      }
    }
  });
});

describe('the config', () => {
  unpacking('of the base lies under the options, and its history before ours', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    const image = await build(directory, 'image', {
      from: base.path,
      files: { '/new': { content: 'x' } },
      env: ['LANG=de', 'NEW=1'],
      label: ['of=image'],
      entrypoint: ['/bin/new'],
      created: '@9',
    });
    const [below, config] = [configOf(base), configOf(image)];
    expect(config.config).toEqual({
      Entrypoint: ['/bin/new'],
      Env: ['PATH=/bin', 'LANG=de', 'NEW=1'],
      Labels: { of: 'image', only: 'base' },
      User: '7:8',
      WorkingDir: '/srv',
    });
    expect(config.created).toBe('1970-01-01T00:00:09Z');
    expect(config.history).toHaveLength(base.layers.length + 1);
    expect(config.history.slice(0, -1)).toEqual(below.history);
    expect(config.rootfs.diff_ids).toEqual(image.layers.map(({ diffId }) => diffId));
  });

  unpacking('of the base stands where nothing else is asked for', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    const image = await build(directory, 'image', { from: base.path, files: { '/new': { content: 'x' } } });
    expect(configOf(image).config).toEqual(configOf(base).config);
  });

  test("is of the base's platform, which must be the one that is asked for", async () => {
    const directory = scratchDirectory();
    const arm = await build(directory, 'base', { ...BASE, platform: 'linux/arm64/v8' });
    const spec: BuildSpec = { from: arm.path, files: { '/new': { content: 'x' } } };
    await expect(planImage(spec)).rejects.toMatchObject({
      code: 'BASE_PLATFORM',
      message: expect.stringMatching(/must be linux\/amd64 \(the default; --platform .* and is linux\/arm64\/v8/),
    });
    await expect(planImage({ ...spec, platform: 'linux/arm64' })).resolves.toMatchObject({
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    });
    await expect(planImage({ ...spec, platform: 'linux/arm/v7' })).rejects.toMatchObject({ code: 'BASE_PLATFORM' });
  });
});

describe('the files', () => {
  oracle('directories that the base has keep what it says of them, unless one is given', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    const image = await build(directory, 'image', {
      from: base.path,
      files: {
        '/srv/data/new': { content: 'new' },
        '/tmp/new': { content: 'new' },
        '/etc/both': { content: 'of the image' },
        '/own/new': { content: 'new' },
      },
      directory: ['/etc:0700:1:2'],
    });
    const [applied] = applyLayers([image.path]);
    expect(applied!.faults).toEqual([]);
    expect(applied!.layers).toHaveLength(3);
    expect(applied!.layers[2]).toEqual([
      'etc/',
      'etc/both',
      'own/',
      'own/new',
      'srv/',
      'srv/data/',
      'srv/data/new',
      'tmp/',
      'tmp/new',
    ]);
    const where = (path: string) => applied!.tree[path]!.split(' ').slice(0, 3).join(' ');
    expect(where('srv')).toBe('directory 0750 7:8');
    expect(where('srv/data')).toBe('directory 0711 9:10');
    expect(where('tmp')).toBe('directory 1777 0:0');
    expect(where('etc')).toBe('directory 0700 1:2');
    expect(where('own')).toBe('directory 0755 0:0');
    expect(applied!.tree['etc/base']).toBeDefined();
  });

  test.each<[name: string, spec: BuildSpec, message: RegExp]>([
    [
      'a directory over a symlink',
      { files: { '/bin/sh': { content: '' } } },
      /"\/bin" .* over the base image: it is a directory, and in the base a symlink to "usr\/bin"/,
    ],
    ['a directory over a file', { directory: ['/etc/base'] }, /"\/etc\/base" .* in the base a file/],
    [
      'a file over a directory',
      { files: { '/srv': { content: '' } } },
      /"\/srv" .* it is a file, and in the base a directory/,
    ],
    [
      'a symlink over a directory',
      { symlink: ['/tmp=var/tmp'] },
      /"\/tmp" .* it is a symlink to "var\/tmp", and in the base a directory/,
    ],
  ])('%s of the base is refused', async (_name, spec, message) => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    await expect(planImage({ ...spec, from: base.path })).rejects.toMatchObject({
      code: 'TREE_CONFLICT',
      message: expect.stringMatching(message),
    });
  });

  test('a file may take the place of a file or a symlink', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    const files = { '/bin': { content: 'no link any more' }, '/etc/base': { content: 'new' } };
    const { layers } = await planImage({ from: base.path, files });
    expect(layers.at(-1)!.items).toEqual(['/bin', '/etc/base']);
  });
});

describe('the layers', () => {
  const HELLO = fixtureItem('hello');
  const items = fixtureClosure(HELLO).length;

  test.each<[name: string, maxLayers: number, expected: number]>([
    ['room for all', items + 3, items + 2],
    ['one too few', items + 2, items + 1],
    ['the least', 4, 3],
  ])('of the base count against the limit: %s', async (_name, maxLayers, expected) => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    expect(base.layers).toHaveLength(2);
    const { layers } = await planImage({
      ...IN_FIXTURE_STORE,
      graph: FIXTURE_GRAPH,
      paths: [HELLO],
      from: base.path,
      maxLayers,
    });
    expect(layers).toHaveLength(expected);
    expect(layers.flatMap((layer) => layer.items).sort()).toEqual(fixtureClosure(HELLO));
  });

  test('must leave room for two', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    const spec: BuildSpec = {
      ...IN_FIXTURE_STORE,
      graph: FIXTURE_GRAPH,
      paths: [HELLO],
      from: base.path,
      maxLayers: 3,
    };
    await expect(planImage(spec)).rejects.toMatchObject({
      code: 'PLAN_MAX_LAYERS',
      message: 'Cannot plan layers: the base image must leave at least 2 of 3 layers, and has 2',
    });
  });

  test('must leave room for one, which a plan says too', async () => {
    const directory = scratchDirectory();
    const paths = Array.from({ length: 124 }, (_, index) => join(directory, `${index}`));
    for (const path of paths) writeFileSync(path, path);
    const below = await build(directory, 'below', { paths, maxLayers: 125 });
    const base = await build(directory, 'base', { from: below.path, files: { '/last': { content: 'x' } } });
    expect(base.layers).toHaveLength(125);
    await expect(planImage({ from: base.path, files: { '/new': { content: 'x' } } })).rejects.toMatchObject({
      code: 'IMAGE_TOO_MANY_LAYERS',
    });
    expect((await planImage({ from: base.path, env: ['A=b'] })).layers).toHaveLength(125);
  });

  oracle('of the nix dialect stand above the base as they are without one', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    const spec: BuildSpec = { ...IN_FIXTURE_STORE, graph: FIXTURE_GRAPH, paths: [HELLO], dialect: 'nix', tag: ['x:1'] };
    const alone = await build(directory, 'alone', spec);
    const image = await build(directory, 'image', { ...spec, from: base.path });
    expect(image.layers.map(({ diffId }) => diffId)).toEqual(
      [...base.layers, ...alone.layers].map(({ diffId }) => diffId),
    );
  });

  test("of an image are the same with a base that was compressed, gzip'd or laid out otherwise", async () => {
    const directory = scratchDirectory();
    const bases = await Promise.all([
      build(directory, 'plain', BASE),
      build(directory, 'gzip', { ...BASE, compression: 'gzip' }),
      build(directory, 'layout', { ...BASE, format: 'oci-layout', layerCompression: 'none' }),
    ]);
    const images: Buffer[] = [];
    for (const [index, { path }] of bases.entries()) {
      const image = await build(directory, `image-${index}`, {
        from: path,
        tag: ['x:1'],
        files: { '/new': { content: 'x' } },
      });
      images.push(readFileSync(image.path));
    }
    expect(images[1]!.equals(images[0]!)).toBe(true);
    expect(images[2]!.equals(images[0]!)).toBe(true);
  });
});

describe('the choice', () => {
  async function twoImages(directory: string): Promise<string> {
    const layout = join(directory, 'layout');
    const manifests = [];
    for (const name of ['one', 'two']) {
      const image = await build(directory, name, {
        ...BASE,
        env: [`NAME=${name}`],
        tag: [`app:${name}`],
        format: 'oci-layout',
      });
      run('cp', ['-r', `${image.path}/.`, layout]);
      manifests.push(...readJson<{ manifests: object[] }>(join(image.path, 'index.json')).manifests);
    }
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
    return layout;
  }

  unpacking('is by the name after the path', async () => {
    const directory = scratchDirectory();
    const layout = await twoImages(directory);
    for (const [suffix, name] of [
      [':app:one', 'one'],
      [':two', 'two'],
    ] as const) {
      const image = await build(directory, 'image', {
        from: `${layout}${suffix}`,
        files: { '/new': { content: 'x' } },
      });
      expect(configOf(image).config['Env']).toEqual([`NAME=${name}`]);
    }
    await expect(planImage({ from: layout })).rejects.toMatchObject({ code: 'BASE_AMBIGUOUS' });
    await expect(planImage({ from: `${layout}:three` })).rejects.toMatchObject({
      code: 'BASE_MISSING',
      message: expect.stringMatching(/of the name "three", and holds .*app:one/),
    });
  });

  test('a file whose name has a colon is meant before a name', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base.tar', BASE);
    symlinkSync(base.path, `${base.path}:1`);
    await expect(planImage({ from: `${base.path}:1`, files: { '/new': { content: '' } } })).resolves.toBeDefined();
    await expect(planImage({ from: `${base.path}:1:2`, files: { '/new': { content: '' } } })).rejects.toMatchObject({
      code: 'BASE_MISSING',
    });
  });
});

describe('the file of a base', () => {
  test('is refused when it is not what it says, and nothing is written', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    const bytes = readFileSync(base.path);
    bytes.writeUInt8(bytes[bytes.indexOf('of the base')]! ^ 1, bytes.indexOf('of the base'));
    writeFileSync(base.path, bytes);
    const output = join(directory, 'image');
    await expect(buildImage({ from: base.path, files: { '/new': { content: '' } }, output })).rejects.toMatchObject({
      code: 'BASE_DIGEST',
      message: expect.stringMatching(/layer \d .* must be sha256:[0-9a-f]{64}, and is sha256:[0-9a-f]{64}/),
    });
    expect(statSync(output, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('may be what the output replaces', async () => {
    const directory = scratchDirectory();
    const base = await build(directory, 'base', BASE);
    const before = readFileSync(base.path);
    // The target is replaced when everything is written: a base may be rebuilt in its place.
    const image = await build(directory, 'base', { from: base.path, files: { '/new': { content: 'x' } } });
    expect(image.layers.slice(0, 2).map(({ diffId }) => diffId)).toEqual(base.layers.map(({ diffId }) => diffId));
    expect(readFileSync(base.path).equals(before)).toBe(false);
  });
});

test('an image may differ from its base in the config alone', async () => {
  const directory = scratchDirectory();
  const base = await build(directory, 'base', BASE);
  const image = await build(directory, 'image', { from: base.path, env: ['NEW=1'] });
  expect(image.warnings).toEqual([]);
  expect(image.layers.map(({ digest }) => digest)).toEqual(base.layers.map(({ digest }) => digest));
  expect(image.image).not.toBe(base.image);
});

describe('the command', () => {
  test("says which layers are the base's", () => {
    const directory = scratchDirectory();
    const base = join(directory, 'base.tar');
    buildToFile(['--directory', '/srv', '-t', 'base'], base);
    const args = ['--from', base, '--directory', '/new'];
    const { layers } = buildToFile(args, join(directory, 'image.tar'));
    expect(layers.map(({ items, ...layer }) => [items, 'base' in layer && layer.base])).toEqual([
      [[], true],
      [['/new'], false],
    ]);
    const text = runTarseal(['build', ...args, '--dry-run']).stdout.toString();
    expect(text).toMatch(/^layer 1 \d+ \d+ \(base image\)\nlayer 2 \d+ \d+ \/new\n$/);
    const built = runTarseal(['build', ...args, '-o', join(directory, 'image.tar')]).stdout.toString();
    expect(built).toMatch(/^layer sha256:[0-9a-f]{64} \d+ \(base image\)$/m);
  });
});
