import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type BuildSpec, type BuiltImage, buildImage, planImage, readClosure } from '../../src/index.js';
import { clientTest } from '../support/clients.js';
import {
  FIXTURE_GRAPH,
  FIXTURE_GRAPH_JSON,
  FIXTURE_STORE,
  fixtureClosure,
  fixtureItem,
  fixtureReferences,
  IN_FIXTURE_STORE,
} from '../support/fixture-store.js';
import { scratchDirectory } from '../support/scratch.js';
import { applyLayers } from './applied-layers.js';

const oracle = clientTest('python3');

const HELLO = fixtureItem('hello');
const GREET = fixtureItem('greet');
const WITH_GRAPH: BuildSpec = { ...IN_FIXTURE_STORE, graph: FIXTURE_GRAPH };

async function build(spec: BuildSpec): Promise<BuiltImage & { readonly bytes: Buffer }> {
  const output = join(scratchDirectory(), 'image.tar');
  const image = await buildImage({ tag: ['test'], ...spec, output });
  return { ...image, bytes: readFileSync(output) };
}

async function layersOf(spec: BuildSpec): Promise<(readonly string[])[]> {
  return (await planImage(spec)).layers.map(({ items }) => items);
}

describe('the closure', () => {
  const closure = fixtureClosure(HELLO);

  test('of the fixture is worth planning', () => {
    expect(closure.length).toBeGreaterThanOrEqual(8);
    expect(fixtureClosure(GREET)).not.toEqual(closure);
  });

  test.each<[name: string, maxLayers: number, layers: number]>([
    ['one more than the items and the customisation layer', closure.length + 2, closure.length],
    ['the limit', closure.length + 1, closure.length],
    ['one item too many', closure.length, closure.length - 1],
    ['a few', 4, 3],
    ['the least', 2, 1],
  ])('is in layers, each item once: %s', async (_name, maxLayers, layers) => {
    const planned = await layersOf({ ...WITH_GRAPH, paths: [HELLO], maxLayers });
    expect(planned).toHaveLength(layers);
    expect(planned.flat().sort()).toEqual(closure);
    const popular = (await readClosure({ ...WITH_GRAPH, paths: [HELLO], order: 'popularity' })).items;
    expect(planned.flat()).toEqual(popular.map(({ path }) => path));
  });

  test('of one item without references is one layer, and of none is no layer', async () => {
    expect(await layersOf({ ...WITH_GRAPH, paths: [fixtureItem('paper')] })).toEqual([[fixtureItem('paper')]]);
    expect(await layersOf({ ...WITH_GRAPH, directory: ['/tmp:1777'] })).toEqual([['/tmp']]);
  });

  test('has room for the customisation layer', async () => {
    const spec = { ...WITH_GRAPH, paths: [HELLO], directory: ['/tmp:1777'] };
    expect(await layersOf({ ...spec, maxLayers: closure.length + 1 })).toHaveLength(closure.length + 1);
    const layers = await layersOf({ ...spec, maxLayers: closure.length });
    expect(layers).toHaveLength(closure.length);
    expect(layers.at(-1)).toEqual(['/tmp']);
  });

  test('is in one layer where that is asked for, and by size where that is', async () => {
    expect(await layersOf({ ...WITH_GRAPH, paths: [HELLO], layers: 'single' })).toHaveLength(1);
    const bySize = (await planImage({ ...WITH_GRAPH, paths: [HELLO], layers: 'size' })).layers;
    expect(bySize.flatMap(({ items }) => items).sort()).toEqual(closure);
    const sizes = bySize.map(({ tarSizeBytes }) => tarSizeBytes);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  });

  test('is in layers without a word about layers', async () => {
    expect(await layersOf({ ...WITH_GRAPH, paths: [HELLO] })).toHaveLength(closure.length);
  });

  test.each<[name: string, path: string]>([
    ['a file in an item', `${HELLO}/bin/hello`],
    ['where the item lies on this machine', HELLO.replace('/nix/store', FIXTURE_STORE)],
    ['a slash at its end', `${HELLO}/`],
  ])('of %s is that of the item', async (_name, path) => {
    expect((await layersOf({ ...WITH_GRAPH, paths: [path] })).flat().sort()).toEqual(closure);
  });

  test('holds what is outside the stores, which refers to nothing', async () => {
    const file = join(scratchDirectory(), 'file');
    writeFileSync(file, HELLO);
    const items = (await layersOf({ ...WITH_GRAPH, paths: [file, fixtureItem('paper')] })).flat();
    expect(items.sort()).toEqual([fixtureItem('paper'), file].sort());
  });
});

