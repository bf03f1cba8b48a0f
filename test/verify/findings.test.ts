import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { FINDINGS, type Finding, type FindingCode, type Severity, verifyImage } from '../../src/index.js';
import { paxRecords, rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import {
  digestOf,
  gzipLayer,
  type ImageParts,
  imageParts,
  type LayerPart,
  layerTar,
  type PartsOptions,
  packParts,
  pathOf,
  smallLayer,
} from './image-parts.js';

type Bytes = Buffer;

const seen = new Set<FindingCode>();

async function verifyBytes(bytes: Uint8Array): Promise<readonly Finding[]> {
  const path = join(scratchDirectory(), 'image.tar');
  writeFileSync(path, bytes);
  return note(await verifyImage(path, { hashEngine: 'native', temporaryDirectory: tmpdir() })).findings;
}

function note<T extends { readonly findings: readonly Finding[] }>(verification: T): T {
  for (const { code } of verification.findings) seen.add(code);
  return verification;
}

function codes(findings: readonly Finding[]): FindingCode[] {
  return [...new Set(findings.map(({ code }) => code))].sort();
}

/** An image of which one thing is wrong. */
function image(options: PartsOptions, edit: (parts: ImageParts) => void = () => {}): Bytes {
  const parts = imageParts(options);
  edit(parts);
  return packParts(parts);
}

function config(change: Record<string, unknown>): PartsOptions {
  return { config: (whole) => ({ ...whole, ...change }) };
}

/** Changes the one descriptor of the index. */
function described(change: Record<string, unknown>): PartsOptions {
  return {
    index: (index) => ({ ...index, manifests: [{ ...(index['manifests'] as object[])[0], ...change }] }),
  };
}

function edited(parts: ImageParts, name: string, edit: (text: string) => string): void {
  parts.set(name, Buffer.from(edit(parts.get(name)!.toString())));
}

function blobsOf(parts: ImageParts): string[] {
  return [...parts.keys()].filter((name) => name.startsWith('blobs/'));
}

/** Changes bytes of a gzip header. */
function patched(layer: LayerPart, ...changes: readonly (readonly [at: number, byte: number])[]): LayerPart {
  const stored = Buffer.from(layer.stored!);
  for (const [at, byte] of changes) stored[at] = byte;
  return { ...layer, stored };
}

const NAMES = 'io.containerd.image.name';
const REF = 'org.opencontainers.image.ref.name';
const GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';
const GOOD = [smallLayer()];

test('an image of which nothing is wrong has no findings', async () => {
  expect(await verifyBytes(image({ layers: [smallLayer('a'), gzipLayer(smallLayer('b'))] }))).toEqual([]);
});

describe('documents and blobs', () => {
  const swappedOrder = [smallLayer('a'), smallLayer('b')];
  const CASES: (readonly [name: string, bytes: () => Bytes, expected: readonly FindingCode[]])[] = [
    [
      'no archive at all',
      () => Buffer.from('not a tar, though it is long enough '.repeat(40)),
      ['IMAGE_NONE', 'TAR_INVALID'],
    ],
    ['nothing', () => Buffer.alloc(0), ['IMAGE_NONE', 'TAR_UNTERMINATED']],
    [
      'a zstd archive',
      () => Buffer.from('28b52ffd04000000', 'hex'),
      ['IMAGE_NONE', 'IMAGE_UNSUPPORTED', 'TAR_INVALID'],
    ],
    ['gzip that is cut', () => gzipLayer({ tar: image({}) }).stored!.subarray(0, -4), ['IMAGE_GZIP']],
    ['no oci-layout', () => image({}, (parts) => void parts.delete('oci-layout')), ['LAYOUT_INVALID']],
    [
      'another layout',
      () => image({}, (parts) => void edited(parts, 'oci-layout', (text) => text.replace('1.0.0', '2.0.0'))),
      ['LAYOUT_INVALID'],
    ],
    [
      'index.json that is no JSON',
      () => image({}, (parts) => void parts.set('index.json', Buffer.from('{'))),
      ['ARCHIVE_UNREFERENCED', 'DOCUMENT_INVALID', 'MANIFESTS_DIFFER'],
    ],
    [
      'an empty index',
      () => image({ index: (index) => ({ ...index, manifests: [] }) }),
      ['ARCHIVE_UNREFERENCED', 'INDEX_EMPTY', 'MANIFESTS_DIFFER'],
    ],
    ['a key that is misspelt', () => image(described({ platfrom: {} })), ['DOCUMENT_KEY']],
    ['no media type', () => image({ index: ({ mediaType: _, ...index }) => index }), ['DOCUMENT_TYPE']],
    ['a missing config', () => image({}, (parts) => void parts.delete(blobsOf(parts)[1]!)), ['BLOB_MISSING']],
    ['a missing layer', () => image({}, (parts) => void parts.delete(blobsOf(parts)[0]!)), ['BLOB_MISSING']],
    [
      'another config',
      () => image({}, (parts) => void edited(parts, blobsOf(parts)[1]!, (text) => text.replace('linux', 'Linux'))),
      ['BLOB_DIGEST', 'CONFIG_PLATFORM', 'INDEX_PLATFORM'],
    ],
    [
      'a layer of another size',
      () =>
        image({
          manifest: (manifest) => ({ ...manifest, layers: [{ ...(manifest['layers'] as object[])[0], size: 1 }] }),
        }),
      ['BLOB_SIZE'],
    ],
    ['a manifest of another size', () => image(described({ size: 1 })), ['BLOB_SIZE']],
    [
      'an unknown kind of manifest',
      () => image(described({ mediaType: 'text/plain' })),
      ['MANIFESTS_DIFFER', 'MEDIA_TYPE_UNKNOWN'],
    ],
    [
      'a config for a layer',
      () =>
        image({
          manifest: (manifest) => ({
            ...manifest,
            layers: [{ ...(manifest['layers'] as object[])[0], mediaType: 'application/vnd.oci.image.config.v1+json' }],
          }),
        }),
      ['MEDIA_TYPE'],
    ],
    [
      'another platform in the index',
      () => image(described({ platform: { os: 'linux', architecture: 'arm64' } })),
      ['INDEX_PLATFORM'],
    ],
    [
      'another tag in RepoTags',
      () => image({ docker: ([entry]) => [{ ...entry, RepoTags: ['part:2'] }] }),
      ['INDEX_NAMES'],
    ],
    [
      'a short name for containerd',
      () => image(described({ annotations: { [NAMES]: 'part:1', [REF]: '1' } })),
      ['INDEX_NAMES'],
    ],
    [
      'a name that is none',
      () => image({ docker: ([entry]) => [{ ...entry, RepoTags: ['Part:1'] }] }),
      ['INDEX_NAMES', 'REFERENCE_INVALID'],
    ],
    [
      'one name for two images',
      () => {
        const other = imageParts({ layers: [smallLayer('other')] });
        const manifests = (parts: ImageParts): object[] =>
          (JSON.parse(parts.get('index.json')!.toString()) as { manifests: object[] }).manifests;
        return image(
          { index: (index) => ({ ...index, manifests: [...(index['manifests'] as object[]), ...manifests(other)] }) },
          (parts) => {
            parts.delete('manifest.json');
            for (const name of blobsOf(other)) parts.set(name, other.get(name)!);
          },
        );
      },
      ['INDEX_AMBIGUOUS'],
    ],
    [
      'another order of layers in manifest.json',
      () =>
        image({
          layers: swappedOrder,
          docker: ([entry]) => [{ ...entry, Layers: (entry!['Layers'] as string[]).toReversed() }],
        }),
      ['MANIFESTS_DIFFER'],
    ],
    [
      'an image in manifest.json alone',
      () => {
        const other = imageParts({ layers: [smallLayer('other')], tag: 'other:1' });
        const [layer, otherConfig] = blobsOf(other);
        return image(
          { docker: (entries) => [...entries, { Config: otherConfig, RepoTags: ['other:1'], Layers: [layer] }] },
          (parts) => {
            for (const name of [layer!, otherConfig!]) parts.set(name, other.get(name)!);
          },
        );
      },
      ['MANIFESTS_DIFFER'],
    ],
    [
      'a blob that nothing refers to',
      () => image({}, (parts) => void parts.set(pathOf(digestOf(Buffer.from('x'))), Buffer.from('x'))),
      ['ARCHIVE_UNREFERENCED'],
    ],
    [
      'a wrong blob that nothing refers to',
      () => image({}, (parts) => void parts.set(pathOf(digestOf(Buffer.from('x'))), Buffer.from('y'))),
      ['ARCHIVE_UNREFERENCED', 'BLOB_DIGEST'],
    ],
    [
      'a wrong diffID',
      () => image({ layers: [{ ...smallLayer(), diffId: digestOf(Buffer.from('x')) }] }),
      ['LAYER_DIFF_ID'],
    ],
    ['too few diffIDs', () => image(config({ rootfs: { type: 'layers', diff_ids: [] } })), ['CONFIG_LAYERS']],
    ['a config without rootfs', () => image({ config: ({ rootfs: _, ...rest }) => rest }), ['CONFIG_INVALID']],
    ['history of two layers', () => image(config({ history: [{}, {}] })), ['CONFIG_HISTORY']],
    ['no history', () => image(config({ history: [] })), ['CONFIG_NO_HISTORY']],
    ['a time with a fraction', () => image(config({ created: '2026-11-21T09:30:00.123456789Z' })), ['CONFIG_CREATED']],
    ['a time that is none', () => image(config({ created: 'yesterday' })), ['CONFIG_VALUE']],
    ['a port that is none', () => image(config({ config: { ExposedPorts: { '80/http': {} } } })), ['CONFIG_VALUE']],
    [
      'a key of Docker',
      () => image(config({ config: { Tty: false, Hostname: 'build-host' } })),
      ['CONFIG_HOST', 'CONFIG_KEY'],
    ],
    [
      '126 layers',
      () =>
        image({ layers: Array.from({ length: 126 }, (_, i) => ({ tar: rawArchive(rawMember({ name: `f${i}` })) })) }),
      ['LAYERS_TOO_MANY', 'TAR_RECORD'],
    ],
    ['no layers', () => image({ layers: [] }), ['LAYERS_NONE']],
    [
      'a layer that is called gzip',
      () => image({ layers: [{ ...smallLayer(), mediaType: GZIP }] }),
      ['LAYER_COMPRESSION'],
    ],
    [
      'a layer that Docker calls gzip',
      () => image({ layers: [{ ...smallLayer(), mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }] }),
      ['DOCUMENT_VALUE'],
    ],
    [
      'a zstd layer',
      () =>
        image({
          layers: [
            {
              ...smallLayer(),
              stored: Buffer.from('28b52ffd0400', 'hex'),
              mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
            },
          ],
        }),
      ['LAYER_UNREAD'],
    ],
    [
      'gzip of a layer that is cut',
      () =>
        image({ layers: [{ ...gzipLayer(smallLayer()), stored: gzipLayer(smallLayer()).stored!.subarray(0, -1) }] }),
      ['LAYER_GZIP'],
    ],
    ['gzip with a time', () => image({ layers: [patched(gzipLayer(smallLayer()), [4, 1])] }), ['GZIP_TIME']],
    ['gzip of Unix', () => image({ layers: [patched(gzipLayer(smallLayer()), [9, 3])] }), ['GZIP_SYSTEM']],
    [
      'gzip of Go',
      () => image({ layers: [patched(gzipLayer(smallLayer()), [4, 0], [5, 9], [6, 0x6e], [7, 0x88])] }),
      ['GZIP_NO_TIME'],
    ],
    ['gzip with odd flags', () => image({ layers: [patched(gzipLayer(smallLayer()), [8, 7])] }), ['GZIP_FLAGS']],
    [
      'gzip with a name',
      () => {
        const layer = gzipLayer(smallLayer());
        const stored = Buffer.concat([
          layer.stored!.subarray(0, 10),
          Buffer.from('layer.tar\0'),
          layer.stored!.subarray(10),
        ]);
        return image({ layers: [patched({ ...layer, stored }, [3, 8])] });
      },
      ['GZIP_NAME'],
    ],
    [
      'a document twice',
      () => packParts(imageParts(), rawMember({ name: './index.json', uname: 'root' }, '{}')),
      [
        'ARCHIVE_DOCUMENT_REPEATED',
        'ARCHIVE_REPEATED',
        'ARCHIVE_UNREFERENCED',
        'DOCUMENT_INVALID',
        'DOCUMENT_TYPE',
        'INDEX_EMPTY',
        'MANIFESTS_DIFFER',
      ],
    ],
    [
      'a layer twice',
      () => {
        const parts = imageParts({ layers: GOOD });
        return packParts(parts, rawMember({ name: blobsOf(parts)[0]! }, parts.get(blobsOf(parts)[0]!)!));
      },
      ['ARCHIVE_REPEATED'],
    ],
    [
      'two layers of one name',
      () => {
        const parts = imageParts({ layers: GOOD });
        return packParts(new Map([...parts, ['x', Buffer.from('x')]]), rawMember({ name: blobsOf(parts)[0]! }, 'x'));
      },
      ['ARCHIVE_REPEATED', 'ARCHIVE_UNREFERENCED', 'BLOB_DIGEST', 'BLOB_SIZE', 'LAYER_DIFF_ID', 'TAR_INVALID'],
    ],
    ['a member that leads out', () => packParts(imageParts(), rawMember({ name: '../x' })), ['ARCHIVE_NAME']],
    [
      'a link in the archive',
      () => packParts(imageParts(), rawMember({ name: 'x', typeflag: '2', linkname: 'index.json' })),
      ['ARCHIVE_TYPE'],
    ],
    [
      'a user of the machine',
      () => packParts(imageParts(), rawMember({ name: 'x', uid: '0001750', uname: 'alice' })),
      ['ARCHIVE_OWNER', 'ARCHIVE_UNREFERENCED'],
    ],
    [
      'times of the machine',
      () => packParts(imageParts(), rawMember({ name: 'x', mtime: '14000000000' })),
      ['ARCHIVE_TIME', 'ARCHIVE_UNREFERENCED'],
    ],
  ];

  test.each(CASES)('%s', async (_name, bytes, expected) => {
    expect(codes(await verifyBytes(bytes()))).toEqual(expected);
  });

  test('a directory that is no layout, or has a fifo for a blob', async () => {
    const directory = scratchDirectory();
    expect(codes(note(await verifyImage(directory)).findings)).toEqual(['IMAGE_NONE']);
    for (const [name, content] of imageParts()) {
      mkdirSync(join(directory, name, '..'), { recursive: true });
      if (name !== 'manifest.json') writeFileSync(join(directory, name), content);
    }
    expect(note(await verifyImage(directory)).findings).toEqual([]);
    const [layer] = blobsOf(imageParts());
    const odd = scratchDirectory();
    for (const [name, content] of imageParts()) {
      mkdirSync(join(odd, name, '..'), { recursive: true });
      if (name === layer) mkdirSync(join(odd, name));
      else writeFileSync(join(odd, name), content);
    }
    expect(codes(note(await verifyImage(odd)).findings)).toEqual([
      'ARCHIVE_UNREFERENCED',
      'BLOB_MISSING',
      'IMAGE_UNREADABLE',
    ]);
  });
});

describe('a layer with', () => {
  const pax = (...records: readonly (readonly [string, string])[]): Bytes =>
    Buffer.concat([
      rawMember({ name: './PaxHeaders/a', typeflag: 'x' }, paxRecords(...records)),
      rawMember({ name: 'a' }),
    ]);
  const patchedBlock = (block: Bytes, at: number, text: string): Bytes => {
    const copy = Buffer.from(block);
    copy.write(text, at, 'latin1');
    copy.write('        ', 148, 'latin1');
    const sum = copy.subarray(0, 512).reduce((all, byte) => all + byte, 0);
    copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return copy;
  };
  const signed = (): Bytes => {
    const block = Buffer.from(rawMember({ name: 'b\xe9' }));
    const sum = block.reduce(
      (all, byte, at) => all + (at >= 148 && at < 156 ? 0x20 : byte < 128 ? byte : byte - 256),
      0,
    );
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return block;
  };
  const CASES: (readonly [name: string, members: readonly Bytes[], expected: readonly FindingCode[]])[] = [
    ['nothing', [], ['LAYER_EMPTY']],
    [
      'padding that is not zero',
      [Buffer.concat([rawMember({ name: 'a' }, 'xy').subarray(0, 514), Buffer.from('z'), Buffer.alloc(509)])],
      ['TAR_PADDING'],
    ],
    ['bytes behind a name', [patchedBlock(rawMember({ name: 'a' }), 3, 'x')], ['TAR_RESIDUE']],
    ['bytes behind the fields', [patchedBlock(rawMember({ name: 'a' }), 505, 'x')], ['TAR_RESIDUE']],
    [
      'a checksum of seven digits',
      [
        rawMember({
          name: 'a',
          checksum: `${rawMember({ name: 'a' })
            .reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 0x20 : byte), 0)
            .toString(8)
            .padStart(7, '0')}\0`,
        }),
      ],
      ['TAR_CHECKSUM_FORM'],
    ],
    ['a checksum of signed bytes', [signed()], ['TAR_CHECKSUM_SIGNED']],
    ['a number with spaces', [rawMember({ name: 'a', uid: '     0 ' })], ['TAR_NUMBER_FORM']],
    ['another version', [rawMember({ name: 'a', magic: 'ustar\x0042' })], ['TAR_MAGIC']],
    ['an unknown type', [rawMember({ name: 'a', typeflag: 'Q' })], ['TAR_TYPE']],
    [
      'a sparse file',
      [
        Buffer.concat([
          rawMember(
            { name: './PaxHeaders/a', typeflag: 'x' },
            paxRecords(
              ['GNU.sparse.major', '1'],
              ['GNU.sparse.minor', '0'],
              ['GNU.sparse.name', 'a'],
              ['GNU.sparse.realsize', '512'],
            ),
          ),
          rawMember({ name: 'a' }, `1\n512\n0\n${'\0'.repeat(504)}`),
        ]),
      ],
      ['TAR_SPARSE'],
    ],
    ['a symlink with a size', [rawMember({ name: 'a', typeflag: '2', linkname: 'b', size: 5 })], ['TAR_SIZE']],
    ['a time of reading', [pax(['atime', '1'])], ['PAX_TIME']],
    ['a time with a fraction', [pax(['mtime', '1.5'])], ['PAX_FRACTION']],
    ['a key twice', [pax(['comment', '1'], ['comment', '2'])], ['PAX_REPEATED']],
    [
      'the number of a process',
      [
        Buffer.concat([
          rawMember({ name: './PaxHeaders.4711/a', typeflag: 'x' }, paxRecords(['comment', 'x'])),
          rawMember({ name: 'a' }),
        ]),
      ],
      ['PAX_PROCESS'],
    ],
    [
      'a global header',
      [
        Buffer.concat([
          rawMember({ name: 'g', typeflag: 'g' }, paxRecords(['comment', 'x'])),
          rawMember({ name: 'a' }),
        ]),
      ],
      ['PAX_GLOBAL'],
    ],
    ['capabilities', [pax(['SCHILY.xattr.security.capability', 'x'])], ['MODE_CAPABILITY']],
    ['a name that leads out', [rawMember({ name: 'a/../../b' })], ['MEMBER_NAME']],
    ['a file for the root', [rawMember({ name: './', typeflag: '7' })], ['MEMBER_NAME']],
    ['an absolute name', [rawMember({ name: '/a' })], ['MEMBER_ABSOLUTE']],
    [
      'a name with slashes',
      [rawMember({ name: 'a/', typeflag: '5' }), rawMember({ name: 'a//b' })],
      ['MEMBER_SPELLING'],
    ],
    ['a path twice', [rawMember({ name: 'a' }), rawMember({ name: './a' })], ['MEMBER_REPEATED']],
    [
      'names of a disk',
      [rawMember({ name: 'd/', typeflag: '5' }), rawMember({ name: 'd/b' }), rawMember({ name: 'd/a' })],
      ['MEMBER_ORDER'],
    ],
    ['times of a disk', [rawMember({ name: 'a' }), rawMember({ name: 'b', mtime: '00000000002' })], ['MEMBER_TIMES']],
    [
      'times and owners of a disk',
      [rawMember({ name: 'a', uid: '0001750', uname: 'alice' }), rawMember({ name: 'b', mtime: '00000000002' })],
      ['MEMBER_OWNER', 'MEMBER_TIMES'],
    ],
    ['a user', [rawMember({ name: 'a', gid: '0001750', gname: 'users' })], ['MEMBER_USER']],
    ['no entry of a directory', [rawMember({ name: 'd/a' })], ['MEMBER_PARENT']],
    ['a member below a file', [rawMember({ name: 'd' }), rawMember({ name: 'd/a' })], ['MEMBER_BELOW_FILE']],
    [
      'a member below a symlink',
      [rawMember({ name: 'd', typeflag: '2', linkname: 'e' }), rawMember({ name: 'd/a' })],
      ['MEMBER_BELOW_LINK'],
    ],
    ['a whiteout of nothing', [rawMember({ name: '.wh.' })], ['WHITEOUT_INVALID', 'WHITEOUT_NOTHING']],
    ['a whiteout with content', [rawMember({ name: '.wh.a' }, 'x')], ['WHITEOUT_NOTHING', 'WHITEOUT_TYPE']],
    ['what AUFS left', [rawMember({ name: '.wh..wh.plnk', typeflag: '5' })], ['WHITEOUT_AUFS']],
    ['a hard link to nothing', [rawMember({ name: 'a', typeflag: '1', linkname: 'b' })], ['LINK_MISSING']],
    ['a hard link to outside', [rawMember({ name: 'a', typeflag: '1', linkname: '../b' })], ['LINK_OUT']],
    ['a symlink to outside', [rawMember({ name: 'a', typeflag: '2', linkname: '../b' })], ['SYMLINK_OUT']],
    ['setuid', [rawMember({ name: 'a', mode: '0004755' })], ['MODE_SETUID']],
    ['a device', [rawMember({ name: 'a', typeflag: '3', devmajor: '0000001' })], ['MEMBER_DEVICE']],
  ];

  test.each(CASES)('%s', async (_name, members, expected) => {
    const found = await verifyBytes(image({ layers: [{ tar: layerTar(...members) }] }));
    expect(codes(found)).toEqual(expected);
    for (const { layer } of found) expect(layer).toEqual({ index: 1, digest: digestOf(layerTar(...members)) });
    // The same layer by itself.
    const bare = codes(await verifyBytes(layerTar(...members)));
    expect(bare).toEqual(expected.filter((code) => code !== 'WHITEOUT_NOTHING'));
  });

  test.each<[name: string, tar: Bytes, expected: readonly FindingCode[]]>([
    ['no end', rawMember({ name: 'a' }), ['TAR_UNTERMINATED']],
    [
      'something after its end',
      Buffer.concat([rawArchive(rawMember({ name: 'a' })), Buffer.from('more')]),
      ['TAR_TRAILING'],
    ],
    ['a size that is no record', rawArchive(rawMember({ name: 'a' })), ['TAR_RECORD']],
    ['half a header', Buffer.concat([rawMember({ name: 'a' }), Buffer.from('b')]), ['TAR_INVALID']],
  ])('%s', async (_name, tar, expected) => {
    expect(codes(await verifyBytes(image({ layers: [{ tar }] })))).toEqual(expected);
  });
});

test('many findings of one code are ten and one that counts the others', async () => {
  const members = Array.from({ length: 1000 }, (_, i) => rawMember({ name: `a${i}`.padEnd(6, 'x'), mode: '0004755' }));
  const found = (await verifyBytes(layerTar(...members))).filter(({ code }) => code === 'MODE_SETUID');
  expect(found).toHaveLength(11);
  expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(1000);
  expect(found[0]).toEqual({
    severity: 'note',
    code: 'MODE_SETUID',
    message: 'its mode is 4755',
    member: 'a0xxxx',
    offset: 0,
    count: 1,
  });
});

test('names cannot forge lines or move a cursor', async () => {
  const [found] = await verifyBytes(layerTar(rawMember({ name: 'a\nerror\x1b[2J', mode: '0004755' })));
  expect(found!.member).toBe('a\\nerror\\x1b[2J');
});

describe('the table of findings', () => {
  /** Codes that need another program's help to be seen: held by the tests of loaders. */
  const ELSEWHERE: readonly FindingCode[] = ['TARGET_REFUSES', 'TARGET_DIFFERS'];

  test('has stable codes, a severity and one line for each', () => {
    for (const [code, [severity, meaning]] of Object.entries(FINDINGS)) {
      expect(code).toMatch(/^[A-Z]+(_[A-Z]+)+$/);
      expect(['error', 'warning', 'note'] satisfies Severity[]).toContain(severity);
      expect(meaning).toMatch(/^[^\n]{10,120}[^.]$/);
    }
  });

  afterAll(() => {
    const unseen = (Object.keys(FINDINGS) as FindingCode[]).filter(
      (code) => !seen.has(code) && !ELSEWHERE.includes(code),
    );
    expect(unseen).toEqual([]);
  });
});
