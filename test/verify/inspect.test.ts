import { openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inspectImage, type Waste } from '../../src/index.js';
import { rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { runTarseal } from '../support/tarseal.js';
import {
  digestOf,
  gzipLayer,
  imageParts,
  type LayerPart,
  layerTar,
  packParts,
  pathOf,
  smallLayer,
} from './image-parts.js';

function write(bytes: Uint8Array): string {
  const path = join(scratchDirectory(), 'image.tar');
  writeFileSync(path, bytes);
  return path;
}

const bytes = (size: number, fill: string): Buffer => Buffer.alloc(size, fill);
const directory = (name: string): Buffer => rawMember({ name, typeflag: '5', mode: '0000755' });

describe('what makes an image large', () => {
  const lower: LayerPart = {
    tar: layerTar(
      directory('d/'),
      rawMember({ name: 'd/gone' }, bytes(1000, 'g')),
      rawMember({ name: 'd/kept' }, bytes(900, 'k')),
      directory('o/'),
      directory('o/sub/'),
      rawMember({ name: 'o/sub/opaque' }, bytes(800, 'o')),
      rawMember({ name: 'replaced' }, bytes(700, 'r')),
      directory('tree/'),
      rawMember({ name: 'tree/a' }, bytes(60, 'a')),
      rawMember({ name: 'tree/b' }, bytes(50, 'b')),
    ),
  };
  const upper: LayerPart = {
    tar: layerTar(
      directory('d/'),
      rawMember({ name: 'd/.wh.gone' }),
      rawMember({ name: 'd/copy' }, bytes(900, 'k')),
      rawMember({ name: 'd/copy-again' }, bytes(900, 'k')),
      directory('o/'),
      rawMember({ name: 'o/.wh..wh..opq' }),
      rawMember({ name: 'o/new' }, bytes(5, 'n')),
      rawMember({ name: 'replaced' }, bytes(701, 'R')),
      rawMember({ name: 'tree', typeflag: '2', linkname: 'd' }),
    ),
  };
  const top: LayerPart = { tar: layerTar(rawMember({ name: 'third' }, bytes(900, 'k'))) };

  const expected: Waste = {
    largest: expect.arrayContaining([]) as Waste['largest'],
    // 900 bytes that three layers have: twice too often, and what one layer has twice counts once.
    repeated: { sizeBytes: 1800, files: [{ name: 'd/kept', sizeBytes: 900, layers: [1, 2, 3] }] },
    hidden: {
      sizeBytes: 1000 + 800 + 700 + 60 + 50,
      files: [
        { name: 'd/gone', sizeBytes: 1000, layers: [1, 2] },
        { name: 'o/sub/opaque', sizeBytes: 800, layers: [1, 2] },
        { name: 'replaced', sizeBytes: 700, layers: [1, 2] },
        { name: 'tree/a', sizeBytes: 60, layers: [1, 2] },
        { name: 'tree/b', sizeBytes: 50, layers: [1, 2] },
      ],
    },
  };

  test.each([
    ['plain', [lower, upper, top]],
    ['gzip', [lower, upper, top].map(gzipLayer)],
  ] as const)('is said of %s layers', async (_name, layers) => {
    const { images } = await inspectImage(write(packParts(imageParts({ layers }))), { waste: true });
    expect(images[0]!.waste).toEqual(expected);
    expect(images[0]!.waste!.largest.map(({ name, sizeBytes }) => `${name} ${sizeBytes}`)).toEqual([
      'd/gone 1000',
      'd/kept 900',
      'd/copy 900',
      'd/copy-again 900',
      'third 900',
      'o/sub/opaque 800',
      'replaced 701',
      'replaced 700',
      'tree/a 60',
      'tree/b 50',
    ]);
  });

  test('is printed by the command', () => {
    const path = write(packParts(imageParts({ layers: [lower, upper, top] })));
    const text = runTarseal(['inspect', '--waste', path]).stdout.toString();
    expect(text).toContain('largest 1000 d/gone in layer 1\n');
    expect(text).toContain('repeated 1800 bytes that several layers store\nrepeated 900 d/kept in layer 1, 2, 3\n');
    expect(text).toContain(
      'hidden 2610 bytes that a later layer replaces or hides\nhidden 1000 d/gone in layer 1, 2\n',
    );
  });
});

describe('an image', () => {
  test('is described by its documents', async () => {
    const layers = [smallLayer('nix/store/00000000000000000000000000000000-a/x'), gzipLayer(smallLayer('b'))];
    const parts = imageParts({ layers, config: (config) => ({ ...config, config: { Cmd: ['/b'], Env: null } }) });
    const { images, formats, findings } = await inspectImage(write(packParts(parts)));
    expect({ formats, findings }).toEqual({ formats: ['docker-archive', 'oci-archive'], findings: [] });
    const [manifest, config] = [...parts.values()].slice(2, 4).toReversed() as [Buffer, Buffer];
    expect(images).toEqual([
      {
        names: ['part:1'],
        manifest: digestOf(manifest),
        image: digestOf(config),
        platform: { os: 'linux', architecture: 'amd64' },
        created: '1970-01-01T00:00:01Z',
        config: { Cmd: ['/b'] },
        layers: [
          {
            diffId: digestOf(layers[0]!.tar),
            digest: digestOf(layers[0]!.tar),
            compression: null,
            sizeBytes: 10_240,
            entries: 1,
            items: ['/nix/store/00000000000000000000000000000000-a'],
          },
          {
            diffId: digestOf(layers[1]!.tar),
            digest: digestOf(layers[1]!.stored!),
            compression: 'gzip',
            sizeBytes: layers[1]!.stored!.length,
            entries: 1,
            items: [],
          },
        ],
      },
    ]);
  });

  test('that is damaged is described as far as it can be read, with the exit code 1', async () => {
    const parts = imageParts({ layers: [smallLayer('a'), smallLayer('b')] });
    parts.delete(pathOf(digestOf(smallLayer('b').tar)));
    const path = write(packParts(parts));
    const { images, findings } = await inspectImage(path);
    expect(images[0]!.layers.map(({ entries }) => entries)).toEqual([1, null]);
    expect(findings.map(({ code, layer }) => [code, layer?.index])).toEqual([['BLOB_MISSING', 2]]);
    expect(() => runTarseal(['inspect', path])).toThrow(/exited with 1:[\s\S]*error BLOB_MISSING layer 2: /);
    expect((await inspectImage(write(Buffer.from('nothing')))).findings.map(({ code }) => code)).toEqual([
      'IMAGE_NONE',
    ]);
  });

  test('is not read where only headers matter: a hole of a terabyte costs nothing', async () => {
    const size = 2 ** 40;
    const header = Buffer.from(rawMember({ name: 'huge', size: 0 }));
    // Base 256, as GNU tar writes what eleven octal digits cannot say.
    header.fill(0, 124, 136);
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
    header.write('        ', 148);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    );
    const path = join(scratchDirectory(), 'huge.tar');
    writeFileSync(path, header);
    truncateSync(path, 512 + size);
    const fd = openSync(path, 'r+');
    writeSync(fd, Buffer.alloc(1024), 0, 1024, 512 + size);
    const { images, formats } = await inspectImage(path);
    expect(formats).toEqual(['tar']);
    expect(images[0]!.layers[0]).toMatchObject({ entries: 1, sizeBytes: 512 + size + 1024 });
  });

  test('comes as a stream, too', async () => {
    const path = write(packParts(imageParts()));
    async function* once(): AsyncGenerator<Uint8Array> {
      yield readFileSync(path);
    }
    expect(await inspectImage(once(), { temporaryDirectory: tmpdir() })).toEqual(await inspectImage(path));
    await expect(inspectImage(once())).rejects.toMatchObject({ code: 'SPOOL_MISSING' });
  });
});
