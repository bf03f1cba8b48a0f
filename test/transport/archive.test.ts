import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type BuildSpec, type BuiltImage, buildImage, planImage } from '../../src/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { gnuTar, gnuTarArguments } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { type FoundImage, findImage } from './image-archive.js';

const oracle = clientTest('tar', 'python3', 'mkfifo');

const LAYER = 'application/vnd.oci.image.layer.v1.tar';

/** Three items of which the first is the largest. */
function makeItems(): string[] {
  const store = scratchDirectory();
  return [50_000, 20_000, 5000].map((size, index) => {
    const item = join(store, `item-${index}`);
    mkdirSync(item);
    writeFileSync(join(item, 'file'), Buffer.alloc(size, `${index} `));
    return item;
  });
}

/** Two items that become the same directory, so that their layers are equal. */
function equalItems(): BuildSpec {
  const store = scratchDirectory();
  for (const name of ['a', 'b']) mkdirSync(join(store, name));
  return {
    paths: [join(store, 'a'), join(store, 'b')],
    transform: [`${store}/a=/x`, `${store}/b=/x`],
    directory: ['/y'],
    maxLayers: 5,
  };
}

async function build(spec: BuildSpec): Promise<{ archive: string; image: BuiltImage }> {
  const archive = join(scratchDirectory(), 'image.tar');
  return { archive, image: await buildImage({ tag: ['test:1'], output: archive, ...spec }) };
}

function expectSame(expected: Uint8Array, actual: Uint8Array): void {
  expect(describeDifference(expected, actual)).toBeUndefined();
}