describe('an image of a graph', () => {
  oracle('holds the files of every item, and nothing else', async () => {
    const { output } = await build({ ...WITH_GRAPH, paths: [HELLO], maxLayers: 5 });
    const [image] = applyLayers([output]);
    expect(image!.faults).toEqual([]);
    const roots = Object.keys(image!.tree).filter((path) => path.split('/').length === 3);
    expect(roots.map((path) => `/${path}`).sort()).toEqual(fixtureClosure(HELLO));
    expect(image!.tree[`${HELLO.slice(1)}/bin/hello`]).toMatch(/^file 0755 0:0 root:root 1 /);
  });

  test('is the same from every form of the graph, and from a scan', async () => {
    const attributes = join(scratchDirectory(), 'attrs.json');
    writeFileSync(attributes, JSON.stringify({ graph: JSON.parse(readFileSync(FIXTURE_GRAPH_JSON, 'utf8')) }));
    const spec = { ...IN_FIXTURE_STORE, paths: [HELLO], maxLayers: 6 };
    const { bytes } = await build({ ...spec, graph: FIXTURE_GRAPH });
    for (const source of [
      { graph: FIXTURE_GRAPH_JSON },
      { graph: attributes },
      { scan: '/nix/store' },
      { scan: FIXTURE_STORE },
    ]) {
      expect((await build({ ...spec, ...source })).bytes.equals(bytes), JSON.stringify(source)).toBe(true);
    }
  });

  test('does not depend on where the store lies', async () => {
    const elsewhere = join(scratchDirectory(), 'of=any', 'name');
    mkdirSync(dirname(elsewhere));
    cpSync(FIXTURE_STORE, elsewhere, { recursive: true, verbatimSymlinks: true });
    const spec: BuildSpec = { mode: 'go+u,go-w', paths: [HELLO], graph: FIXTURE_GRAPH };
    const { bytes } = await build({ ...spec, store: `${FIXTURE_STORE}=/nix/store` });
    expect((await build({ ...spec, store: `${elsewhere}=/nix/store` })).bytes.equals(bytes)).toBe(true);
  });

  test('has layers of store paths that are equal in every image', async () => {
    const a = await build({ ...WITH_GRAPH, paths: [HELLO], maxLayers: 100, tag: ['a:1'], env: ['A=1'] });
    const b = await build({
      ...WITH_GRAPH,
      paths: [fixtureItem('letters'), GREET],
      contents: [GREET],
      preset: ['tmp'],
      maxLayers: 50,
      tag: ['b:2'],
      config: { Labels: { b: '2' } },
      created: '@1000000000',
      platform: 'linux/arm64',
    });
    const byItem = ({ layers }: BuiltImage) =>
      new Map(layers.filter(({ items }) => items.length === 1).map(({ items, diffId }) => [items[0]!, diffId]));
    const [ofA, ofB] = [byItem(a), byItem(b)];
    const shared = fixtureClosure(HELLO).filter((item) => fixtureClosure(GREET).includes(item));
    expect(shared.length).toBeGreaterThan(fixtureClosure(HELLO).length / 2);
    for (const item of shared) expect([item, ofB.get(item)]).toEqual([item, ofA.get(item) ?? 'a layer']);
  });

  test('has layers that time of creation, tags and order of arguments do not reach', async () => {
    const paths = [HELLO, GREET];
    const one = await build({ ...WITH_GRAPH, paths, created: '@1' });
    const other = await build({ ...WITH_GRAPH, paths: paths.toReversed(), created: '@1700000000', tag: ['x:y'] });
    expect(other.image).not.toBe(one.image);
    expect(other.layers).toEqual(one.layers);
  });

  test('takes the time of building only where now is asked for', async () => {
    const spec = { ...WITH_GRAPH, paths: [HELLO], output: join(scratchDirectory(), 'image.tar') };
    const created = async (created: string | undefined): Promise<string> => {
      await buildImage({ ...spec, ...(created && { created }) }, { nowSeconds: 1_234_567_890 });
      return /"created":"([^"]*)"/.exec(readFileSync(spec.output, 'latin1'))![1]!;
    };
    expect(await created('now')).toBe('2009-02-13T23:31:30Z');
    expect(await created(undefined)).toBe('1970-01-01T00:00:01Z');
  });
});

