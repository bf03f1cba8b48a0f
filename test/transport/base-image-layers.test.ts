import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { rawArchive, rawMember } from '../support/raw-tar.js';
import { A, archiveOf, B, digestOf, directoryOf, fileOf, layerTar, ociFiles } from './made-images.js';
import { bytesOf, expectRefusal, readBase } from './read-base.js';

describe('layers', () => {
  const image = (...layers: Buffer[]): string => fileOf(archiveOf(ociFiles(layers)));

  test.each<[name: string, layer: Buffer, code: string, message: string]>([
    ['no tar', Buffer.alloc(1024, 'x'), 'BASE_INVALID', 'Cannot read tar header at byte 0'],
    ['gzip of no tar', gzipSync(Buffer.alloc(1024, 'x')), 'BASE_INVALID', 'Cannot read tar header at byte 0'],
    ['cut', A.subarray(0, -2000), 'BASE_INVALID', 'Cannot read tar archive: it ends at byte 560'],
    ['cut gzip', B.subarray(0, -9), 'BASE_INVALID', 'Cannot read gzip file: it must have a whole member at byte 0'],
    [
      'gzip and more',
      Buffer.concat([B, Buffer.from('x')]),
      'BASE_INVALID',
      'after its last member there must be nothing or zeros',
    ],
    [
      'zstd',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]),
      'BASE_UNSUPPORTED',
      'must be uncompressed or gzip, and is zstd',
    ],
    [
      'sparse',
      rawArchive(rawMember({ typeflag: 'S', magic: 'ustar  \0' })),
      'BASE_UNSUPPORTED',
      'sparse members are not supported',
    ],
    [
      'with ..',
      layerTar('a/../../b'),
      'BASE_INVALID',
      'its layer 1 has a member "a/../../b" whose name must have no ".."',
    ],
    ['with a file as root', layerTar('.'), 'BASE_INVALID', 'that must be a directory, for it is the root'],
    [
      'with a name of 5000',
      rawArchive(rawMember({ typeflag: 'L' }, 'n/'.repeat(2500)), rawMember({})),
      'BASE_INVALID',
      'whose name must have at most 4096 bytes',
    ],
    [
      'with a target of 5000',
      rawArchive(rawMember({ typeflag: 'K' }, 'n/'.repeat(2500)), rawMember({ typeflag: '2' })),
      'BASE_INVALID',
      'whose target must have at most 4096 bytes',
    ],
    ['below a file', layerTar('a', 'a/b'), 'BASE_INVALID', 'its layer 1 has a member "a/b" below what is no directory'],
    [
      'below a loop of symlinks',
      layerTar({ name: 'a', typeflag: '2', linkname: 'b' }, { name: 'b', typeflag: '2', linkname: 'a' }, 'a/x'),
      'BASE_INVALID',
      'has a member "a/x" below more than 40 symlinks',
    ],
    ['that hides no name', layerTar('d/.wh.'), 'BASE_INVALID', 'has a member "d/.wh." that hides no name'],
    ['that hides ..', layerTar('d/.wh...'), 'BASE_INVALID', 'that hides no name'],
  ])('that are %s are refused', async (_name, layer, code, message) => {
    await expectRefusal(image(A, layer), code, message.replace('layer 1', 'layer 2'));
  });

  test.each<[name: string, layers: readonly (readonly string[])[], shown: readonly string[]]>([
    ['a name', [['d/a', 'd/b'], ['d/.wh.a']], ['d', 'd/b']],
    ['a directory', [['d/e/a', 'd/b'], ['d/.wh.e']], ['d', 'd/b']],
    [
      'a name that comes again, before or after',
      [
        ['a', 'b'],
        ['.wh.a', 'a', 'b', '.wh.b'],
      ],
      ['a', 'b'],
    ],
    [
      'all below',
      [
        ['d/a', 'd/e/b', 'c'],
        ['d/c', 'd/.wh..wh..opq', 'd/e/'],
      ],
      ['c', 'd', 'd/c', 'd/e'],
    ],
    ['a directory that comes again', [['d/a'], ['d/', 'd/.wh..wh..opq', '.wh.d']], ['d']],
    ['nothing', [['a'], ['.wh.b', 'c/.wh.d', 'a/.wh.x', '.wh..wh.aufs', '.wh..wh.plnk/x']], ['a', 'c']],
    ['a hidden name of a layer above', [['a'], ['.wh.a'], ['a']], ['a']],
  ])('hide %s', async (_name, layers, shown) => {
    const { files } = await readBase(image(...layers.map((names) => layerTar(...names))));
    const paths = ['a', 'b', 'c', 'd', 'd/a', 'd/b', 'd/c', 'd/e', 'd/e/a', 'd/e/b', 'c/.wh.d', '.wh.a', '.wh.b'];
    expect(paths.filter((path) => files.get(path as ByteString) !== undefined)).toEqual(shown);
  });

  test('that are bombs are refused by their size', async () => {
    const bomb = gzipSync(rawArchive(rawMember({ name: 'zeros' }, Buffer.alloc(40_000_000))));
    expect(bomb.length).toBeLessThan(50_000);
    await expectRefusal(image(bomb), 'BASE_INVALID', 'must have at most 1000000 bytes uncompressed, and has more', {
      limits: { maxTarSizeBytes: 1_000_000 },
    });
    expect((await readBase(image(bomb))).layers).toHaveLength(1);
  });

  test('that have too many members, those included that names imply, are refused', async () => {
    const limits = { maxMembers: 5 };
    expect((await readBase(image(A, B), { limits })).layers).toHaveLength(2);
    await expectRefusal(image(A, B, B), 'BASE_INVALID', 'its layers must have at most 5 members, and have more', {
      limits,
    });
    await expectRefusal(
      image(layerTar('a/b/c/d/e/f')),
      'BASE_INVALID',
      'its layers must have at most 5 members, and have more',
      { limits },
    );
  });

  test('may end without zeros, or be nothing', async () => {
    expect((await readBase(image(A.subarray(0, -1024), Buffer.alloc(0)))).layers.map(({ members }) => members)).toEqual(
      [3, 0],
    );
  });

  test('that change after they were read are not passed on', async () => {
    const files = ociFiles([A, B]);
    for (const path of [fileOf(archiveOf(files)), directoryOf(files)]) {
      const base = await readBase(path);
      const stored = path.endsWith('layout') ? join(path, 'blobs/sha256', digestOf(A).slice(7)) : path;
      const bytes = readFileSync(stored);
      const changed = Buffer.from(bytes);
      changed[bytes.indexOf(A) + 600]! ^= 1;
      writeFileSync(stored, changed);
      await expect(bytesOf(base.layers[0]!)).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
        data: { first: digestOf(A) },
      });
      writeFileSync(stored, bytes);
      expect((await bytesOf(base.layers[0]!)).equals(A)).toBe(true);
      truncateSync(stored, 100);
      await expect(bytesOf(base.layers[0]!)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    }
  });

  test('are not read when the build is aborted', async () => {
    const controller = new AbortController();
    controller.abort();
    for (const path of [image(A), fileOf(gzipSync(archiveOf(ociFiles([A])))), directoryOf(ociFiles([A]))]) {
      await expect(readBase(path, { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    }
  });
});
