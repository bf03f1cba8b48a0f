import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildImage, createMemberLister, inspectImage, TARGETS, TarsealError, verifyImage } from '../../src/index.js';
import { FIXTURE_GRAPH, fixtureItem, IN_FIXTURE_STORE } from '../support/fixture-store.js';
import { paxRecords, rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { gzipLayer, imageParts, layerTar, packParts, smallLayer } from './image-parts.js';

const READING = { temporaryDirectory: tmpdir(), hashEngine: 'native' } as const;

/** Reads in every way. What is refused as a whole is so by an error with a code. */
async function readAll(path: string): Promise<number> {
  const lister = createMemberLister();
  let lines = 0;
  try {
    const { findings } = await verifyImage(path, { ...READING, targets: TARGETS });
    for (const { message, member = '' } of findings) expect(message + member).not.toMatch(/[\0-\x1f\x7f]/);
    await inspectImage(path, {
      ...READING,
      waste: true,
      onMember(member) {
        expect(lister(member)).not.toMatch(/[^ -~]/);
        lines++;
      },
    });
    return findings.length + lines;
  } catch (error) {
    if (!(error instanceof TarsealError)) throw error;
    return 1;
  }
}

describe('an image that somebody has broken', () => {
  test('ends in findings, whatever was done to its bytes', async () => {
    const directory = scratchDirectory();
    const images: Buffer[] = [];
    for (const dialect of ['native', 'nix', 'guix'] as const) {
      const chunks: Uint8Array[] = [];
      await buildImage(
        {
          ...IN_FIXTURE_STORE,
          graph: FIXTURE_GRAPH,
          paths: [fixtureItem('words')],
          tag: ['w:1'],
          dialect,
          maxLayers: 3,
          layerCompression: dialect === 'native' ? 'gzip' : 'none',
        },
        { sink: (bytes) => void chunks.push(bytes.slice()), temporaryDirectory: tmpdir() },
      );
      images.push(Buffer.concat(chunks));
    }
    images.push(
      layerTar(
        rawMember({ name: 'PaxHeaders/a', typeflag: 'x' }, paxRecords(['path', 'long'], ['mtime', '1.5'])),
        rawMember({ name: 'a' }, 'x'),
      ),
    );
    images.push(gzipLayer({ tar: packParts(imageParts({ layers: [smallLayer()] })) }).stored!);
    const path = join(directory, 'broken.tar');
    const change = fc.record({
      at: fc.nat(),
      byte: fc.nat(255),
      length: fc.integer({ min: 0, max: 600 }),
      kind: fc.constantFrom('set', 'cut', 'remove', 'repeat', 'header'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(images.length - 1),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        async (which, changes) => {
          let bytes = Buffer.from(images[which]!);
          for (const { at: anywhere, byte, length, kind } of changes) {
            const at = anywhere % Math.max(1, bytes.length);
            if (kind === 'set') bytes[at] = byte;
            else if (kind === 'cut') bytes = bytes.subarray(0, at);
            else if (kind === 'remove') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
            else if (kind === 'repeat') bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
            else setInHeader(bytes, at, byte);
          }
          writeFileSync(path, bytes);
          expect(await readAll(path)).toBeGreaterThan(0);
        },
      ),
      { numRuns: 600, seed: 5 },
    );
  }, 240_000);

  /** Changes a header and makes its checksum right again. */
  function setInHeader(bytes: Buffer, at: number, byte: number): void {
    const start = at - (at % 512);
    if (bytes.length < start + 512) return;
    bytes[at] = byte;
    bytes.write('        ', start + 148);
    const sum = bytes.subarray(start, start + 512).reduce((all, value) => all + value, 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, start + 148, 'latin1');
  }

  test.each<[name: string, bytes: () => Buffer]>([
    ['arrays a million deep', () => json('index.json', `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`)],
    [
      'manifests a million deep',
      () => json('index.json', `{"schemaVersion":2,"manifests":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`),
    ],
    [
      'a config of a million objects',
      () =>
        json(
          'manifest.json',
          `[{"Config":"c","Layers":[],"RepoTags":${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}}]`,
        ),
    ],
    [
      'keys of prototypes',
      () =>
        json(
          'index.json',
          '{"schemaVersion":2,"__proto__":{"a":1},"constructor":1,"manifests":[{"__proto__":1,"mediaType":"toString","digest":"sha256:x","size":1}]}',
        ),
    ],
    ['a document of 5 MB', () => json('manifest.json', ' '.repeat(5 << 20))],
    [
      'ten thousand descriptors',
      () =>
        json(
          'index.json',
          JSON.stringify({
            schemaVersion: 2,
            manifests: Array.from({ length: 10_000 }, () => ({
              mediaType: 'application/vnd.oci.image.index.v1+json',
              digest: `sha256:${'0'.repeat(64)}`,
              size: 1,
            })),
          }),
        ),
    ],
    [
      'directories a thousand deep',
      () =>
        rawArchive(
          ...[...'ab'].map((name) =>
            Buffer.concat([
              rawMember({ name: 'PaxHeaders/a', typeflag: 'x' }, paxRecords(['path', `${'d/'.repeat(2000)}${name}`])),
              rawMember({ name: 'x' }, 'y'),
            ]),
          ),
        ),
    ],
    [
      'links in a circle',
      () =>
        rawArchive(
          ...['index.json', 'oci-layout', 'manifest.json'].map((name, at, all) =>
            rawMember({ name, typeflag: '2', linkname: all[(at + 1) % 3]! }),
          ),
        ),
    ],
  ])('with %s is read', async (_name, bytes) => {
    const path = join(scratchDirectory(), 'hostile.tar');
    writeFileSync(path, bytes());
    expect(await readAll(path)).toBeGreaterThan(0);
  });

  function json(name: string, text: string): Buffer {
    const parts = imageParts();
    parts.set(name, Buffer.from(text));
    return packParts(parts);
  }
});
