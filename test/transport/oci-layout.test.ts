import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BuildSpec, type BuiltImage, buildImage } from '../../src/index.js';
import { clientTest } from '../support/clients.js';
import { readJson, sha256 } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { type Descriptor, findImage } from './image-archive.js';

interface Index {
  readonly manifests: readonly Descriptor[];
  readonly [key: string]: unknown;
}

const oracle = clientTest('python3');

function sourceOf(content: string): string {
  const root = scratchDirectory();
  writeFileSync(join(root, 'file'), content);
  return root;
}

async function buildInto(layout: string, content: string, spec: BuildSpec = {}): Promise<BuiltImage> {
  return buildImage({ root: sourceOf(content), tag: ['test:1'], ...spec, format: 'oci-layout', output: layout });
}

function indexOf(layout: string): Index {
  return readJson<Index>(join(layout, 'index.json'));
}

/** Tags of the index, with the digest that each names. */
function tagsOf(layout: string): Record<string, string> {
  return Object.fromEntries(
    indexOf(layout).manifests.map(({ annotations, digest }) => [
      annotations?.['org.opencontainers.image.ref.name'] ?? '(none)',
      digest,
    ]),
  );
}

/** Path and digest of everything in a directory. */
function snapshot(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const path = join(directory, name);
      return statSync(path).isFile() ? `${name} ${sha256(readFileSync(path))}` : name;
    })
    .sort();
}

