import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import { loadHashEngine } from '../../src/digest/index.js';
import { type BaseImage, type BaseImageOptions, readBaseImage, TransportError } from '../../src/transport/index.js';
import { missingClients, testUnless } from '../support/clients.js';
import { type RawHeader, rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import {
  addBlob,
  addImage,
  addIndex,
  archiveOf,
  type Changes,
  CONTAINERS,
  configOf,
  digestOf,
  directoryOf,
  dockerFiles,
  type Files,
  fileOf,
  type Json,
  layerTar,
  ociFiles,
  TYPES,
} from './made-images.js';

const engine = await loadHashEngine('native');

const PLATFORM = { os: 'linux', architecture: 'amd64' } as const;

async function read(path: string, options: Partial<BaseImageOptions> = {}): Promise<BaseImage> {
  const temporaryDirectory = encodeUtf8(scratchDirectory());
  const image = await readBaseImage(encodeUtf8(path), {
    engine,
    platform: PLATFORM,
    platformIsDefault: false,
    temporaryDirectory,
    shown: 'base.tar',
    ...options,
  });
  onTestFinished(() => image.close());
  return image;
}

/** @param message what the message must hold, or all of it where it begins with "Cannot" */
async function expectRefusal(
  path: string,
  code: string,
  message: string,
  options: Partial<BaseImageOptions> = {},
): Promise<void> {
  const error = await read(path, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TransportError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  expect((error as Error).message.startsWith('Cannot read base image "base.tar": ')).toBe(true);
}

async function bytesOf(layer: BaseImage['layers'][number]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await layer.source.seal((piece) => void pieces.push(Buffer.from(piece)));
  return Buffer.concat(pieces);
}

const A = layerTar('bin/', 'bin/a', { name: 'link', typeflag: '2', linkname: 'bin' });
const B = gzipSync(layerTar('etc/', 'etc/b'));

describe.each(CONTAINERS)('%s', (name, write) => {
  test('gives config, history and layers as they are', async () => {
    const image = await read(write(ociFiles([A, B, A])));
    expect(image.platform).toEqual(PLATFORM);
    expect(image.config).toEqual({ Env: ['PATH=/bin'], Cmd: ['/bin/sh'] });
    expect(image.history).toEqual(configOf([A, B, A]).history);
    expect(image.layers.map(({ source, ...layer }) => layer)).toEqual([
      { diffId: digestOf(A), digest: digestOf(A), sizeBytes: A.length, mediaType: TYPES.tar, members: 3 },
      { diffId: digestOf(gunzipSync(B)), digest: digestOf(B), sizeBytes: B.length, mediaType: TYPES.gzip, members: 2 },
      { diffId: digestOf(A), digest: digestOf(A), sizeBytes: A.length, mediaType: TYPES.tar, members: 3 },
    ]);
    for (const [index, layer] of [A, B, A].entries()) {
      expect((await bytesOf(image.layers[index]!)).equals(layer)).toBe(true);
      expect(image.layers[index]!.source).toMatchObject({
        tarSizeBytes: layer === B ? gunzipSync(B).length : layer.length,
        storedSizeBytes: layer.length,
        compressed: layer === B,
      });
    }
    expect(image.files.get('etc/b' as ByteString)).toEqual({ type: 'other' });
  });

  test('holds a file that is not what its digest says: refused', async () => {
    const files = ociFiles([A, B]);
    for (const path of files.keys()) {
      if (!path.startsWith('blobs/')) continue;
      // Every eighth byte, and the last.
      const { length } = files.get(path)!;
      for (const at of [0, 9, Math.floor(length / 2), length - 1]) {
        const bytes = Buffer.from(files.get(path)!);
        bytes[at]! ^= 1;
        const expected = `sha256:${path.slice('blobs/sha256/'.length)}`;
        await expectRefusal(
          write(new Map([...files, [path, bytes]])),
          'BASE_DIGEST',
          `must be ${expected}, and is ${digestOf(bytes)}`,
        );
      }
    }
  });

  test('holds a file of another size: refused', async () => {
    const files = ociFiles([A, B]);
    for (const [path, bytes] of files) {
      if (!path.startsWith('blobs/')) continue;
      for (const other of [bytes.subarray(1), Buffer.concat([bytes, Buffer.alloc(512)]), Buffer.alloc(0)]) {
        const path2 = write(new Map([...files, [path, other]]));
        await expect(read(path2)).rejects.toMatchObject({ code: 'BASE_DIGEST' });
      }
    }
  });

  test('lacks a file: refused', async () => {
    const files = ociFiles([A, B]);
    for (const path of files.keys()) {
      const others = new Map([...files].filter(([one]) => one !== path));
      const message = path.startsWith('blobs/')
        ? `it must have the blob sha256:${path.slice('blobs/sha256/'.length)}, and has none`
        : name === 'a directory'
          ? 'a directory must be an OCI layout with "oci-layout" and "index.json", and is none'
          : 'has neither "oci-layout" and "index.json" nor "manifest.json"';
      await expectRefusal(write(others), 'BASE_INVALID', message);
    }
  });
});

describe('a docker-archive', () => {
  test.each([false, true])('gives config, history and layers as they are (within gzip: %s)', async (isPacked) => {
    const archive = archiveOf(dockerFiles([A, B]));
    const image = await read(fileOf(isPacked ? gzipSync(archive) : archive));
    expect(image.layers.map(({ diffId, digest, mediaType }) => ({ diffId, digest, mediaType }))).toEqual([
      { diffId: digestOf(A), digest: digestOf(A), mediaType: TYPES.tar },
      { diffId: digestOf(gunzipSync(B)), digest: digestOf(B), mediaType: TYPES.gzip },
    ]);
    expect((await bytesOf(image.layers[1]!)).equals(B)).toBe(true);
    expect(image.history).toEqual(configOf([A, B]).history);
  });

  test('whose files are not what their digests say is refused', async () => {
    const files = dockerFiles([A, B]);
    for (const [path, bytes] of files) {
      if (path === 'manifest.json') continue;
      const changed = Buffer.from(bytes);
      // A time of a member, or of the gzip header's next byte but one.
      changed[path.endsWith('.json') ? 5 : bytes === A ? 140 : 30]! ^= 1;
      await expect(read(fileOf(archiveOf(new Map([...files, [path, changed]]))))).rejects.toMatchObject({
        code: expect.stringMatching(/^BASE_(?:DIGEST|INVALID)$/),
      });
    }
    const changed = Buffer.from(A);
    changed[600] = 1;
    await expectRefusal(
      fileOf(archiveOf(new Map([...files, [[...files.keys()][0]!, changed]]))),
      'BASE_DIGEST',
      `uncompressed must be ${digestOf(A)}, and is ${digestOf(changed)}`,
    );
  });

  test('is preferred by its index where it has one, and then needs no manifest.json', async () => {
    const files = new Map([...dockerFiles([A]), ...ociFiles([B])]);
    expect((await read(fileOf(archiveOf(files)))).layers.map(({ digest }) => digest)).toEqual([digestOf(B)]);
    files.set('manifest.json', Buffer.from('nonsense'));
    expect((await read(fileOf(archiveOf(files)))).layers).toHaveLength(1);
  });

  test('may call its config as it likes', async () => {
    const files = dockerFiles([A]);
    const [configPath] = [...files.keys()].filter((path) => /^[0-9a-f]{64}\.json$/.test(path));
    files.set('config.json', files.get(configPath!)!);
    files.delete(configPath!);
    files.set(
      'manifest.json',
      Buffer.from(files.get('manifest.json')!.toString().replace(configPath!, './config.json')),
    );
    expect((await read(fileOf(archiveOf(files)))).layers).toHaveLength(1);
  });

  /** An archive whose layer is a link: each header has no content of its own. */
  function withLink(...links: readonly RawHeader[]): string {
    const files = dockerFiles([A], { manifest: ([entry]) => [{ ...entry, Layers: ['LAYER'] }] });
    const members = Array.from(files, ([name, bytes]) =>
      rawMember({ name: name.endsWith('.tar') ? 'real/layer.tar' : name }, bytes),
    );
    return fileOf(rawArchive(...members, ...links.map((link) => rawMember(link))));
  }

  test.each<[name: string, links: readonly RawHeader[]]>([
    ['beside it', [{ name: 'LAYER', typeflag: '2', linkname: 'real/layer.tar' }]],
    ['written at length', [{ name: './LAYER', typeflag: '2', linkname: './other/..//real/./layer.tar' }]],
    [
      'of two steps',
      [
        { name: 'x/y', typeflag: '2', linkname: '../real/layer.tar' },
        { name: 'LAYER', typeflag: '2', linkname: 'x/y' },
      ],
    ],
    ['that is hard', [{ name: 'LAYER', typeflag: '1', linkname: './real/layer.tar' }]],
    [
      'that replaces another',
      [
        { name: 'LAYER', typeflag: '2', linkname: '/etc/passwd' },
        { name: 'LAYER', typeflag: '2', linkname: 'real/layer.tar' },
      ],
    ],
  ])('may have a layer that is a link %s', async (_name, links) => {
    expect((await read(withLink(...links))).layers.map(({ digest }) => digest)).toEqual([digestOf(A)]);
  });

  test.each<[name: string, links: readonly RawHeader[], message: string]>([
    ['a loop', [{ name: 'LAYER', typeflag: '2', linkname: 'LAYER' }], '"LAYER" is a chain of more than 8 links'],
    [
      'a loop of hard links',
      [
        { name: 'LAYER', typeflag: '1', linkname: 'x' },
        { name: 'x', typeflag: '1', linkname: 'LAYER' },
      ],
      'is a chain of more than 8 links',
    ],
    [
      'absolute',
      [{ name: 'LAYER', typeflag: '2', linkname: '/etc/passwd' }],
      'its archive must have a file "LAYER", and has none',
    ],
    [
      'above the root',
      [{ name: 'LAYER', typeflag: '2', linkname: '../../../../etc/passwd' }],
      'must have a file "LAYER", and has none',
    ],
    ['dangling', [{ name: 'LAYER', typeflag: '2', linkname: 'nowhere' }], 'must have a file "LAYER", and has none'],
    ['a directory', [{ name: 'LAYER', typeflag: '5' }], 'must have a file "LAYER", and has none'],
    ['absent', [], 'must have a file "LAYER", and has none'],
  ])('whose layer is %s is refused', async (_name, links, message) => {
    await expectRefusal(withLink(...links), 'BASE_INVALID', message);
  });

  test.each([['../../etc/passwd'], ['/etc/passwd'], ['..'], ['']])(
    'whose manifest names "%s" is refused',
    async (path) => {
      for (const key of ['Config', 'Layers']) {
        const files = dockerFiles([A], {
          manifest: ([entry]) => [{ ...entry, [key]: key === 'Layers' ? [path] : path }],
        });
        await expectRefusal(
          fileOf(archiveOf(files)),
          'BASE_INVALID',
          `its archive must have a file "${path}", and has none`,
        );
      }
    },
  );
});

describe('an archive', () => {
  test.each<[name: string, change: (name: string) => string]>([
    ['a dot and a slash before its names', (name) => `./${name}`],
    ['slashes before its names', (name) => `//${name}`],
    ['dots within its names', (name) => name.replaceAll('/', '/.//')],
  ])('may have %s', async (_name, change) => {
    for (const files of [ociFiles([A, B]), dockerFiles([A, B])]) {
      const renamed = new Map(Array.from(files, ([name, bytes]) => [change(name), bytes]));
      expect((await read(fileOf(archiveOf(renamed)))).layers).toHaveLength(2);
    }
  });

  test('may have a blob twice, of which the last counts', async () => {
    const files = ociFiles([A]);
    const wrong = rawMember({ name: `blobs/sha256/${digestOf(A).slice(7)}` }, Buffer.alloc(A.length));
    expect((await read(fileOf(Buffer.concat([wrong, archiveOf(files)])))).layers).toHaveLength(1);
    const turned = Buffer.concat([archiveOf(files).subarray(0, -1024), wrong, Buffer.alloc(1024)]);
    await expect(read(fileOf(turned))).rejects.toMatchObject({ code: 'BASE_DIGEST' });
  });

  test.each(['index.json', 'oci-layout', 'manifest.json'])('with two %s is refused', async (name) => {
    const files = name === 'manifest.json' ? dockerFiles([A]) : ociFiles([A]);
    const again = rawMember({ name: `./${name}` }, files.get(name)!);
    await expectRefusal(
      fileOf(Buffer.concat([again, archiveOf(files)])),
      'BASE_INVALID',
      `its archive must have one "${name}", and has another at byte `,
    );
  });

  test('that ends early is refused at every block', async () => {
    for (const files of [ociFiles([A, B]), dockerFiles([A, B])]) {
      const archive = archiveOf(files);
      const packed = gzipSync(archive);
      for (let size = 0; size < archive.length - 1024; size += 512) {
        await expect(read(fileOf(archive.subarray(0, size))), `${size} bytes`).rejects.toBeInstanceOf(TransportError);
      }
      for (let size = 0; size < packed.length; size += 97) {
        await expectRefusal(fileOf(packed.subarray(0, size)), 'BASE_INVALID', 'it');
      }
    }
  });

  test.each<[name: string, bytes: Buffer, code: string, message: string]>([
    ['nothing', Buffer.alloc(0), 'BASE_INVALID', 'it must be an OCI archive or a docker-archive'],
    [
      'text',
      Buffer.from('not an image, and longer than a block\n'.repeat(40)),
      'BASE_INVALID',
      'its archive: Cannot read tar header at byte 0',
    ],
    ['a bare layer', A, 'BASE_INVALID', 'it must be an OCI archive or a docker-archive'],
    [
      'text within gzip',
      gzipSync(Buffer.alloc(100_000, 'not a tar ')),
      'BASE_INVALID',
      'its archive: Cannot read tar header at byte 0',
    ],
    [
      'zstd',
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]),
      'BASE_UNSUPPORTED',
      'its archive must be uncompressed or gzip, and is zstd',
    ],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), 'BASE_UNSUPPORTED', 'and is xz'],
    ['bzip2', Buffer.from('BZh91AY&SY', 'latin1'), 'BASE_UNSUPPORTED', 'and is bzip2'],
    [
      'a member of 2^60 bytes',
      rawArchive(rawMember({ name: 'index.json', size: '\x80\0\0\0\x10\0\0\0\0\0\0\0' })),
      'BASE_INVALID',
      'size must be a safe integer',
    ],
    [
      'a member of 2^52 bytes',
      rawArchive(rawMember({ name: 'index.json', size: '\x80\0\0\0\0\x10\0\0\0\0\0\0' })),
      'BASE_INVALID',
      'bytes of a body are missing',
    ],
    [
      'a long name of 2 GiB',
      rawArchive(rawMember({ typeflag: 'L', size: '20000000000' })),
      'BASE_INVALID',
      'must have at most 1048576 bytes',
    ],
  ])('that is %s is refused', async (_name, bytes, code, message) => {
    await expectRefusal(fileOf(bytes), code, message);
  });

  test('within gzip is refused when it is too large, and leaves nothing behind', async () => {
    const bomb = gzipSync(rawArchive(rawMember({ name: 'index.json' }, Buffer.alloc(30_000_000))));
    const scratch = scratchDirectory();
    const options = { temporaryDirectory: encodeUtf8(scratch), limits: { maxArchiveSizeBytes: 1_000_000 } };
    await expectRefusal(
      fileOf(bomb),
      'BASE_INVALID',
      'its archive must have at most 1000000 bytes, and has more',
      options,
    );
    expect(readdirSync(scratch)).toEqual([]);
  });

  test('within gzip needs a temporary directory, and its temporary file has no name', async () => {
    const path = fileOf(gzipSync(archiveOf(ociFiles([A]))));
    await expect(read(path, { temporaryDirectory: undefined })).rejects.toMatchObject({ code: 'SPOOL_MISSING' });
    const scratch = scratchDirectory();
    const image = await read(path, { temporaryDirectory: encodeUtf8(scratch) });
    expect(readdirSync(scratch)).toEqual([]);
    expect((await bytesOf(image.layers[0]!)).equals(A)).toBe(true);
  });
});

