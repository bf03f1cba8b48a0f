import { spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { readArchiveMembers } from '../../src/transport/index.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { chunksOf, decodeAll } from '../support/decoded.js';
import { rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';

for (const compression of ['', '-z']) {
  clientTest('tar', 'mkfifo')(`reads what tar ${compression} wrote from a stream of Node`, async () => {
    const scratch = scratchDirectory();
    mkdirSync(join(scratch, 't'));
    makeAwkwardTree(join(scratch, 't'));
    const path = join(scratch, 'archive');
    spawnSync('tar', ['--format=posix', ...(compression ? [compression] : []), '-cf', path, 't'], { cwd: scratch });
    const { stdout: plain } = spawnSync('tar', ['--format=posix', '-cf', '-', 't'], {
      cwd: scratch,
      maxBuffer: 1 << 28,
    });
    const expected = decodeAll(plain).list;
    let at = 0;
    for await (const { member, content } of readArchiveMembers(createReadStream(path))) {
      const pieces: Buffer[] = [];
      for await (const piece of content()) pieces.push(Buffer.from(piece));
      const { name, sizeBytes, type, contentOffset } = expected[at]!;
      expect(member).toMatchObject({ name, sizeBytes, type, contentOffset });
      expect(Buffer.concat(pieces).equals(expected[at]!.content), name).toBe(true);
      at++;
    }
    expect(at).toBe(expected.length);
  });
}

test('tells the headers of gzip members, and refuses both what is no gzip and what is no tar in it', async () => {
  const archive = rawArchive(rawMember({ name: 'a' }, 'content'));
  const file = Buffer.concat([gzipSync(archive.subarray(0, 700)), gzipSync(archive.subarray(700))]);
  const offsets: number[] = [];
  const names: string[] = [];
  const gzipMember = ({ offset }: { offset: number }) => offsets.push(offset);
  for await (const { member } of readArchiveMembers(chunksOf(file, 100), { gzipMember })) names.push(member.name);
  expect(names).toEqual(['a']);
  expect(offsets).toEqual([0, gzipSync(archive.subarray(0, 700)).length]);

  await expect(readArchiveMembers(chunksOf(file.subarray(0, -1), 100)).next()).resolves.toBeDefined();
  const cut = readArchiveMembers(chunksOf(file.subarray(0, -1), 100));
  await expect(
    (async () => {
      for await (const _ of cut);
    })(),
  ).rejects.toMatchObject({ code: 'GZIP_TRUNCATED' });
  await expect(readArchiveMembers(chunksOf(gzipSync('no tar'.repeat(100)), 100)).next()).rejects.toMatchObject({
    code: 'TAR_HEADER',
  });
});

test('reads from what is no stream: a list of chunks', async () => {
  async function* list(): AsyncGenerator<Uint8Array, void, void> {
    yield* [rawMember({ name: 'one' }, 'x'), new Uint8Array(0), rawMember({ name: 'two' }), new Uint8Array(1024)];
  }
  const names: string[] = [];
  for await (const { member } of readArchiveMembers(list(), { maxMembers: 2 })) names.push(member.name);
  expect(names).toEqual(['one', 'two']);
  await expect(
    (async () => {
      for await (const _ of readArchiveMembers(list(), { maxMembers: 1 }));
    })(),
  ).rejects.toMatchObject({ code: 'TAR_LIMIT' });
});