describe('a new layout', () => {
  oracle('holds the image and nothing else, with gzip layers', async () => {
    const scratch = scratchDirectory();
    const layout = join(scratch, 'layout');
    const image = await buildInto(layout, 'content');
    const { blobs, manifests, layout: version } = findImage(layout);
    expect(version).toEqual({ imageLayoutVersion: '1.0.0' });
    for (const [name, blob] of Object.entries(blobs)) expect(blob.sha256).toBe(name);
    const digests = [image.layers[0]!.digest, image.image, image.manifest!];
    expect(Object.keys(blobs).sort()).toEqual(digests.map((digest) => digest.slice(7)).sort());
    expect(manifests[0]!.layers[0]).toEqual({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: image.layers[0]!.digest,
      size: image.layers[0]!.sizeBytes,
    });
    expect(`sha256:${blobs[image.layers[0]!.digest.slice(7)]!.plain}`).toBe(image.layers[0]!.diffId);
    expect(readdirSync(layout).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(readdirSync(scratch)).toEqual(['layout']);
    const written = readdirSync(layout, { recursive: true, encoding: 'utf8' }).map((name) =>
      statSync(join(layout, name)),
    );
    expect(image.sizeBytes).toBe(written.reduce((sum, stats) => sum + (stats.isFile() ? stats.size : 0), 0));
  });

  test('has the modes of the umask', async () => {
    const layout = join(scratchDirectory(), 'layout');
    await buildInto(layout, 'content');
    const umask = process.umask();
    expect(statSync(layout).mode & 0o7777).toBe(0o777 & ~umask);
    expect(statSync(join(layout, 'blobs/sha256')).mode & 0o7777).toBe(0o777 & ~umask);
    for (const name of ['index.json', 'oci-layout', `blobs/sha256/${readdirSync(join(layout, 'blobs/sha256'))[0]}`]) {
      expect(statSync(join(layout, name)).mode & 0o7777).toBe(0o666 & ~umask);
    }
  });

  test('is where the slash at its end says, and in an empty directory the same', async () => {
    const scratch = scratchDirectory();
    mkdirSync(join(scratch, 'empty'));
    mkdirSync(join(scratch, 'real'));
    symlinkSync('real', join(scratch, 'link'));
    const root = sourceOf('content');
    const spec: BuildSpec = { root, tag: ['test:1'], format: 'oci-layout' };
    for (const name of ['new', 'slash/', 'empty', 'link']) await buildImage({ ...spec, output: `${scratch}/${name}` });
    const expected = snapshot(join(scratch, 'new'));
    expect(expected).toHaveLength(7);
    for (const name of ['slash', 'empty', 'real']) expect(snapshot(join(scratch, name)), name).toEqual(expected);
  });

  test('of no layers is a layout', async () => {
    const layout = join(scratchDirectory(), 'layout');
    const image = await buildImage({ root: scratchDirectory(), format: 'oci-layout', output: layout });
    expect(readdirSync(join(layout, 'blobs/sha256')).sort()).toEqual(
      [image.image, image.manifest!].map((digest) => digest.slice(7)).sort(),
    );
  });

  test('is no member of a source that it is in', async () => {
    const root = sourceOf('content');
    const spec: BuildSpec = { root, tag: ['test:1'], format: 'oci-layout', output: join(root, 'layout') };
    const first = await buildImage(spec);
    const second = await buildImage(spec);
    expect(second.image).toBe(first.image);
    expect(second.warnings).toEqual([expect.stringContaining('is the output and is left out')]);
  });
});

describe('an existing layout', () => {
  test('keeps the images of other tags, and replaces the one of the same', async () => {
    const layout = join(scratchDirectory(), 'layout');
    const one = await buildInto(layout, 'one', { tag: ['test:1'] });
    const two = await buildInto(layout, 'two', { tag: ['test:2'] });
    expect(tagsOf(layout)).toEqual({ 1: one.manifest, 2: two.manifest });
    const newOne = await buildInto(layout, 'another one', { tag: ['test:1'] });
    expect(tagsOf(layout)).toEqual({ 1: newOne.manifest, 2: two.manifest });
    expect(indexOf(layout).manifests).toHaveLength(2);
    for (const digest of [one, two, newOne].flatMap(({ image, manifest }) => [image, manifest!])) {
      expect(existsSync(join(layout, 'blobs/sha256', digest.slice(7)))).toBe(true);
    }
  });

  test('is the same after the same build', async () => {
    const layout = join(scratchDirectory(), 'layout');
    const spec: BuildSpec = { root: sourceOf('one'), tag: ['test:1', 'test:2'], format: 'oci-layout', output: layout };
    await buildImage(spec);
    const before = snapshot(layout);
    await buildImage(spec);
    expect(snapshot(layout)).toEqual(before);
  });

  test('keeps what it does not know', async () => {
    const layout = join(scratchDirectory(), 'layout');
    await buildInto(layout, 'one');
    const [known] = indexOf(layout).manifests;
    const foreign = {
      schemaVersion: 2,
      annotations: { 'org.example': 'kept' },
      'x-key': [1, { a: null }],
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.index.v1+json',
          digest: `sha256:${'0'.repeat(64)}`,
          size: 3,
          extra: true,
        },
        { ...known, annotations: { 'org.opencontainers.image.ref.name': 'ünknown' }, urls: ['https://example.org'] },
      ],
    };
    writeFileSync(join(layout, 'index.json'), JSON.stringify(foreign, undefined, 2));
    writeFileSync(join(layout, 'blobs/sha256', 'f'.repeat(64)), 'a blob of another tool');
    writeFileSync(join(layout, 'README'), 'a file of another tool');
    const { manifest } = await buildInto(layout, 'two', { tag: ['test:2'] });
    const index = indexOf(layout);
    expect(index).toMatchObject({
      schemaVersion: 2,
      annotations: { 'org.example': 'kept' },
      'x-key': [1, { a: null }],
    });
    expect(index.manifests.slice(0, 2)).toEqual(foreign.manifests);
    expect(index.manifests[2]!.digest).toBe(manifest);
    expect(readFileSync(join(layout, 'README'), 'utf8')).toBe('a file of another tool');
    expect(existsSync(join(layout, 'blobs/sha256', 'f'.repeat(64)))).toBe(true);
  });

  test('without an index gets one', async () => {
    const layout = join(scratchDirectory(), 'layout');
    await buildInto(layout, 'one');
    rmSync(join(layout, 'index.json'));
    const { manifest } = await buildInto(layout, 'two');
    expect(tagsOf(layout)).toEqual({ 1: manifest });
  });

  test('whose blob is damaged has it repaired', async () => {
    const layout = join(scratchDirectory(), 'layout');
    const root = sourceOf('one');
    const spec: BuildSpec = { root, tag: ['test:1'], format: 'oci-layout', output: layout };
    const { layers } = await buildImage(spec);
    const blob = join(layout, 'blobs/sha256', layers[0]!.digest.slice(7));
    writeFileSync(blob, 'damaged');
    await buildImage(spec);
    expect(sha256(readFileSync(blob))).toBe(layers[0]!.digest);
  });
});

