import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BuildSpec, buildImage, createTar, type Finding, inspectImage, verifyImage } from '../../src/index.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { FIXTURE_GRAPH, fixtureItem, IN_FIXTURE_STORE } from '../support/fixture-store.js';
import { scratchDirectory } from '../support/scratch.js';

const ITEMS: BuildSpec = { ...IN_FIXTURE_STORE, graph: FIXTURE_GRAPH, paths: [fixtureItem('hello')], tag: ['hello:1'] };
const FILES: BuildSpec = {
  files: { '/etc/motd': { content: 'hello\n' } },
  directory: ['/tmp:1777'],
  tag: ['a:1', 'b/c:2'],
};

const FORMATS = ['docker-archive', 'oci-archive', 'oci-layout'] as const;
const CASES: (readonly [name: string, spec: BuildSpec])[] = [
  ...FORMATS.flatMap((format) =>
    (['none', 'gzip'] as const).map(
      (layerCompression) =>
        [
          `native items, ${format}, layers ${layerCompression}`,
          { ...ITEMS, maxLayers: 5, format, layerCompression },
        ] as const,
    ),
  ),
  ['native items within gzip', { ...ITEMS, compression: 'gzip' }],
  ['native files in gnu tar', { ...FILES, tarFormat: 'gnu' }],
  ['native files in posix tar', { ...FILES, tarFormat: 'posix' }],
  ['native files, strict', { ...FILES, strict: true }],
  ['without a tag', { files: { '/a': { content: 'a' } } }],
  ['without layers', { entrypoint: ['/a'], tag: ['none:1'], directory: [], symlink: ['/x=/y'] }],
  ['the nix dialect', { ...ITEMS, dialect: 'nix', maxLayers: 5 }],
  ['the nix dialect within gzip', { ...ITEMS, dialect: 'nix', compression: 'gzip:1' }],
  ['the guix dialect, layered', { ...ITEMS, dialect: 'guix', maxLayers: 5 }],
  ['the guix dialect, one layer', { ...ITEMS, dialect: 'guix', layers: 'single' }],
  [
    'owners, times and presets',
    { ...FILES, preset: ['passwd', 'tmp'], owner: 'app:1000', group: 'app:1000', mtime: '@1700000000' },
  ],
];

function faults(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ severity }) => severity !== 'note');
}

describe('an image that tarseal wrote', () => {
  test.each(CASES)('has no errors and no warnings: %s', async (_name, spec) => {
    const directory = scratchDirectory();
    const output = join(directory, 'image');
    const built = await buildImage({ ...spec, output }, { cwd: directory, temporaryDirectory: tmpdir() });
    const { images, findings } = await verifyImage(output, { temporaryDirectory: tmpdir() });
    expect(faults(findings)).toEqual([]);
    expect(images).toHaveLength(1);
    const [image] = images;
    expect(image).toMatchObject({ image: built.image, manifest: built.manifest, platform: built.platform });
    expect(
      image!.layers.map(({ diffId, digest, sizeBytes, members }) => ({ diffId, digest, sizeBytes, members })),
    ).toEqual(
      built.layers.map(({ diffId, digest, sizeBytes, entries }) => ({ diffId, digest, sizeBytes, members: entries })),
    );

    const inspection = await inspectImage(output, { temporaryDirectory: tmpdir() });
    expect(inspection.findings).toEqual([]);
    expect(inspection.images[0]).toMatchObject({ image: built.image, manifest: built.manifest });
    expect(
      inspection.images[0]!.layers.map(({ diffId, entries, sizeBytes }) => ({ diffId, entries, sizeBytes })),
    ).toEqual(built.layers.map(({ diffId, entries, sizeBytes }) => ({ diffId, entries, sizeBytes })));
  });

  test('has the same findings with either engine, as a stream and on a second reading', async () => {
    const directory = scratchDirectory();
    const output = join(directory, 'image.tar');
    await buildImage({ ...ITEMS, dialect: 'guix', output }, { cwd: directory });
    const wasm = await verifyImage(output, { hashEngine: 'wasm' });
    expect(wasm.findings.length).toBeGreaterThan(0);
    expect(await verifyImage(output, { hashEngine: 'native' })).toEqual(wasm);
    const bytes = readFileSync(output);
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
    }
    expect(await verifyImage(chunks(), { temporaryDirectory: tmpdir() })).toEqual(wasm);
  });

  test('stands in a layout with others, of which one can be chosen', async () => {
    const directory = scratchDirectory();
    const output = join(directory, 'layout');
    const first = await buildImage({ ...FILES, tag: ['a:1'], format: 'oci-layout', output }, { cwd: directory });
    const second = await buildImage({ ...ITEMS, format: 'oci-layout', output }, { cwd: directory });
    const both = await verifyImage(output);
    expect(both.findings).toEqual([]);
    expect(both.images.map(({ image }) => image)).toEqual([first.image, second.image]);
    expect((await verifyImage(`${output}:hello:1`)).images.map(({ image }) => image)).toEqual([second.image]);
    expect((await inspectImage(output, { reference: 'a:1' })).images.map(({ image }) => image)).toEqual([first.image]);
    await expect(verifyImage(`${output}:nothing:1`)).rejects.toMatchObject({ code: 'IMAGE_MISSING' });
  });
});

describe('a tar archive that tarseal wrote', () => {
  test.each(['ustar', 'gnu', 'posix'] as const)('of every awkward name, in %s, has no errors', async (format) => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 't'));
    makeAwkwardTree(join(directory, 't'));
    const output = join(directory, 'out.tar');
    await createTar({ members: [{ name: 't' }], format, output }, { cwd: directory });
    const { findings, formats } = await verifyImage(output);
    expect(formats).toEqual(['tar']);
    // A symlink of the tree leads above the root on purpose.
    expect(faults(findings).filter(({ code }) => code !== 'SYMLINK_OUT')).toEqual([]);
  });

  test('within gzip is read as what it is', async () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'a'), 'a');
    const output = join(directory, 'out.tar.gz');
    const { sha256 } = await createTar({ members: [{ name: 'a' }], compression: 'gzip', output }, { cwd: directory });
    const { findings, formats, images } = await verifyImage(output, { temporaryDirectory: tmpdir() });
    expect({ findings, formats }).toEqual({ findings: [], formats: ['tar'] });
    expect(images[0]!.layers).toHaveLength(1);
    // What createTar hashes is the file as it is written.
    expect(images[0]!.layers[0]!.diffId).not.toBe(sha256);
  });
});

test('a layer that has files of the names of documents is a layer', async () => {
  const directory = scratchDirectory();
  for (const [name, content] of [
    ['index.json', '{"name": "an app"}'],
    ['manifest.json', '{"name": "not JSON'],
  ] as const) {
    writeFileSync(join(directory, name), content);
  }
  const output = join(directory, 'layer.tar');
  await createTar({ members: [{ name: 'index.json' }, { name: 'manifest.json' }], output }, { cwd: directory });
  expect(await verifyImage(output)).toMatchObject({ formats: ['tar'], findings: [] });
  expect(await inspectImage(output)).toMatchObject({ formats: ['tar'], findings: [] });
});