describe('a path', () => {
  test('that is not there, or standard input, is refused', async () => {
    await expectRefusal(join(scratchDirectory(), 'x'), 'BASE_MISSING', 'it does not exist');
    await expectRefusal('-', 'BASE_UNSUPPORTED', 'it must be a file or a directory, and is standard input');
    await expectRefusal('/dev/null', 'BASE_INVALID', 'it must be a regular file, and is none');
  });

  test('may be a symlink, but what is in a layout may not', async () => {
    const layout = directoryOf(ociFiles([A]));
    const link = join(scratchDirectory(), 'link');
    symlinkSync(layout, link);
    expect((await read(link)).layers).toHaveLength(1);
    const blob = join(layout, 'blobs/sha256', digestOf(A).slice(7));
    renameSync(blob, `${blob}.moved`);
    symlinkSync(`${blob}.moved`, blob);
    await expectRefusal(layout, 'BASE_INVALID', `its file "blobs/sha256/${digestOf(A).slice(7)}" cannot be read`);
  });

  testUnless(missingClients('mkfifo'))('of a layout may hold no fifo or directory where a file must be', async () => {
    const layout = directoryOf(ociFiles([A]));
    const blob = join(layout, 'blobs/sha256', digestOf(A).slice(7));
    renameSync(blob, `${blob}.moved`);
    execFileSync('mkfifo', [blob]);
    await expectRefusal(layout, 'BASE_INVALID', 'must be a regular file, and is none');
    renameSync(blob, `${blob}.fifo`);
    mkdirSync(blob);
    await expectRefusal(layout, 'BASE_INVALID', 'must be a regular file, and is none');
  });
});

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
      '.layers[0].size: it must be an integer from 0, and is 1152921504606846976',
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
    const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`);
    expect((await read(fileOf(archiveOf(ociFiles([A], { config: (c) => ({ ...c, x: deep }) }))))).layers).toHaveLength(
      1,
    );
    await expectRefusal(
      fileOf(archiveOf(ociFiles([A], { config: (c) => ({ ...c, config: { Env: deep } }) }))),
      'BASE_INVALID',
      '.config.Env[0]: it must be a string',
    );
  });

  test('of a key that stands twice take the last, as Go does, and a key called __proto__ is one', async () => {
    const files = ociFiles([A]);
    const index = files.get('index.json')!.toString();
    files.set('index.json', Buffer.from(`{"manifests":[],"__proto__":{"schemaVersion":1},${index.slice(1)}`));
    expect((await read(fileOf(archiveOf(files)))).layers).toHaveLength(1);
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
    const image = await read(
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
    const image = await read(
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
    const image = await read(fileOf(archiveOf(ociFiles([]))));
    expect(image).toMatchObject({ layers: [], history: [] });
    expect(image.files.get('' as ByteString)).toMatchObject({ type: 'directory' });
  });

  test.each([
    [127, undefined],
    [128, 'it must have at most 127 layers, and has 128'],
    [200, 'it must have at most 127 layers, and has 200'],
  ])('with %i layers', async (count, message) => {
    const path = fileOf(archiveOf(ociFiles(Array(count).fill(A))));
    if (message === undefined) expect((await read(path)).layers).toHaveLength(count);
    else await expectRefusal(path, 'BASE_INVALID', message);
  });
});

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
    ['with a file as root', layerTar('./'.slice(0, 1)), 'BASE_INVALID', 'that must be a directory, for it is the root'],
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
    await expectRefusal(image(A, layer).replace('', ''), code, message.replace('layer 1', 'layer 2'));
  });

  test('that are bombs are refused by their size', async () => {
    const bomb = gzipSync(rawArchive(rawMember({ name: 'zeros' }, Buffer.alloc(40_000_000))));
    expect(bomb.length).toBeLessThan(50_000);
    await expectRefusal(image(bomb), 'BASE_INVALID', 'must have at most 1000000 bytes uncompressed, and has more', {
      limits: { maxTarSizeBytes: 1_000_000 },
    });
    expect((await read(image(bomb))).layers).toHaveLength(1);
  });

  test('that have too many members, or entries, are refused', async () => {
    const limits = { maxMembers: 5 };
    expect((await read(image(A, B), { limits })).layers).toHaveLength(2);
    await expectRefusal(image(A, B, B), 'BASE_INVALID', 'it must have at most 0 members, and has another', { limits });
    await expectRefusal(
      image(layerTar('a/b/c/d/e/f')),
      'BASE_INVALID',
      'its layers must have at most 5 entries, and have more',
      { limits },
    );
  });

  test('may end without zeros, or be nothing', async () => {
    expect((await read(image(A.subarray(0, -1024), Buffer.alloc(0)))).layers.map(({ members }) => members)).toEqual([
      3, 0,
    ]);
  });

  test('that change after they were read are not passed on', async () => {
    const files = ociFiles([A, B]);
    for (const path of [fileOf(archiveOf(files)), directoryOf(files)]) {
      const base = await read(path);
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
      await expect(read(path, { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    }
  });
});

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
      expect(layerOf(await read(path, { reference })), reference).toBe(expected);
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
    for (const reference of [undefined, '1', '2']) expect(layerOf(await read(path, { reference }))).toBe(0);
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
      expect(layerOf(await read(path))).toBe(0);
      expect(layerOf(await read(path, platform('amd64', 'v2')))).toBe(0);
      const arm64 = await read(path, platform('arm64'));
      expect([layerOf(arm64), arm64.platform]).toEqual([1, { os: 'linux', architecture: 'arm64', variant: 'v8' }]);
      expect(layerOf(await read(path, platform('arm', 'v7')))).toBe(3);
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
    expect(layerOf(await read(path, { platform: arm64 }))).toBe(0);
    expect(layerOf(await read(path, { platform: { ...arm64, variant: 'v8' } }))).toBe(1);
    expect(layerOf(await read(path, { platform: { ...arm64, variant: 'v9' } }))).toBe(0);
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
          expect(layerOf(await read(path, { reference: name }))).toBe(0);
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
    expect(layerOf(await read(fileOf(archiveOf(addIndex(new Map(files), Array(1000).fill(inner))))))).toBe(0);
    await expectRefusal(
      fileOf(archiveOf(addIndex(new Map(files), Array(7000).fill(inner)))),
      'BASE_INVALID',
      'its indexes must list at most 10000 descriptors, and list more',
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
      expect(layerOf(await read(path, { reference })), reference).toBe(expected);
    }
    expect(layerOf(await read(path, { platform: { os: 'linux', architecture: 'arm64' } }))).toBe(2);
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