describe('a target that is no layout is refused and untouched', () => {
  const cases: readonly (readonly [name: string, make: (path: string) => void, message: RegExp])[] = [
    ['a file', (path) => writeFileSync(path, 'precious'), /is no directory, and an OCI layout is one/],
    ['a directory with a file', (path) => write(path, 'precious', 'x'), /neither empty nor an OCI layout/],
    ['a directory with a hidden file', (path) => write(path, '.hidden', 'x'), /neither empty nor an OCI layout/],
    [
      'a layout of another version',
      (path) => write(path, 'oci-layout', '{"imageLayoutVersion":"2.0.0"}'),
      /neither empty/,
    ],
    ['a layout whose version is no JSON', (path) => write(path, 'oci-layout', '{'), /neither empty nor an OCI layout/],
    ['a layout whose version is null', (path) => write(path, 'oci-layout', 'null'), /neither empty nor an OCI layout/],
    ['an oci-layout that is a directory', (path) => mkdirSync(join(path, 'oci-layout'), { recursive: true }), /./],
  ];

  function write(directory: string, name: string, content: string): void {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, name), content);
  }

  test.each(cases)('%s', async (_name, make, message) => {
    const scratch = scratchDirectory();
    const target = join(scratch, 'target');
    make(target);
    const before = snapshot(scratch);
    const work = buildInto(target, 'content');
    await expect(work).rejects.toMatchObject({ code: 'OUTPUT_INVALID', message: expect.stringMatching(message) });
    await expect(work).rejects.toThrow(target);
    expect(snapshot(scratch)).toEqual(before);
  });

  const indexes: readonly (readonly [name: string, index: string])[] = [
    ['no JSON', '{'],
    ['null', 'null'],
    ['an array', '[]'],
    ['an object without manifests', '{}'],
    ['manifests that are no array', '{"manifests":{}}'],
    ['manifests of texts', '{"manifests":["x"]}'],
    ['an empty file', ''],
  ];

  test.each(indexes)('a layout whose index is %s', async (_name, index) => {
    const layout = join(scratchDirectory(), 'layout');
    await buildInto(layout, 'one');
    writeFileSync(join(layout, 'index.json'), index);
    const before = snapshot(layout);
    await expect(buildInto(layout, 'two')).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
    expect(snapshot(layout)).toEqual(before);
  });

  test('before the contents of files are read, when its index is wrong', async () => {
    const layout = join(scratchDirectory(), 'layout');
    await buildInto(layout, 'one');
    writeFileSync(join(layout, 'index.json'), '{');
    const root = sourceOf('two');
    writeFileSync(join(root, 'large'), Buffer.alloc(3 << 20));
    let reads = 0;
    const spec: BuildSpec = { root, format: 'oci-layout', output: layout };
    await expect(buildImage(spec, { onProgress: () => reads++ })).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
    expect(reads).toBe(0);
  });

  test('a directory that does not exist for the layout to be in', async () => {
    const scratch = scratchDirectory();
    await expect(buildInto(join(scratch, 'no/layout'), 'x')).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
    expect(readdirSync(scratch)).toEqual([]);
  });
});