describe('the config', () => {
  test.each<[name: string, config: BuildSpec]>([
    ['entry point', { entrypoint: [`${HELLO}/bin/hello`, '--loud'] }],
    ['command', { cmd: ['run', `--with=${HELLO}/share`] }],
    ['environment, inside a longer string', { env: [`PATH=/bin:${HELLO}/bin:/usr/bin`] }],
    ['label, in a sentence', { label: [`about=Made of ${HELLO}. See there, (${HELLO})`] }],
    ['name of a label', { config: { Labels: { [`of ${HELLO}`]: '' } } }],
    ['config file', { config: { Cmd: [HELLO] } }],
  ])('brings the closure of what its %s names', async (_name, config) => {
    expect((await layersOf({ ...WITH_GRAPH, ...config, directory: ['/tmp'] })).slice(0, -1).flat().sort()).toEqual(
      fixtureClosure(HELLO),
    );
  });

  test('adds to the paths', async () => {
    const items = (await layersOf({ ...WITH_GRAPH, paths: [GREET], env: [`X=${HELLO}`] })).flat();
    expect(items.sort()).toEqual(fixtureClosure(HELLO, GREET));
  });

  test('may name the store, and stores that are not in the graph', async () => {
    const env = [
      'NIX=/nix/store',
      'STORE=/nix/store/',
      'OTHER=/gnu/store/00000000000000000000000000000000-x',
      'L=/nix/store/.links',
    ];
    expect(await layersOf({ ...WITH_GRAPH, paths: [fixtureItem('paper')], env })).toHaveLength(1);
  });

  test.each(['graph', 'scan'] as const)('must not name an item that is not there, by %s', async (key) => {
    const absent = '/nix/store/00000000000000000000000000000000-absent-1.0';
    const source = key === 'graph' ? { graph: FIXTURE_GRAPH } : { scan: '/nix/store' };
    await expect(
      planImage({ ...IN_FIXTURE_STORE, ...source, entrypoint: [`${absent}/bin/x`], preset: ['tmp'] }),
    ).rejects.toMatchObject({
      code: 'GRAPH_PATH_ABSENT',
      message: expect.stringContaining(`"${absent}" of the config`),
    });
  });
});

describe('a path in the store that is no item', () => {
  test.each(['graph', 'scan'] as const)('is refused, by %s', async (key) => {
    const source = key === 'graph' ? { graph: FIXTURE_GRAPH } : { scan: '/nix/store' };
    const path = '/nix/store/00000000000000000000000000000000-absent-1.0/bin';
    await expect(planImage({ ...IN_FIXTURE_STORE, ...source, paths: [path] })).rejects.toMatchObject({
      code: 'GRAPH_PATH_ABSENT',
    });
  });
});

