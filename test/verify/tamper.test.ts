import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type BuildSpec, buildImage, type Verification, verifyImage } from '../../src/index.js';
import { rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { partsOf } from './image-parts.js';

/** The bits that are flipped, one mask a byte and the next for the byte behind it: every bit has its turn. */
const MASKS = [0x01, 0x80, 0x20, 0x10, 0x04, 0xff, 0x40, 0x08, 0x02] as const;

async function build(directory: string, options: BuildSpec): Promise<string> {
  mkdirSync(join(directory, 'src/etc'), { recursive: true });
  writeFileSync(join(directory, 'src/etc/motd'), 'one line and no more\n', { mode: 0o644 });
  writeFileSync(join(directory, 'src/run'), '#!/bin/sh\necho hi\n', { mode: 0o755 });
  const output = join(directory, 'image.tar');
  await buildImage(
    {
      paths: ['src/etc', 'src/run'],
      directory: ['/tmp:1777'],
      symlink: ['/bin/run=/sbin/run'],
      entrypoint: ['/bin/run'],
      env: ['A=b'],
      annotation: ['org.example.note=some text'],
      tag: ['app:1', 'registry.example.org:5000/team/app:stable'],
      mode: 'go+u,go-w',
      output,
      ...options,
    },
    { cwd: directory },
  );
  return output;
}

function verify(path: string): Promise<Verification> {
  return verifyImage(path, { hashEngine: 'native', temporaryDirectory: tmpdir() });
}

/** Whether `verify` ends with the exit code 1. */
function isReported({ counts }: Verification): boolean {
  return counts.error + counts.warning > 0;
}

/** Flips bytes one at a time in the file. @returns the offsets of those that were not reported */
async function flipEach(path: string, offsets: Iterable<number>): Promise<{ cases: number; missed: number[] }> {
  const bytes = readFileSync(path);
  const fd = openSync(path, 'r+');
  onTestFinished(() => closeSync(fd));
  const missed: number[] = [];
  let cases = 0;
  for (const offset of offsets) {
    writeSync(fd, Buffer.of(bytes[offset]! ^ MASKS[cases % MASKS.length]!), 0, 1, offset);
    if (!isReported(await verify(path))) missed.push(offset);
    writeSync(fd, bytes, offset, 1, offset);
    cases++;
  }
  return { cases, missed };
}

/** Of an archive: every byte up to the second zero block that ends it, and of the padding behind that a sample. */
function* structuralOffsets(archive: Buffer): Generator<number> {
  const end = [...partsOf(archive).values()].reduce(
    (last, { offset, bytes }) => Math.max(last, offset + Math.ceil(bytes.length / 512) * 512),
    0,
  );
  for (let offset = 0; offset < end + 1024; offset++) yield offset;
  for (let offset = end + 1024; offset < archive.length; offset += 97) yield offset;
}

test('of an image with gzip layers every byte that is flipped is reported', { timeout: 600_000 }, async () => {
  const path = await build(scratchDirectory(), { maxLayers: 3, layerCompression: 'gzip' });
  expect((await verify(path)).findings).toEqual([]);
  const { cases, missed } = await flipEach(path, structuralOffsets(readFileSync(path)));
  console.log(`flipped bytes of an image with gzip layers: ${cases}, reported: ${cases - missed.length}`);
  expect(missed).toEqual([]);
  expect(cases).toBeGreaterThan(7_000);
});

test('of an image with a plain layer every byte of documents and headers, and a sample of the rest, is reported', {
  timeout: 600_000,
}, async () => {
  const path = await build(scratchDirectory(), {});
  expect((await verify(path)).findings).toEqual([]);
  const archive = readFileSync(path);
  const [layer] = [...partsOf(archive).values()].filter(({ bytes }) => bytes.length === 10_240);
  // Of the layer its headers, contents and the zero blocks at its end; the padding behind them is zeros.
  const zeros = layer!.offset + layer!.bytes.lastIndexOf('ustar') + 3 * 512;
  const offsets = [...structuralOffsets(archive)].filter(
    (offset) => offset < zeros || offset >= layer!.offset + 10_240 || offset % 61 === 0,
  );
  const { cases, missed } = await flipEach(path, offsets);
  console.log(`flipped bytes of an image with a plain layer: ${cases}, reported: ${cases - missed.length}`);
  expect(missed).toEqual([]);
  expect(cases).toBeGreaterThan(9_000);
});

test('an image that is cut at any block is reported; what is behind the second zero block is a note', async () => {
  const path = await build(scratchDirectory(), { maxLayers: 3 });
  // One more record of zeros, so that there is padding to be cut whatever the size.
  appendFileSync(path, Buffer.alloc(10_240));
  expect((await verify(path)).findings).toEqual([]);
  const archive = readFileSync(path);
  let contentEnd = 0;
  for (const { offset, bytes } of partsOf(archive).values()) contentEnd = offset + Math.ceil(bytes.length / 512) * 512;
  const cuts: number[] = [];
  const missed: number[] = [];
  for (let size = archive.length - 512; size >= 0; size -= 512) {
    truncateSync(path, size);
    const verification = await verify(path);
    cuts.push(size);
    if (size >= contentEnd + 1024) {
      expect(verification.findings.map(({ code }) => code)).toEqual(size % 10_240 === 0 ? [] : ['TAR_RECORD']);
    } else if (!isReported(verification)) missed.push(size);
  }
  console.log(`cuts: ${cuts.length}, reported: ${cuts.length - missed.length}`);
  expect(missed).toEqual([]);
  expect(cuts).toContain(contentEnd + 1024);
  expect(cuts).toContain(contentEnd + 512);
  expect(cuts).toHaveLength(archive.length / 512);
});

test('layers that are swapped, members that are missing or stand twice are reported', async () => {
  const directory = scratchDirectory();
  const path = await build(directory, { maxLayers: 3 });
  const archive = readFileSync(path);
  const parts = partsOf(archive);
  const changed = join(directory, 'changed.tar');
  const codesOf = async (bytes: Uint8Array): Promise<string[]> => {
    writeFileSync(changed, bytes);
    const verification = await verify(changed);
    expect(isReported(verification)).toBe(true);
    return verification.findings.map(({ code }) => code);
  };
  const repack = (
    names: readonly string[],
    content = (name: string) => parts.get(name)?.bytes ?? Buffer.alloc(0),
  ): Buffer =>
    Buffer.concat([
      ...names.map((name) =>
        rawMember({ name, uname: 'root', gname: 'root', ...(name.endsWith('/') && { typeflag: '5' }) }, content(name)),
      ),
      Buffer.alloc(1024),
    ]);
  const names = [...parts.keys()];
  const [lower, upper] = names.filter((name) => parts.get(name)!.bytes.length === 10_240) as [string, string];
  writeFileSync(changed, repack(names));
  expect((await verify(changed)).counts).toMatchObject({ error: 0, warning: 0 });

  const swapped = await codesOf(
    repack(names, (name) => parts.get(name === lower ? upper : name === upper ? lower : name)!.bytes),
  );
  expect(swapped.filter((code) => code === 'BLOB_DIGEST')).toHaveLength(2);
  const manifest = parts.get('manifest.json')!.bytes.toString();
  const inOther = manifest.replace(lower, 'x').replace(upper, lower).replace('x', upper);
  expect(inOther).not.toBe(manifest);
  expect(
    await codesOf(repack(names, (name) => (name === 'manifest.json' ? Buffer.from(inOther) : parts.get(name)!.bytes))),
  ).toContain('MANIFESTS_DIFFER');

  let cases = 2;
  for (const name of names.filter((other) => !other.endsWith('/'))) {
    const isBlob = name.startsWith('blobs/');
    expect(await codesOf(repack([...names, name])), `${name} twice`).toContain(
      isBlob ? 'ARCHIVE_REPEATED' : 'ARCHIVE_DOCUMENT_REPEATED',
    );
    cases++;
    // Without docker's manifest it is a plain OCI archive.
    if (name === 'manifest.json') continue;
    const expected = isBlob ? 'BLOB_MISSING' : name === 'index.json' ? 'IMAGE_NONE' : 'LAYOUT_INVALID';
    expect(await codesOf(repack(names.filter((other) => other !== name))), `without ${name}`).toContain(expected);
    cases++;
  }
  console.log(`swapped, dropped and repeated members: ${cases}, all reported`);
});
