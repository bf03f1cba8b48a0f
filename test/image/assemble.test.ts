import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadHashEngine } from '../../src/digest/index.js';
import { assembleImage, dockerManifestJson, ImageError, indexJson } from '../../src/image/index.js';
import { type ContainerConfig, MEDIA_TYPES, OCI_LAYOUT, OciError, parseReference } from '../../src/oci/index.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { digestOf, hashEngine, layerOf, parseJson, sampleInput, tinyTar } from './samples.js';

const PLATFORM = { os: 'linux', architecture: 'amd64' } as const;

describe('assembleImage', () => {
  test('writes these bytes: the config', () => {
    const { layers } = sampleInput();
    const [a, b] = layers.map(({ diffId }) => diffId);
    expect(new TextDecoder().decode(assembleImage(sampleInput()).configBytes)).toBe(
      '{"architecture":"arm64",' +
        '"config":{"Cmd":["/bin/sh"],"Env":["PATH=/bin"],"Labels":{"org.example":"é"}},' +
        '"created":"1970-01-01T00:00:01Z",' +
        '"history":[{"comment":"/a","created":"1970-01-01T00:00:01Z","created_by":"tarseal build"},' +
        '{"created":"1970-01-01T00:00:01Z","created_by":"tarseal build"}],' +
        `"os":"linux","rootfs":{"diff_ids":["${a}","${b}"],"type":"layers"},"variant":"v8"}`,
    );
  });

  test('writes these bytes: the manifest', () => {
    const { configBytes, manifestBytes } = assembleImage(sampleInput());
    const [a, b] = sampleInput().layers.map(({ diffId }) => diffId);
    const layerType = 'application/vnd.oci.image.layer.v1.tar';
    expect(new TextDecoder().decode(manifestBytes)).toBe(
      '{"annotations":{"org.example":"x"},' +
        `"config":{"digest":"${digestOf(configBytes)}","mediaType":"application/vnd.oci.image.config.v1+json","size":${configBytes.length}},` +
        `"layers":[{"digest":"${a}","mediaType":"${layerType}","size":10240},{"digest":"${b}","mediaType":"${layerType}","size":10240}],` +
        '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}',
    );
  });

  test('its descriptors are of its bytes', () => {
    const image = assembleImage(sampleInput());
    expect(image.configDigest).toBe(digestOf(image.configBytes));
    expect(image.configDescriptor).toStrictEqual({
      mediaType: MEDIA_TYPES.config,
      digest: digestOf(image.configBytes),
      size: image.configBytes.length,
    });
    expect(image.manifestDigest).toBe(digestOf(image.manifestBytes));
    expect(image.manifestDescriptor).toStrictEqual({
      mediaType: MEDIA_TYPES.manifest,
      digest: digestOf(image.manifestBytes),
      size: image.manifestBytes.length,
    });
    expect(image.repoTags).toEqual(['demo:1']);
    expect(parseJson(image.indexBytes)).toMatchObject({ manifests: [{ digest: image.manifestDigest }] });
  });

  test('the hash engine does not show', async () => {
    const wasm = await loadHashEngine('wasm');
    expect(assembleImage(sampleInput({ hashEngine: wasm }))).toStrictEqual(assembleImage(sampleInput()));
  });

  test('the order of keys in what it is given does not show', () => {
    const config: ContainerConfig = { User: 'a', Labels: { b: '1', a: '2' }, Env: ['A=1'] };
    const turned: ContainerConfig = { Env: ['A=1'], Labels: { a: '2', b: '1' }, User: 'a' };
    expect(assembleImage(sampleInput({ config: turned, annotations: { y: '1', x: '2' } }))).toStrictEqual(
      assembleImage(sampleInput({ config, annotations: { x: '2', y: '1' } })),
    );
  });

  test('what is empty is absent, but zero and false are not', () => {
    const config: ContainerConfig = {
      User: '',
      Env: [],
      Cmd: [],
      Labels: {},
      ExposedPorts: {},
      Volumes: {},
      WorkingDir: '',
      Healthcheck: {},
      StopTimeout: 0,
      ArgsEscaped: false,
    };
    const image = assembleImage(sampleInput({ config, annotations: {} }));
    expect(parseJson(image.configBytes)).toMatchObject({ config: {} });
    expect((parseJson(image.configBytes) as { config: object }).config).toStrictEqual({
      StopTimeout: 0,
      ArgsEscaped: false,
    });
    expect(parseJson(image.manifestBytes)).not.toHaveProperty('annotations');
  });

  test('a platform without a variant has no key of it', () => {
    const image = assembleImage(sampleInput({ platform: PLATFORM }));
    expect(parseJson(image.configBytes)).not.toHaveProperty('variant');
    expect(parseJson(image.indexBytes)).toMatchObject({ manifests: [{ platform: PLATFORM }] });
  });

  test('an empty config is written, and no layers are an image', () => {
    const image = assembleImage(sampleInput({ config: {}, layers: [] }));
    expect(parseJson(image.configBytes)).toMatchObject({
      config: {},
      history: [],
      rootfs: { type: 'layers', diff_ids: [] },
    });
    expect(parseJson(image.manifestBytes)).toMatchObject({ layers: [] });
  });

  test('a compressed layer has its diffID in the config and its digest in the manifest', () => {
    const [layer] = sampleInput().layers;
    const digest = digestOf(Uint8Array.of(1));
    const descriptor = { mediaType: MEDIA_TYPES.layerTarGzip, digest, size: 1 };
    const image = assembleImage(sampleInput({ layers: [{ ...layer!, descriptor }] }));
    expect(parseJson(image.configBytes)).toMatchObject({ rootfs: { diff_ids: [layer!.diffId] } });
    expect(parseJson(image.manifestBytes)).toMatchObject({ layers: [descriptor] });
  });

  test('a layer may occur twice; as many histories as diffIDs as layers', () => {
    const anyLayers = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 125 });
    fc.assert(
      fc.property(anyLayers, (letters) => {
        const layers = letters.map((letter) => layerOf(tinyTar(letter), `layer ${letter}`));
        const image = assembleImage(sampleInput({ layers }));
        const config = parseJson(image.configBytes) as {
          history: { created_by: string }[];
          rootfs: { diff_ids: string[] };
        };
        const manifest = parseJson(image.manifestBytes) as { layers: { digest: string }[] };
        expect(config.history.map(({ created_by }) => created_by)).toEqual(letters.map((letter) => `layer ${letter}`));
        expect(config.rootfs.diff_ids).toEqual(layers.map(({ diffId }) => diffId));
        expect(manifest.layers.map(({ digest }) => digest)).toEqual(layers.map(({ diffId }) => diffId));
      }),
      { seed: 10, numRuns: 30 },
    );
  });

  test('the layers of a base come first, and its history is kept', () => {
    const own = sampleInput();
    const below = ['x', 'y'].map((letter) => layerOf(tinyTar(letter), 'below'));
    const compressed = { mediaType: MEDIA_TYPES.layerTarGzip, digest: digestOf(Uint8Array.of(1)), size: 1 };
    const layers = [below[0]!, { diffId: below[1]!.diffId, descriptor: compressed }];
    const history = [
      { created: '2026-01-02T03:04:05.678Z', created_by: 'ADD x', author: 'é', comment: 'a' },
      { created_by: 'ENV A=1', empty_layer: true },
      { created_by: 'ADD y' },
    ];
    const image = assembleImage({ ...own, base: { layers, history } });
    const alone = assembleImage(own);
    const configOf = (bytes: Uint8Array) =>
      parseJson(bytes) as { history: unknown[]; rootfs: { diff_ids: string[] }; [key: string]: unknown };
    const layersOf = (bytes: Uint8Array) => (parseJson(bytes) as { layers: unknown[] }).layers;
    const { history: historyAlone, rootfs, ...others } = configOf(alone.configBytes);
    expect(configOf(image.configBytes)).toEqual({
      ...others,
      history: [...history, ...historyAlone],
      rootfs: { type: 'layers', diff_ids: [below[0]!.diffId, below[1]!.diffId, ...rootfs.diff_ids] },
    });
    expect(layersOf(image.manifestBytes)).toEqual([below[0]!.descriptor, compressed, ...layersOf(alone.manifestBytes)]);
  });

  test('an empty base does not show', () => {
    const base = { layers: [], history: [] };
    expect(assembleImage(sampleInput({ base }))).toStrictEqual(assembleImage(sampleInput()));
  });

  test('counts the layers of a base', () => {
    const [layer] = sampleInput().layers;
    const base = { layers: Array(100).fill(layer), history: [] };
    expect(() => assembleImage(sampleInput({ base, layers: Array(25).fill(layer) }))).not.toThrow();
    expect(() => assembleImage(sampleInput({ base, layers: Array(26).fill(layer) }))).toThrowError(
      'Cannot assemble image: it must have at most 125 layers, and has 126',
    );
  });

  test('refuses 126 layers and takes 125', () => {
    const [layer] = sampleInput().layers;
    expect(() => assembleImage(sampleInput({ layers: Array(125).fill(layer) }))).not.toThrow();
    const call = (): unknown => assembleImage(sampleInput({ layers: Array(126).fill(layer) }));
    expect(call).toThrowError(ImageError);
    expect(call).toThrowError(
      expect.objectContaining({
        code: 'IMAGE_TOO_MANY_LAYERS',
        message: 'Cannot assemble image: it must have at most 125 layers, and has 126',
      }),
    );
  });

  test('refuses a time that has no four-digit year', () => {
    expect(() => assembleImage(sampleInput({ createdSeconds: 253_402_300_800 }))).toThrowError(OciError);
  });
});

