import { describe, expect, test } from 'vitest';
import type { BaseImage } from '../../src/transport/index.js';
import {
  A,
  addBlob,
  addImage,
  addIndex,
  archiveOf,
  type Changes,
  digestOf,
  dockerFiles,
  type Files,
  fileOf,
  type Json,
  layerTar,
  TYPES,
} from './made-images.js';
import { expectRefusal, PLATFORM, readBase } from './read-base.js';

describe('several images', () => {
  const named = (name: string, full?: string): object => ({
    annotations: { 'org.opencontainers.image.ref.name': name, ...(full ? { 'io.containerd.image.name': full } : {}) },
  });
  const ofPlatform = (architecture: string, variant?: string): Changes => ({
    config: (c) => ({ ...c, architecture, ...(variant ? { variant } : {}) }),
  });
  const LAYERS = ['a', 'b', 'c', 'd'].map((name) => layerTar(name));

  function layerOf({ layers }: BaseImage): number {
    return LAYERS.findIndex((layer) => digestOf(layer) === layers[0]!.digest);
  }

  test('are told apart by tag and full name', async () => {
    const files: Files = new Map();
    const path = fileOf(
      archiveOf(
        addIndex(files, [
          addImage(files, [LAYERS[0]!], {}, named('1', 'docker.io/library/first:1')),
          addImage(files, [LAYERS[1]!], {}, named('2', 'docker.io/library/first:2')),
          addImage(files, [LAYERS[2]!], {}, named('2', 'ghcr.io/team/second:2')),
          addImage(files, [LAYERS[3]!], {}, named('localhost/podman:3')),
        ]),
      ),
    );
    for (const [reference, expected] of [
      ['1', 0],
      ['first:1', 0],
      ['docker.io/library/first:2', 1],
      ['docker.io/first:2', 1],
      ['ghcr.io/team/second:2', 2],
      ['localhost/podman:3', 3],
    ] as const) {
      expect(layerOf(await readBase(path, { reference })), reference).toBe(expected);
    }
    await expectRefusal(
      path,
      'BASE_AMBIGUOUS',
      'it must hold one image of linux/amd64 of the name "2", and holds 2: "docker.io/library/first:2", "2", "ghcr.io/team/second:2"',
      { reference: '2' },
    );
    await expectRefusal(
      path,
      'BASE_AMBIGUOUS',
      'it must hold one image of linux/amd64, and holds 4: "docker.io/library/first:1"',
    );
    for (const reference of ['third', 'First:1', '', '../x', '3']) {
      await expectRefusal(
        path,
        'BASE_MISSING',
        `it must hold an image of the name "${reference}", and holds "docker.io/library/first:1"`,
        { reference },
      );
    }
  });

  test('of one digest are one', async () => {
    const files: Files = new Map();
    const descriptor = addImage(files, [LAYERS[0]!]);
    const path = fileOf(
      archiveOf(addIndex(files, [{ ...descriptor, ...named('1') }, { ...descriptor, ...named('2') }, descriptor])),
    );
    for (const reference of [undefined, '1', '2']) expect(layerOf(await readBase(path, { reference }))).toBe(0);
  });

  test('are told apart by platform, in the descriptor or in the config', async () => {
    for (const more of [{}, { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } }]) {
      const files: Files = new Map();
      const path = fileOf(
        archiveOf(
          addIndex(files, [
            addImage(files, [LAYERS[0]!], ofPlatform('amd64')),
            addImage(files, [LAYERS[1]!], ofPlatform('arm64', 'v8'), more),
            addImage(files, [LAYERS[2]!], ofPlatform('arm', 'v6')),
            addImage(files, [LAYERS[3]!], ofPlatform('arm', 'v7')),
          ]),
        ),
      );
      const platform = (architecture: string, variant?: string) => ({
        platform: { os: 'linux', architecture, ...(variant ? { variant } : {}) },
      });
      expect(layerOf(await readBase(path))).toBe(0);
      expect(layerOf(await readBase(path, platform('amd64', 'v2')))).toBe(0);
      const arm64 = await readBase(path, platform('arm64'));
      expect([layerOf(arm64), arm64.platform]).toEqual([1, { os: 'linux', architecture: 'arm64', variant: 'v8' }]);
      expect(layerOf(await readBase(path, platform('arm', 'v7')))).toBe(3);
      await expectRefusal(path, 'BASE_AMBIGUOUS', 'it must hold one image of linux/arm, and holds 2', platform('arm'));
      await expectRefusal(
        path,
        'BASE_PLATFORM',
        'its platform must be linux/arm/v8, and is linux/amd64, linux/arm64/v8, linux/arm/v6, linux/arm/v7',
        platform('arm', 'v8'),
      );
      await expectRefusal(
        path,
        'BASE_PLATFORM',
        'its platform must be linux/riscv64 (the default; --platform OS/ARCH[/VARIANT] states it), and is linux/amd64',
        { ...platform('riscv64'), platformIsDefault: true },
      );
    }
  });

  test('are told apart by an exact variant first', async () => {
    const files: Files = new Map();
    const path = fileOf(
      archiveOf(
        addIndex(files, [
          addImage(files, [LAYERS[0]!], ofPlatform('arm64')),
          addImage(files, [LAYERS[1]!], ofPlatform('arm64', 'v8')),
        ]),
      ),
    );
    const arm64 = { os: 'linux', architecture: 'arm64' };
    expect(layerOf(await readBase(path, { platform: arm64 }))).toBe(0);
    expect(layerOf(await readBase(path, { platform: { ...arm64, variant: 'v8' } }))).toBe(1);
    expect(layerOf(await readBase(path, { platform: { ...arm64, variant: 'v9' } }))).toBe(0);
  });

  test('whose descriptor lies about the platform are refused by their config', async () => {
    const files: Files = new Map();
    const descriptor = addImage(files, [A], ofPlatform('arm64'), { platform: PLATFORM });
    await expectRefusal(
      fileOf(archiveOf(addIndex(files, [descriptor]))),
      'BASE_PLATFORM',
      'its platform must be linux/amd64, and is linux/arm64',
    );
  });

  test('in indexes of indexes are found, whose other blobs need not be there', async () => {
    const files: Files = new Map();
    const wanted = addImage(files, [LAYERS[0]!], {}, { platform: PLATFORM });
    const absent = { ...wanted, digest: digestOf('absent'), platform: { os: 'linux', architecture: 's390x' } };
    const attestation = addBlob(files, { not: 'an image' }, TYPES.manifest, {
      platform: { os: 'unknown', architecture: 'unknown' },
    });
    const signature = addBlob(files, Buffer.from('x'), 'application/vnd.example.signature', { platform: PLATFORM });
    const reference = addBlob(files, { not: 'an image' }, TYPES.manifest, {
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    });
    let nested = addBlob(
      files,
      { schemaVersion: 2, mediaType: TYPES.index, manifests: [absent, attestation, wanted, signature, reference] },
      TYPES.index,
      named('inner'),
    );
    for (let depth = 1; depth <= 5; depth++) {
      const path = fileOf(archiveOf(addIndex(new Map(files), [{ ...nested, ...named('outer') }])));
      if (depth <= 4) {
        for (const name of ['inner', 'outer', undefined]) {
          if (depth === 1 && name === 'inner') continue;
          expect(layerOf(await readBase(path, { reference: name }))).toBe(0);
        }
      } else
        await expectRefusal(
          path,
          'BASE_INVALID',
          'its indexes must be at most 4 deep below index.json, and are deeper',
        );
      nested = addBlob(
        files,
        { schemaVersion: 2, manifests: [nested] },
        TYPES.dockerList,
        depth === 1 ? named('inner') : {},
      );
    }
  });

  test('in indexes that list one another a thousand times are found at once', async () => {
    const files: Files = new Map();
    let inner = addImage(files, [LAYERS[0]!], {}, { platform: PLATFORM });
    for (let depth = 0; depth < 4; depth++) {
      inner = addBlob(files, { schemaVersion: 2, manifests: Array(1000).fill(inner) }, TYPES.index);
    }
    expect(layerOf(await readBase(fileOf(archiveOf(addIndex(new Map(files), Array(1000).fill(inner))))))).toBe(0);
    const names = Array.from({ length: 101 }, (_, at) => ({ ...inner, ...named(`${at}`) }));
    await expectRefusal(
      fileOf(archiveOf(addIndex(new Map(files), names))),
      'BASE_INVALID',
      'its indexes must list at most 100000 descriptors, and list more',
    );
  });

  test('in a docker-archive are told apart by tag and platform', async () => {
    const [first, second, third] = [
      dockerFiles([LAYERS[0]!]),
      dockerFiles([LAYERS[1]!]),
      dockerFiles([LAYERS[2]!], { config: (c) => ({ ...c, architecture: 'arm64' }) }),
    ] as const;
    const entryOf = (files: Files, folder: string, tags: string[] | null): Json => {
      const [entry] = JSON.parse(files.get('manifest.json')!.toString());
      return {
        Config: `${folder}${entry.Config}`,
        RepoTags: tags,
        Layers: entry.Layers.map((path: string) => `${folder}${path}`),
      };
    };
    const moved = (files: Files, folder: string) =>
      [...files]
        .filter(([name]) => name !== 'manifest.json')
        .map(([name, bytes]) => [`${folder}${name}`, bytes] as const);
    const files: Files = new Map([...moved(first, ''), ...moved(second, 'b/'), ...moved(third, 'c/')]);
    files.set(
      'manifest.json',
      Buffer.from(
        JSON.stringify([
          entryOf(first, '', ['one:1', 'localhost:5000/one:1']),
          entryOf(second, 'b/', ['two:1']),
          entryOf(third, 'c/', ['two:1']),
          entryOf(first, '', ['again:latest']),
        ]),
      ),
    );
    const path = fileOf(archiveOf(files));
    for (const [reference, expected] of [
      ['one:1', 0],
      ['localhost:5000/one:1', 0],
      ['again', 0],
      ['two:1', 1],
      ['docker.io/library/two:1', 1],
    ] as const) {
      expect(layerOf(await readBase(path, { reference })), reference).toBe(expected);
    }
    expect(layerOf(await readBase(path, { platform: { os: 'linux', architecture: 'arm64' } }))).toBe(2);
    await expectRefusal(
      path,
      'BASE_AMBIGUOUS',
      'it must hold one image of linux/amd64, and holds 2: "one:1", "localhost:5000/one:1", "again:latest", "two:1"',
    );
    await expectRefusal(path, 'BASE_MISSING', 'it must hold an image of the name "three", and holds "one:1"', {
      reference: 'three',
    });
  });
});
