import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import { TransportError } from '../../src/transport/index.js';
import { missingClients, testUnless } from '../support/clients.js';
import { type RawHeader, rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import {
  A,
  archiveOf,
  B,
  CONTAINERS,
  configOf,
  digestOf,
  directoryOf,
  dockerFiles,
  fileOf,
  ociFiles,
  TYPES,
} from './made-images.js';
import { bytesOf, expectRefusal, PLATFORM, readBase } from './read-base.js';

describe.each(CONTAINERS)('%s', (name, write) => {
  test('gives config, history and layers as they are', async () => {
    const image = await readBase(write(ociFiles([A, B, A])));
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
        await expect(readBase(path2)).rejects.toMatchObject({ code: 'BASE_DIGEST' });
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
    const image = await readBase(fileOf(isPacked ? gzipSync(archive) : archive));
    expect(image.layers.map(({ diffId, digest, mediaType }) => ({ diffId, digest, mediaType }))).toEqual([
      { diffId: digestOf(A), digest: digestOf(A), mediaType: TYPES.tar },
      { diffId: digestOf(gunzipSync(B)), digest: digestOf(B), mediaType: TYPES.gzip },
    ]);
    expect((await bytesOf(image.layers[1]!)).equals(B)).toBe(true);
    expect(image.history).toEqual(configOf([A, B]).history);
  });

  test('whose files are not what their digests say is refused', async () => {
    const C = rawArchive(rawMember({}, 'content'));
    const files = dockerFiles([C, B]);
    for (const [path, bytes] of files) {
      if (path === 'manifest.json') continue;
      const changed = Buffer.from(bytes);
      // A time of a member, or of the gzip header's next byte but one.
      changed[path.endsWith('.json') ? 5 : bytes === C ? 140 : 30]! ^= 1;
      await expect(readBase(fileOf(archiveOf(new Map([...files, [path, changed]]))))).rejects.toMatchObject({
        code: expect.stringMatching(/^BASE_(?:DIGEST|INVALID)$/),
      });
    }
    const changed = Buffer.from(C);
    changed[512]! ^= 1;
    await expectRefusal(
      fileOf(archiveOf(new Map([...files, [[...files.keys()][0]!, changed]]))),
      'BASE_DIGEST',
      `uncompressed must be ${digestOf(C)}, and is ${digestOf(changed)}`,
    );
  });

  test('is preferred by its index where it has one, and then needs no manifest.json', async () => {
    const files = new Map([...dockerFiles([A]), ...ociFiles([B])]);
    expect((await readBase(fileOf(archiveOf(files)))).layers.map(({ digest }) => digest)).toEqual([digestOf(B)]);
    files.set('manifest.json', Buffer.from('nonsense'));
    expect((await readBase(fileOf(archiveOf(files)))).layers).toHaveLength(1);
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
    expect((await readBase(fileOf(archiveOf(files)))).layers).toHaveLength(1);
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
    expect((await readBase(withLink(...links))).layers.map(({ digest }) => digest)).toEqual([digestOf(A)]);
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
      expect((await readBase(fileOf(archiveOf(renamed)))).layers).toHaveLength(2);
    }
  });

  test('may have a blob twice, of which the last counts', async () => {
    const files = ociFiles([A]);
    const wrong = rawMember({ name: `blobs/sha256/${digestOf(A).slice(7)}` }, Buffer.alloc(A.length));
    expect((await readBase(fileOf(Buffer.concat([wrong, archiveOf(files)])))).layers).toHaveLength(1);
    const turned = Buffer.concat([archiveOf(files).subarray(0, -1024), wrong, Buffer.alloc(1024)]);
    await expect(readBase(fileOf(turned))).rejects.toMatchObject({ code: 'BASE_DIGEST' });
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
        await expect(readBase(fileOf(archive.subarray(0, size))), `${size} bytes`).rejects.toBeInstanceOf(
          TransportError,
        );
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
    await expect(readBase(path, { temporaryDirectory: undefined })).rejects.toMatchObject({ code: 'SPOOL_MISSING' });
    const scratch = scratchDirectory();
    const image = await readBase(path, { temporaryDirectory: encodeUtf8(scratch) });
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
    expect((await readBase(link)).layers).toHaveLength(1);
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