test('every item that is missing on disk is named', async () => {
  const store = join(scratchDirectory(), 'store');
  cpSync(FIXTURE_STORE, store, { recursive: true, verbatimSymlinks: true });
  const missing = [fixtureItem('ink'), fixtureItem('words')].map((path) => path.replace('/nix/store', store));
  for (const path of missing) renameSync(path, `${path}.gone`);
  const error = await planImage({ paths: [HELLO], graph: FIXTURE_GRAPH, store: `${store}=/nix/store` }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'SOURCE_MISSING' });
  for (const path of missing) expect((error as Error).message).toContain(`"${path}"`);
});

test('a link to an item of the graph that the image lacks is worth a warning', async () => {
  const { warnings } = await planImage({
    ...WITH_GRAPH,
    paths: [fixtureItem('paper')],
    symlink: [`/bin=${HELLO}/bin`],
  });
  expect(warnings).toEqual([`--symlink "/bin=${HELLO}/bin" leads to "${HELLO}", which the image does not hold`]);
});

describe('one item with its closure', () => {
  test('is named after its base name', async () => {
    const { tags } = await planImage({ ...WITH_GRAPH, paths: [HELLO] });
    expect(tags).toEqual([`hello:${HELLO.slice('/nix/store/'.length, -'-hello-2.12'.length)}`]);
  });

  test('has a tag of its own choice, and is one of several without the hash', async () => {
    expect((await planImage({ ...WITH_GRAPH, paths: [HELLO], tag: ['own:1'] })).tags).toEqual(['own:1']);
    expect((await planImage({ ...WITH_GRAPH, paths: [HELLO, GREET] })).tags).toEqual(['hello-2.12:latest']);
  });

  test('has its programs in /bin by a preset', async () => {
    const { layers, output } = await build({ ...WITH_GRAPH, paths: [HELLO], preset: ['bin'] });
    expect(layers.at(-1)!.items).toEqual(['/bin']);
    const [image] = applyLayers([output]);
    expect(image!.tree['bin']).toBe(`symlink 0777 0:0 root:root 1 ${HELLO}/bin`);
  });
});

describe('contents', () => {
  oracle('are a union of symlinks in the top layer, with an owner of their own', async () => {
    const onWarning = vi.fn();
    const output = join(scratchDirectory(), 'image.tar');
    const { layers } = await buildImage(
      {
        ...WITH_GRAPH,
        contents: [HELLO, GREET],
        contentsOwner: '1000:100',
        directory: ['/srv:0755:5:6'],
        preset: ['tmp'],
        output,
      },
      { onWarning },
    );
    const closure = fixtureClosure(HELLO, GREET);
    expect(
      layers
        .slice(0, -1)
        .flatMap(({ items }) => items)
        .sort(),
    ).toEqual(closure);
    const [image] = applyLayers([output]);
    expect(image!.faults).toEqual([]);
    const own = Object.entries(image!.tree).filter(([path]) => !path.startsWith('nix'));
    expect(Object.fromEntries(own)).toEqual({
      bin: 'directory 0755 1000:100 : 1',
      'bin/greet': `symlink 0777 1000:100 : 1 ${GREET}/bin/greet`,
      'bin/hello': `symlink 0777 1000:100 : 1 ${HELLO}/bin/hello`,
      share: 'directory 0755 1000:100 : 1',
      'share/about': 'directory 0755 1000:100 : 1',
      'share/about/greet.txt': `symlink 0777 1000:100 : 1 ${GREET}/share/about/greet.txt`,
      'share/about/hello.txt': `symlink 0777 1000:100 : 1 ${HELLO}/share/about/hello.txt`,
      'share/about/title.txt': `symlink 0777 1000:100 : 1 ${HELLO}/share/about/title.txt`,
      'share/hello': 'directory 0755 1000:100 : 1',
      'share/hello/frame.txt': image!.tree['share/hello/frame.txt'],
      srv: 'directory 0755 5:6 : 1',
      tmp: 'directory 1777 1000:100 : 1',
      var: 'directory 0755 0:0 root:root 1',
      'var/tmp': 'directory 1777 1000:100 : 1',
    });
    for (const [path, line] of Object.entries(image!.tree))
      if (path.startsWith('nix')) expect(line).toContain(' 0:0 root:root 1');
    expect(onWarning.mock.calls).toEqual([
      [`"${HELLO}" and "${GREET}" both have "share/about/title.txt": that of the first is taken`],
    ]);
  });

  oracle('need no graph, and are then items themselves', async () => {
    const { output } = await build({ ...IN_FIXTURE_STORE, contents: [fixtureItem('frame')] });
    const [image] = applyLayers([output]);
    expect(image!.tree['share/frame/line.txt']).toContain(` ${fixtureItem('frame')}/share/frame/line.txt`);
    expect(image!.tree[`${fixtureItem('frame').slice(1)}/share/frame/line.txt`]).toMatch(/^file /);
  });

  oracle('link to where a transformation puts them', async () => {
    const { output } = await build({
      ...IN_FIXTURE_STORE,
      contents: [fixtureItem('paper')],
      transform: ['/nix=/opt/nix'],
    });
    const [image] = applyLayers([output]);
    expect(image!.tree['share/paper/white.txt']).toContain(` /opt${fixtureItem('paper')}/share/paper/white.txt`);
  });

  test.each<[name: string, spec: BuildSpec, code: string]>([
    ['a file', { contents: [fixtureItem('ink')] }, 'SOURCE_INVALID'],
    [
      'another source at one of their paths',
      { contents: [HELLO], symlink: ['/bin/hello=/elsewhere'] },
      'TREE_CONFLICT',
    ],
    ['a link above them', { contents: [HELLO], preset: ['bin'], prefix: HELLO }, 'TREE_CONFLICT'],
    ['no directory at all', { contents: ['/nix/store/none'] }, 'SOURCE_MISSING'],
    ['an owner that is none', { contents: [HELLO], contentsOwner: 'root' }, 'OWNER_INVALID'],
  ])('refuse %s', async (_name, spec, code) => {
    await expect(planImage({ ...IN_FIXTURE_STORE, ...spec })).rejects.toMatchObject({ code });
  });
});