describe('indexJson', () => {
  const manifest = { mediaType: MEDIA_TYPES.manifest, digest: digestOf(new Uint8Array(0)), size: 7 };
  const described = { ...manifest, platform: PLATFORM };

  test('without tags is one descriptor without a name', () => {
    expect(new TextDecoder().decode(indexJson({ manifest, platform: PLATFORM, tags: [] }))).toBe(
      '{"manifests":[{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",' +
        '"mediaType":"application/vnd.oci.image.manifest.v1+json",' +
        '"platform":{"architecture":"amd64","os":"linux"},"size":7}],' +
        '"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}',
    );
  });

  test('has one descriptor a tag, in their order, and a tag that is given twice once', () => {
    const tags = ['b:2', 'localhost:5000/a', 'b:1', 'docker.io/library/b:2'].map(parseReference);
    expect(parseJson(indexJson({ manifest, platform: PLATFORM, tags }))).toStrictEqual({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.index,
      manifests: [
        ['2', 'docker.io/library/b:2'],
        ['latest', 'localhost:5000/a:latest'],
        ['1', 'docker.io/library/b:1'],
      ].map(([tag, name]) => ({
        ...described,
        annotations: { 'org.opencontainers.image.ref.name': tag, 'io.containerd.image.name': name },
      })),
    });
  });
});

