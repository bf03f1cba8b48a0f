import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import {
  A,
  archiveOf,
  B,
  type Changes,
  digestOf,
  directoryOf,
  dockerFiles,
  fileOf,
  type Json,
  ociFiles,
  TYPES,
} from './made-images.js';
import { expectRefusal, PLATFORM, readBase } from './read-base.js';

describe('the documents', () => {
  const nothing = (): undefined => undefined;
  const cases: readonly (readonly [name: string, changes: Changes, code: string, message: string])[] = [
    [
      'a manifest that is no object',
      { manifest: () => [] },
      'BASE_INVALID',
      'it must be an object, and is another value',
    ],
    [
      'a manifest of version 1',
      { manifest: (m) => ({ ...m, schemaVersion: 1 }) },
      'BASE_INVALID',
      '.schemaVersion: it must be 2, and is 1',
    ],
    [
      'a manifest that calls itself an index',
      { manifest: (m) => ({ ...m, mediaType: TYPES.index }) },
      'BASE_INVALID',
      '.mediaType: it must be that of an image manifest',
    ],
    [
      'layers that are no array',
      { manifest: (m) => ({ ...m, layers: {} }) },
      'BASE_INVALID',
      '.layers: it must be an array',
    ],
    [
      'a layer too few',
      { manifest: (m) => ({ ...m, layers: m.layers.slice(1) }) },
      'BASE_INVALID',
      'its config must have 1 diff_ids, one for each layer, and has 2',
    ],
    [
      'a layer too many',
      { manifest: (m) => ({ ...m, layers: [...m.layers, m.layers[0]] }) },
      'BASE_INVALID',
      'its config must have 3 diff_ids, one for each layer, and has 2',
    ],
    [
      'layers in another order',
      { manifest: (m) => ({ ...m, layers: m.layers.toReversed() }) },
      'BASE_DIGEST',
      'uncompressed must be',
    ],
    [
      'a size of 2^60',
      { manifest: (m) => ({ ...m, layers: [{ ...m.layers[0], size: 2 ** 60 }, m.layers[1]] }) },
      'BASE_INVALID',
      '.layers[0].size: it must be an integer from 0, and is 1152921504606847000',
    ],
    [
      'a negative size',
      { manifest: (m) => ({ ...m, config: { ...m.config, size: -1 } }) },
      'BASE_INVALID',
      '.config.size: it must be an integer from 0, and is -1',
    ],
    [
      'another size',
      { manifest: (m) => ({ ...m, layers: [{ ...m.layers[0], size: 7 }, m.layers[1]] }) },
      'BASE_DIGEST',
      'must be 7, and is 2560',
    ],
    [
      'a digest of sha512',
      { manifest: (m) => ({ ...m, config: { ...m.config, digest: `sha512:${'0'.repeat(128)}` } }) },
      'BASE_UNSUPPORTED',
      'only sha256 digests are supported, and it is "sha512:000',
    ],
    [
      'a digest that is a path',
      { manifest: (m) => ({ ...m, config: { ...m.config, digest: 'sha256:../../../etc/passwd' } }) },
      'BASE_INVALID',
      'it must be "sha256:" and 64 lower-case hexadecimal digits',
    ],
    [
      'a digest in capitals',
      { manifest: (m) => ({ ...m, config: { ...m.config, digest: m.config.digest.toUpperCase() } }) },
      'BASE_INVALID',
      'it must be "sha256:" and 64 lower-case',
    ],
    [
      'no digest',
      { manifest: (m) => ({ ...m, config: { ...m.config, digest: undefined } }) },
      'BASE_INVALID',
      '.config.digest: it must be a string, and is absent',
    ],
    [
      'a zstd layer',
      { manifest: (m) => ({ ...m, layers: m.layers.map((l: Json) => ({ ...l, mediaType: `${TYPES.tar}+zstd` })) }) },
      'BASE_UNSUPPORTED',
      'must be a tar or a tar+gzip, and is "application/vnd.oci.image.layer.v1.tar+zstd"',
    ],
    [
      'an encrypted layer',
      {
        manifest: (m) => ({
          ...m,
          layers: m.layers.map((l: Json) => ({ ...l, mediaType: `${TYPES.gzip}+encrypted` })),
        }),
      },
      'BASE_UNSUPPORTED',
      '+gzip+encrypted"',
    ],
    [
      'a layer that must not be distributed',
      {
        manifest: (m) => ({
          ...m,
          layers: m.layers.map((l: Json) => ({
            ...l,
            mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
          })),
        }),
      },
      'BASE_UNSUPPORTED',
      'nondistributable.v1.tar"',
    ],
    [
      'an artifact',
      { manifest: (m) => ({ ...m, config: { ...m.config, mediaType: 'application/vnd.example+json' } }) },
      'BASE_INVALID',
      'it must hold an image, and holds none',
    ],
    ['a config that is no object', { config: () => 'x' }, 'BASE_INVALID', 'it must be an object, and is "x"'],
    [
      'a config without os',
      { config: (c) => ({ ...c, os: undefined }) },
      'BASE_INVALID',
      '.os: it must be a string, and is absent',
    ],
    [
      'a config without rootfs',
      { config: (c) => ({ ...c, rootfs: undefined }) },
      'BASE_INVALID',
      '.rootfs: it must be an object',
    ],
    [
      'another rootfs',
      { config: (c) => ({ ...c, rootfs: { ...c.rootfs, type: 'x' } }) },
      'BASE_INVALID',
      '.rootfs.type: it must be "layers", and is "x"',
    ],
    [
      'a diffID that is none',
      { config: (c) => ({ ...c, rootfs: { ...c.rootfs, diff_ids: ['x', 'y'] } }) },
      'BASE_INVALID',
      '.rootfs.diff_ids[0]: it must be "sha256:"',
    ],
    [
      'other diffIDs',
      { config: (c) => ({ ...c, rootfs: { ...c.rootfs, diff_ids: [digestOf(''), digestOf('')] } }) },
      'BASE_DIGEST',
      `layer 1 (${digestOf(A)}) uncompressed must be ${digestOf('')}, and is ${digestOf(A)}`,
    ],
    [
      'a short history',
      { config: (c) => ({ ...c, history: [{}] }) },
      'BASE_INVALID',
      'its history must have 2 entries that are no empty layers, and has 1',
    ],
    [
      'a history of empty layers',
      { config: (c) => ({ ...c, history: [{ empty_layer: true }] }) },
      'BASE_INVALID',
      'its history must have 2 entries that are no empty layers, and has 0',
    ],
    [
      'a history of texts',
      { config: (c) => ({ ...c, history: ['x', 'y'] }) },
      'BASE_INVALID',
      '.history[0]: it must be an object',
    ],
    [
      'a history of numbers',
      { config: (c) => ({ ...c, history: [{ created: 1 }, {}] }) },
      'BASE_INVALID',
      '.history[0].created: it must be a string, and is 1',
    ],
    [
      'an empty_layer that is text',
      { config: (c) => ({ ...c, history: [{ empty_layer: 'true' }, {}] }) },
      'BASE_INVALID',
      '.history[0].empty_layer: it must be true or false',
    ],
    [
      'a wrong type in the config',
      { config: (c) => ({ ...c, config: { Env: 'PATH=/bin' } }) },
      'BASE_INVALID',
      '.config.Env: it must be an array of strings',
    ],
    [
      'half a surrogate pair',
      { config: (c) => ({ ...c, history: [{ comment: '\ud800' }, {}] }) },
      'BASE_INVALID',
      '.history[0].comment: it must be a string without lone surrogates',
    ],
    [
      'an index of another kind',
      { index: (i) => ({ ...i, mediaType: TYPES.manifest }) },
      'BASE_INVALID',
      'index.json.mediaType: it must be that of an image index',
    ],
    [
      'an index without manifests',
      { index: (i) => ({ ...i, manifests: nothing() }) },
      'BASE_INVALID',
      'index.json.manifests: it must be an array',
    ],
    [
      'an empty index',
      { index: (i) => ({ ...i, manifests: [] }) },
      'BASE_INVALID',
      'it must hold an image, and holds none',
    ],
    [
      'an annotation that is a number',
      { index: (i) => ({ ...i, manifests: [{ ...i.manifests[0], annotations: { a: 1 } }] }) },
      'BASE_INVALID',
      'index.json.manifests[0].annotations.a: it must be a string',
    ],
  ];

  test.each(cases)('with %s are refused', async (_name, changes, code, message) => {
    await expectRefusal(fileOf(archiveOf(ociFiles([A, B], changes))), code, message);
    await expectRefusal(directoryOf(ociFiles([A, B], changes)), code, message);
  });

  test.each(cases.filter(([, { config }]) => config !== undefined))(
    'with %s are refused in a docker-archive',
    async (_name, { config }, code, message) => {
      const expected = message.replace(/^layer 1.*uncompressed/, 'uncompressed');
      await expectRefusal(fileOf(archiveOf(dockerFiles([A, B], { config: config! }))), code, expected);
    },
  );

  test.each<[name: string, manifest: (manifest: Json) => Json, message: string]>([
    ['no array', () => ({}), 'manifest.json: it must be an array, and is another value'],
    ['an empty array', () => [], 'it must hold an image, and holds none'],
    [
      'an entry without Config',
      ([{ Config, ...entry }]) => [entry],
      'manifest.json[0].Config: it must be a string, and is absent',
    ],
    [
      'a layer that is a number',
      ([entry]) => [{ ...entry, Layers: [1] }],
      'manifest.json[0].Layers[0]: it must be a string, and is 1',
    ],
    [
      'a layer too few',
      ([entry]) => [{ ...entry, Layers: [] }],
      'its config must have 0 diff_ids, one for each layer, and has 1',
    ],
  ])('with a manifest.json that has %s are refused', async (_name, manifest, message) => {
    await expectRefusal(fileOf(archiveOf(dockerFiles([A], { manifest }))), 'BASE_INVALID', message);
  });

  test.each<[name: string, text: string | Buffer, message: string]>([
    ['no JSON', '{', 'Cannot read index.json: it must be JSON in UTF-8, and is not'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'Cannot read index.json: it must be JSON in UTF-8, and is not'],
    ['JSON with a byte order mark', '\ufeff{}', 'Cannot read index.json: it must be JSON in UTF-8, and is not'],
    ['JSON of great depth', '['.repeat(1_000_000), 'index.json: it must'],
    [
      'JSON of great depth that is whole',
      `${'['.repeat(500_000)}${']'.repeat(500_000)}`,
      'index.json: it must be an object, and is another value',
    ],
    [
      'JSON of more than 4 MiB',
      `{"x":"${'x'.repeat(4 << 20)}"}`,
      '"index.json" must have at most 4194304 bytes, and has 4194312',
    ],
  ])('that are %s are refused', async (_name, text, message) => {
    const files = ociFiles([A]);
    files.set('index.json', Buffer.from(text as string));
    await expectRefusal(fileOf(archiveOf(files)), 'BASE_INVALID', message);
  });

  test('may be deep where nothing is read', async () => {
    const depth = 200_000;
    const withDeep = (document: Json): Buffer =>
      Buffer.from(JSON.stringify(document).replace('"DEEP"', `${'['.repeat(depth)}${']'.repeat(depth)}`));
    const path = fileOf(archiveOf(ociFiles([A], { config: (c) => withDeep({ ...c, x: 'DEEP' }) })));
    expect((await readBase(path)).layers).toHaveLength(1);
    await expectRefusal(
      fileOf(archiveOf(ociFiles([A], { config: (c) => withDeep({ ...c, config: { Env: 'DEEP' } }) }))),
      'BASE_INVALID',
      '.config.Env[0]: it must be a string',
    );
  });

  test('are refused when they are too large together, though each is read for another image', async () => {
    const manifest = ([entry]: Json): Json => Array.from({ length: 70 }, (_, at) => ({ ...entry, Layers: [`${at}`] }));
    const config = (c: Json): Json => ({ ...c, architecture: 'arm64', x: 'x'.repeat(4_190_000) });
    await expectRefusal(
      fileOf(archiveOf(dockerFiles([A], { manifest, config }))),
      'BASE_INVALID',
      'its documents must have at most 268435456 bytes, and have more',
    );
  });

  test('are cut in messages', async () => {
    const path = fileOf(archiveOf(dockerFiles([A], { manifest: ([e]) => [{ ...e, Config: 'x'.repeat(100_000) }] })));
    const error: Error = await readBase(path).catch((reason) => reason);
    expect(error.message).toMatch(/must have a file "x{300}…", and has none$/);
  });

  test('of a key that stands twice take the last, as Go does, and a key called __proto__ is one', async () => {
    const files = ociFiles([A]);
    const index = files.get('index.json')!.toString();
    files.set('index.json', Buffer.from(`{"manifests":[],"__proto__":{"schemaVersion":1},${index.slice(1)}`));
    expect((await readBase(fileOf(archiveOf(files)))).layers).toHaveLength(1);
    files.set('index.json', Buffer.from(`${index.slice(0, -1)},"manifests":[]}`));
    await expectRefusal(fileOf(archiveOf(files)), 'BASE_INVALID', 'it must hold an image, and holds none');
    const inherited = Buffer.from(`{"__proto__":${index}}`);
    files.set('index.json', inherited);
    await expectRefusal(
      fileOf(archiveOf(files)),
      'BASE_INVALID',
      'index.json.schemaVersion: it must be 2, and is absent',
    );
  });

  test('may be those of Docker, with nulls', async () => {
    const image = await readBase(
      fileOf(
        archiveOf(
          ociFiles([A, B], {
            manifest: (m) => ({
              ...m,
              mediaType: TYPES.dockerManifest,
              config: { ...m.config, mediaType: TYPES.dockerConfig, annotations: null },
              // Docker's manifests call every layer compressed.
              layers: m.layers.map((layer: Json) => ({ ...layer, mediaType: TYPES.dockerGzip, platform: null })),
            }),
            config: (c) => ({ ...c, variant: '', history: null, config: null, container_config: { Env: 'x' } }),
            index: (i) => ({
              ...i,
              mediaType: TYPES.dockerList,
              manifests: i.manifests.map((m: Json) => ({ ...m, mediaType: TYPES.dockerManifest })),
            }),
          }),
        ),
      ),
    );
    expect(image.layers.map(({ mediaType }) => mediaType)).toEqual([TYPES.tar, TYPES.gzip]);
    expect(image.config).toEqual({});
    expect(image.history).toEqual([
      { created_by: 'layer of the base image' },
      { created_by: 'layer of the base image' },
    ]);
    expect(image.platform).toEqual(PLATFORM);
  });

  test('keep their history, empty layers included', async () => {
    const history = [
      { created: '2026-01-02T03:04:05.123456789Z', created_by: 'ADD a', author: 'ü', comment: 'c' },
      { created_by: 'ENV X=1', empty_layer: true },
      { created_by: 'ADD b', empty_layer: false },
      { comment: '', empty_layer: true },
    ];
    const image = await readBase(
      fileOf(
        archiveOf(
          ociFiles([A, B], {
            config: (c) => ({ ...c, history: history.map((entry) => ({ ...entry, unknown: [1] })) }),
          }),
        ),
      ),
    );
    expect(image.history).toEqual(history);
  });

  test('of an image without layers are an image', async () => {
    const image = await readBase(fileOf(archiveOf(ociFiles([]))));
    expect(image).toMatchObject({ layers: [], history: [] });
    expect(image.files.get('' as ByteString)).toMatchObject({ type: 'directory' });
  });

  test.each([
    [127, undefined],
    [128, 'it must have at most 127 layers, and has 128'],
    [200, 'it must have at most 127 layers, and has 200'],
  ])('with %i layers', async (count, message) => {
    const path = fileOf(archiveOf(ociFiles(Array(count).fill(A))));
    if (message === undefined) expect((await readBase(path)).layers).toHaveLength(count);
    else await expectRefusal(path, 'BASE_INVALID', message);
  });
});