/** Holds every digest and every size of an image against what Python finds, and the report against both. */
function expectConsistent({ blobs, index, manifests, configs, layout }: FoundImage, image: BuiltImage): void {
  expect(layout).toEqual({ imageLayoutVersion: '1.0.0' });
  for (const [name, { sha256 }] of Object.entries(blobs)) expect(sha256).toBe(name);
  expect(index).toMatchObject({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json' });
  expect(index.manifests.length).toBeGreaterThan(0);
  for (const [at, { digest, size, mediaType }] of index.manifests.entries()) {
    expect(mediaType).toBe('application/vnd.oci.image.manifest.v1+json');
    expect(digest).toBe(image.manifest);
    expect(size).toBe(blobs[digest.slice(7)]!.size);
    const { config, layers, ...manifest } = manifests[at]!;
    expect(manifest).toMatchObject({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json' });
    expect(config).toEqual({
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: image.image,
      size: blobs[image.image.slice(7)]!.size,
    });
    expect(layers.map((layer) => layer.size)).toEqual(layers.map((layer) => blobs[layer.digest.slice(7)]!.size));
    expect(layers.map((layer) => layer.digest)).toEqual(image.layers.map((layer) => layer.digest));
    const { rootfs, history } = configs[at]!;
    expect(rootfs.diff_ids).toEqual(layers.map((layer) => `sha256:${blobs[layer.digest.slice(7)]!.plain}`));
    expect(rootfs.diff_ids).toEqual(image.layers.map(({ diffId }) => diffId));
    expect(history).toHaveLength(layers.length);
  }
}

const VARIANTS: readonly (readonly [name: string, spec: () => BuildSpec])[] = [
  ['one layer', () => ({ paths: makeItems() })],
  ['layers', () => ({ paths: makeItems(), maxLayers: 10, directory: ['/tmp:1777'] })],
  ['gzip layers', () => ({ paths: makeItems(), maxLayers: 10, layerCompression: 'gzip' })],
  ['gzip layers of level 1', () => ({ paths: makeItems(), layerCompression: 'gzip:1' })],
  ['no layers', () => ({ root: scratchDirectory() })],
  ['equal layers', equalItems],
  ['equal gzip layers', () => ({ ...equalItems(), layerCompression: 'gzip' })],
  ['two tags', () => ({ paths: makeItems(), tag: ['first:1', 'registry.example:5000/team/second'] })],
  ['annotations and a config', () => ({ paths: makeItems(), annotation: ['a=b'], env: ['X=é'], label: ['k='] })],
  ['gnu layers', () => ({ paths: makeItems(), tarFormat: 'gnu' })],
  ['wasm hashes', () => ({ paths: makeItems(), hashEngine: 'wasm' })],
];

describe.each(VARIANTS)('an archive of %s', (_name, specOf) => {
  oracle('is a docker-archive and an OCI archive, in the order of its own layout', async () => {
    const { archive, image } = await build(specOf());
    const found = findImage(archive);
    expectConsistent(found, image);
    const layerPaths = image.layers.map(({ digest }) => `blobs/sha256/${digest.slice(7)}`);
    const files = found.members.filter(({ type }) => type === '0');
    expect(files.map(({ name }) => name)).toEqual([
      ...layerPaths,
      `blobs/sha256/${image.image.slice(7)}`,
      `blobs/sha256/${image.manifest!.slice(7)}`,
      'index.json',
      'manifest.json',
      'oci-layout',
    ]);
    for (const { type, mode, uid, gid, uname, gname, mtime, pax } of found.members) {
      const expected = type === '5' ? { type, mode: 0o755 } : { type: '0', mode: 0o644 };
      const root = { uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: 1, pax: [] };
      expect({ type, mode, uid, gid, uname, gname, mtime, pax }).toEqual({ ...expected, ...root });
    }
    expect(found.docker).toEqual([
      { Config: `blobs/sha256/${image.image.slice(7)}`, RepoTags: image.tags, Layers: layerPaths },
    ]);
    expect(image.sizeBytes).toBe(statSync(archive).size);
    expect(readdirSync(join(archive, '..'))).toEqual(['image.tar']);
  });

  oracle('is byte for byte what GNU tar makes of its files', async () => {
    const spec = specOf();
    for (const format of ['docker-archive', 'oci-archive'] as const) {
      const { archive } = await build({ ...spec, format });
      const directory = scratchDirectory();
      gnuTar(['-xf', archive], directory);
      const names = gnuTar(['-tf', archive], directory).toString().trim().split('\n');
      for (const name of names) chmodSync(join(directory, name), name.endsWith('/') ? 0o755 : 0o644);
      expectSame(
        gnuTar([...gnuTarArguments('ustar'), '--no-recursion', '-cf', '-', ...names], directory),
        readFileSync(archive),
      );
      expect(names.includes('manifest.json')).toBe(format === 'docker-archive');
    }
  });

  oracle('has the same blobs and index as an oci-archive and as a layout', async () => {
    const spec = { layerCompression: 'none', ...specOf() };
    const docker = await build(spec);
    const oci = await build({ ...spec, format: 'oci-archive' });
    const layout = await build({ ...spec, format: 'oci-layout' });
    const [first, ...others] = [docker, oci, layout].map(({ archive }) => findImage(archive));
    for (const other of others) {
      expect(other.blobs).toEqual(first!.blobs);
      expect(other.index).toEqual(first!.index);
      expect(other.docker).toBeNull();
    }
    expect([oci.image.image, layout.image.image]).toEqual([docker.image.image, docker.image.image]);
    expect([oci.image.manifest, layout.image.manifest]).toEqual([docker.image.manifest, docker.image.manifest]);
    expect(oci.image.sizeBytes).toBe(statSync(oci.archive).size);
  });

  oracle('has the same bytes through a fifo, and inside gzip', async () => {
    const spec = specOf();
    const plain = readFileSync((await build(spec)).archive);
    const scratch = scratchDirectory();
    const fifo = join(scratch, 'fifo');
    run('mkfifo', [fifo]);
    const reader = spawn('sh', ['-c', 'cat "$0" > "$1"', fifo, join(scratch, 'copy')]);
    const closed = new Promise((resolve) => reader.on('close', resolve));
    const image = await buildImage({ tag: ['test:1'], ...spec, output: fifo }, { temporaryDirectory: scratch });
    await closed;
    expectSame(plain, readFileSync(join(scratch, 'copy')));
    expect(image.sizeBytes).toBe(plain.length);
    expect(readdirSync(scratch).sort()).toEqual(['copy', 'fifo']);

    for (const compression of ['gzip', 'gzip:1', 'gzip:9']) {
      const packed = await build({ ...spec, compression });
      expectSame(plain, gunzipSync(readFileSync(packed.archive)));
      expectSame(plain, run('gzip', ['-dc', packed.archive]));
      expect(packed.image.sizeBytes).toBe(statSync(packed.archive).size);
    }
  });
});

// skopeo's oci-archive: gives directories without an entry to root, which only root can do.
oracle('the directories of blobs come first, and there are no others', async () => {
  const { archive } = await build({ paths: makeItems() });
  const { members } = findImage(archive);
  expect(members.slice(0, 2).map(({ name }) => name.replace(/\/$/, ''))).toEqual(['blobs', 'blobs/sha256']);
  expect(members.filter(({ type }) => type === '5')).toHaveLength(2);
});

oracle('every tag has a descriptor, and stands in RepoTags', async () => {
  const { archive } = await build({
    directory: ['/x'],
    tag: ['first:1', 'ghcr.io/team/second', 'first:1', 'user/third:3'],
  });
  const { index, docker } = findImage(archive);
  expect(index.manifests.map(({ annotations }) => annotations)).toEqual([
    { 'org.opencontainers.image.ref.name': '1', 'io.containerd.image.name': 'docker.io/library/first:1' },
    { 'org.opencontainers.image.ref.name': 'latest', 'io.containerd.image.name': 'ghcr.io/team/second:latest' },
    { 'org.opencontainers.image.ref.name': '3', 'io.containerd.image.name': 'docker.io/user/third:3' },
  ]);
  expect(docker![0]!.RepoTags).toEqual(['first:1', 'ghcr.io/team/second:latest', 'user/third:3']);
});

oracle('layers say what they are', async () => {
  const mediaTypeOf = async (layerCompression: string, format: 'docker-archive' | 'oci-layout'): Promise<unknown> => {
    const { archive } = await build({ paths: makeItems(), layerCompression, format });
    return findImage(archive).manifests[0]!.layers[0]!.mediaType;
  };
  expect(await mediaTypeOf('none', 'docker-archive')).toBe(LAYER);
  expect(await mediaTypeOf('gzip', 'docker-archive')).toBe(`${LAYER}+gzip`);
  expect(await mediaTypeOf('none', 'oci-layout')).toBe(LAYER);
  expect(await mediaTypeOf('gzip', 'oci-layout')).toBe(`${LAYER}+gzip`);
});

oracle('a layer above 8 GiB is planned in its exact size', async () => {
  const root = scratchDirectory();
  run('truncate', ['-s', '9G', join(root, 'hole')]);
  const { layers } = await planImage({ root });
  expect(layers[0]!.tarSizeBytes).toBe(Math.ceil((3 * 512 + 9 * 2 ** 30 + 1024) / 10_240) * 10_240);
});

describe('the target', () => {
  const small: BuildSpec = { directory: ['/x'] };

  test('keeps its mode, and a new one has that of the umask', async () => {
    const scratch = scratchDirectory();
    const existing = join(scratch, 'existing');
    writeFileSync(existing, 'before');
    chmodSync(existing, 0o600);
    await buildImage({ ...small, output: existing });
    await buildImage({ ...small, output: join(scratch, 'new') });
    expect(statSync(existing).mode & 0o7777).toBe(0o600);
    expect(statSync(join(scratch, 'new')).mode & 0o7777).toBe(0o666 & ~process.umask());
    expectSame(readFileSync(join(scratch, 'new')), readFileSync(existing));
  });

  test('is what a symlink leads to, there or not', async () => {
    const scratch = scratchDirectory();
    mkdirSync(join(scratch, 'elsewhere'));
    writeFileSync(join(scratch, 'elsewhere/there'), 'before');
    for (const name of ['there', 'missing']) {
      symlinkSync(`elsewhere/${name}`, join(scratch, name));
      const { sizeBytes } = await buildImage({ ...small, output: join(scratch, name) });
      expect(readlinkSync(join(scratch, name))).toBe(`elsewhere/${name}`);
      expect(lstatSync(join(scratch, 'elsewhere', name)).size).toBe(sizeBytes);
    }
    expect(readdirSync(join(scratch, 'elsewhere')).sort()).toEqual(['missing', 'there']);
  });

  test('is written beside temporary files of others, which stay', async () => {
    const scratch = scratchDirectory();
    for (const number of [0, 1]) writeFileSync(join(scratch, `.out.tarseal-${number}.tmp`), 'of another');
    await buildImage({ ...small, output: join(scratch, 'out') });
    expect(readdirSync(scratch).sort()).toEqual(['.out.tarseal-0.tmp', '.out.tarseal-1.tmp', 'out']);
    expect(readFileSync(join(scratch, '.out.tarseal-0.tmp'), 'utf8')).toBe('of another');
  });

  test('has a name of 255 bytes, or of bytes that are not ASCII', async () => {
    const scratch = scratchDirectory();
    for (const name of ['o'.repeat(255), 'ö'.repeat(100), '\u{1f9ad}.tar', 'new\nline', '-']) {
      const output = join(scratch, name);
      await buildImage({ ...small, output });
      expect(existsSync(output), name).toBe(true);
    }
    expect(readdirSync(scratch)).toHaveLength(5);
  });

  test('of several builds at once is one of theirs', async () => {
    const scratch = scratchDirectory();
    const output = join(scratch, 'out');
    const sources = makeItems();
    const built = await Promise.all(sources.map((root) => buildImage({ root, output })));
    expect(readdirSync(scratch)).toEqual(['out']);
    const { size } = statSync(output);
    expect(built.map(({ sizeBytes }) => sizeBytes)).toContain(size);
  });

  test('inside a source is no member, and neither is its temporary file', async () => {
    const root = scratchDirectory();
    writeFileSync(join(root, 'file'), 'x');
    const output = join(root, 'out.tar');
    const first = await buildImage({ root, output });
    const second = await buildImage({ root, output });
    expect(first.warnings).toEqual([]);
    expect(second.warnings).toEqual([expect.stringContaining('is the output and is left out')]);
    expect(second.image).toBe(first.image);
    const packed = await buildImage({ root, output, compression: 'gzip' });
    expect(packed.image).toBe(first.image);
  });
});