test('dockerManifestJson lists a layer that occurs twice twice, and a tag once', () => {
  const bytes = dockerManifestJson({ configPath: 'c', repoTags: ['a:1', 'b:1', 'a:1'], layerPaths: ['x', 'y', 'x'] });
  expect(new TextDecoder().decode(bytes)).toBe('[{"Config":"c","Layers":["x","y","x"],"RepoTags":["a:1","b:1"]}]');
});

describe('a layout of these bytes', () => {
  clientTest('skopeo')('is read by skopeo as OCI and as docker-archive', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tarseal-image-'));
    try {
      const tars = ['a', 'b', 'a'].map(tinyTar);
      const tags = ['demo:1', 'localhost:5000/team/demo:2'].map(parseReference);
      const image = assembleImage(sampleInput({ layers: tars.map((tar) => layerOf(tar, 'test')), tags, hashEngine }));
      const pathOf = (bytes: Uint8Array): string => `blobs/sha256/${digestOf(bytes).slice('sha256:'.length)}`;
      mkdirSync(join(directory, 'blobs/sha256'), { recursive: true });
      for (const blob of [...tars, image.configBytes, image.manifestBytes]) {
        writeFileSync(join(directory, pathOf(blob)), blob);
      }
      writeFileSync(join(directory, 'oci-layout'), JSON.stringify(OCI_LAYOUT));
      writeFileSync(join(directory, 'index.json'), image.indexBytes);
      const layerPaths = tars.map(pathOf);
      const configPath = pathOf(image.configBytes);
      const { repoTags } = image;
      writeFileSync(join(directory, 'manifest.json'), dockerManifestJson({ configPath, repoTags, layerPaths }));
      run('tar', ['-cf', 'image.tar', 'blobs', 'oci-layout', 'index.json', 'manifest.json'], { cwd: directory });

      const config = parseJson(image.configBytes);
      for (const reference of [
        `oci:${directory}:1`,
        `oci:${directory}:2`,
        `oci-archive:${directory}/image.tar:2`,
        `docker-archive:${directory}/image.tar:demo:1`,
        `docker-archive:${directory}/image.tar:localhost:5000/team/demo:2`,
      ]) {
        const raw = run('skopeo', ['inspect', '--config', '--raw', reference]);
        expect(JSON.parse(raw.toString()), reference).toEqual(config);
        const inspected = JSON.parse(run('skopeo', ['inspect', reference]).toString());
        expect(inspected, reference).toMatchObject({
          Architecture: 'arm64',
          Os: 'linux',
          Created: '1970-01-01T00:00:01Z',
          Labels: { 'org.example': 'é' },
          Env: ['PATH=/bin'],
          Layers: tars.map(digestOf),
        });
        if (reference.startsWith('oci')) expect(inspected.Digest).toBe(image.manifestDigest);
        // A copy reads every blob and checks every digest.
        run('skopeo', ['copy', '--quiet', reference, `dir:${directory}/copy`]);
        rmSync(join(directory, 'copy'), { recursive: true });
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