describe('presets', () => {
  const ROOT = '0:0 root:root 1';
  test.each<[preset: string, tree: Record<string, unknown>]>([
    ['tmp', { tmp: `directory 1777 ${ROOT}`, var: `directory 0755 ${ROOT}`, 'var/tmp': `directory 1777 ${ROOT}` }],
    [
      'passwd',
      {
        etc: `directory 0755 ${ROOT}`,
        'etc/group': expect.stringContaining(`file 0644 ${ROOT} `),
        'etc/passwd': expect.stringContaining(`file 0644 ${ROOT} `),
        root: `directory 0700 ${ROOT}`,
      },
    ],
    ['nsswitch', { etc: `directory 0755 ${ROOT}`, 'etc/nsswitch.conf': expect.stringContaining(`file 0644 ${ROOT} `) }],
    [
      'usr-bin-env',
      {
        usr: `directory 0755 ${ROOT}`,
        'usr/bin': `directory 0755 ${ROOT}`,
        'usr/bin/env': `symlink 0777 ${ROOT} /bin/env`,
      },
    ],
    [
      'ca-certificates',
      {
        etc: expect.anything(),
        'etc/ssl': expect.anything(),
        'etc/ssl/certs': expect.anything(),
        'etc/ssl/certs/ca-certificates.crt': `symlink 0777 ${ROOT} ca-bundle.crt`,
        'etc/pki': expect.anything(),
        'etc/pki/tls': expect.anything(),
        'etc/pki/tls/certs': expect.anything(),
        'etc/pki/tls/certs/ca-bundle.crt': `symlink 0777 ${ROOT} /etc/ssl/certs/ca-bundle.crt`,
      },
    ],
  ])('%s is its list and no more', async (preset, tree) => {
    const { output } = await build({ preset: [preset] });
    expect(applyLayers([output])[0]!.tree).toEqual(tree);
  });

  test('are the same together, apart, twice, and in every dialect', async () => {
    const { layers } = await build({ preset: ['tmp,passwd'] });
    const [layer] = layers;
    expect((await build({ preset: ['passwd', 'tmp', 'tmp'] })).layers[0]!.diffId).toBe(layer!.diffId);
    for (const dialect of ['guix', 'nix'] as const) {
      const spec = { ...IN_FIXTURE_STORE, paths: [fixtureItem('paper')], preset: ['tmp,passwd'], dialect };
      expect((await build(spec)).layers.at(-1)!.items).toEqual(expect.arrayContaining(['/tmp', '/etc/passwd']));
    }
  });

  test.each<[name: string, spec: BuildSpec, code: string, message: string]>([
    ['a name that is none', { preset: ['tmp,temp'] }, 'SPEC_INVALID', 'must be one of bin, ca-certificates, nsswitch'],
    ['bin without a profile', { preset: ['bin'] }, 'SPEC_CONFLICT', '--prefix or a path'],
    [
      'two files for one path',
      { preset: ['passwd'], files: { '/etc/passwd': { content: '' } } },
      'TREE_CONFLICT',
      '--preset passwd',
    ],
  ])('refuse %s', async (_name, spec, code, message) => {
    await expect(planImage(spec)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe('readClosure', () => {
  const spec = { ...IN_FIXTURE_STORE, paths: [HELLO] };

  test('lists items, references and sizes from a graph', async () => {
    const { items, narSizeBytes } = await readClosure({ ...spec, graph: FIXTURE_GRAPH_JSON });
    expect(items.map(({ path }) => path)).toEqual(fixtureClosure(HELLO));
    const references = fixtureReferences();
    for (const item of items) expect(item.references).toEqual(references.get(item.path)!.toSorted());
    expect(narSizeBytes).toBe(items.reduce((sum, item) => sum + item.narSizeBytes!, 0));
    expect(await readClosure({ ...spec, scan: FIXTURE_STORE })).toEqual({ items, narSizeBytes });
  });

  test('does not know sizes that the graph does not say', async () => {
    const { items, narSizeBytes } = await readClosure({ ...spec, graph: FIXTURE_GRAPH });
    expect(items.every((item) => item.narSizeBytes === null)).toBe(true);
    expect(narSizeBytes).toBeNull();
  });

  test('orders topologically and by popularity', async () => {
    const order = async (order: 'topological' | 'popularity') =>
      (await readClosure({ ...spec, graph: FIXTURE_GRAPH, order })).items;
    const seen = new Set<string>();
    for (const { path, references } of await order('topological')) {
      for (const reference of references) if (reference !== path) expect(seen).toContain(reference);
      seen.add(path);
    }
    const counts = (await order('popularity')).map(({ popularity }) => popularity);
    expect(counts).toEqual(counts.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0)));
    expect(counts.at(-1)).toBe(1n);
  });

  test.each<[name: string, spec: Parameters<typeof readClosure>[0], code: string]>([
    ['neither a graph nor a scan', { paths: [HELLO] }, 'SPEC_CONFLICT'],
    ['both', { paths: [HELLO], graph: FIXTURE_GRAPH, scan: FIXTURE_STORE }, 'SPEC_CONFLICT'],
    ['no path', { graph: FIXTURE_GRAPH }, 'SPEC_INVALID'],
    ['a graph that is not there', { paths: [HELLO], graph: '/nonexistent' }, 'SPEC_FILE'],
    ['a graph that is none', { paths: [HELLO], graph: FIXTURE_STORE.replace(/store$/, 'README.md') }, 'GRAPH_SYNTAX'],
    ['a store that is not there', { paths: [HELLO], scan: '/nonexistent' }, 'SOURCE_MISSING'],
    ['an order that is none', { paths: [HELLO], graph: FIXTURE_GRAPH, order: 'size' as 'name' }, 'SPEC_INVALID'],
  ])('refuses %s', async (_name, given, code) => {
    await expect(readClosure(given)).rejects.toMatchObject({ code });
  });
});
