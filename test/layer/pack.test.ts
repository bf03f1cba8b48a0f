import { closeSync, ftruncateSync, openSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ArchiveEntry } from '../../src/entry/index.js';
import { measureArchive, measureMember, type TarFormat } from '../../src/tar/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { clientTest } from '../support/clients.js';
import { packEntries } from '../support/pack.js';
import { readArchives } from '../support/python.js';
import { scratchDirectory } from '../support/scratch.js';
import { anEntry, bytes, entry, fileOf, fileSource } from '../tar/entries.js';

const FORMATS = ['ustar', 'gnu', 'posix'] as const;
const MIB = 1 << 20;

async function pack(
  entries: Iterable<ArchiveEntry>,
  format: TarFormat = 'ustar',
  recordSizeBytes?: number,
): Promise<{ archive: Buffer; chunks: number[]; members: number; sizeBytes: number }> {
  const chunks: Buffer[] = [];
  const result = await packEntries(
    entries,
    (chunk) => {
      chunks.push(Buffer.from(chunk));
    },
    { tar: { format, strict: false }, recordSizeBytes },
  );
  return { archive: Buffer.concat(chunks), chunks: chunks.map(({ length }) => length), ...result };
}

function expectSame(expected: Uint8Array, actual: Uint8Array): void {
  expect(describeDifference(expected, actual)).toBeUndefined();
}

describe.each(FORMATS)('measured and written sizes are equal, as %s', (format) => {
  test('for any entries and any record size', async () => {
    const someEntries = fc.array(anEntry(format), { maxLength: 40, size: 'max' });
    await fc.assert(
      fc.asyncProperty(someEntries, fc.constantFrom(512, 1024, 10_240, 12_800), async (entries, recordSizeBytes) => {
        const { archive, members, sizeBytes } = await pack(entries, format, recordSizeBytes);
        expect(members).toBe(entries.length);
        expect(sizeBytes).toBe(archive.length);
        const options = { format, strict: false };
        expect(measureArchive(entries, options, recordSizeBytes)).toBe(archive.length);
        const sum = entries.reduce((total, member) => total + measureMember(member, options), 0);
        expect(archive.length).toBe(Math.ceil((sum + 1024) / recordSizeBytes) * recordSizeBytes);
        expect(archive.subarray(sum).every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});

const reads = clientTest('python3');

reads.each(FORMATS)('Python reads back what was written of any entry, as %s', async (format) => {
  const scratch = scratchDirectory();
  const archives: { path: string; entries: readonly ArchiveEntry[] }[] = [];
  // Archives are made first and read in one call: a Python per archive would take most of the time.
  const sample = fc.sample(fc.array(anEntry(format), { minLength: 1, maxLength: 40, size: 'max' }), {
    numRuns: 60,
    seed: 7,
  });
  for (const [index, entries] of sample.entries()) {
    const path = join(scratch, `${index}.tar`);
    writeFileSync(path, (await pack(entries, format)).archive);
    archives.push({ path, entries });
  }
  const found = readArchives(archives.map(({ path }) => path));
  const { createHash } = await import('node:crypto');
  for (const [index, { entries }] of archives.entries()) {
    const members = found[index]!;
    expect(members).toHaveLength(entries.length);
    for (const [at, { path, body, mode, uid, gid, uname, gname, mtimeSeconds }] of entries.entries()) {
      const isDevice = body.type === 'character-device' || body.type === 'block-device';
      expect(members[at]).toMatchObject({
        name: path,
        linkname: body.type === 'symlink' ? body.linkname : '',
        type: { file: '0', symlink: '2', 'character-device': '3', 'block-device': '4', directory: '5', fifo: '6' }[
          body.type
        ],
        size: body.type === 'file' ? body.sizeBytes : 0,
        mode,
        uid,
        gid,
        uname,
        gname,
        mtime: mtimeSeconds,
        devmajor: isDevice ? body.devMajor : 0,
        devminor: isDevice ? body.devMinor : 0,
        sha256:
          body.type === 'file' && body.source.from === 'memory'
            ? createHash('sha256').update(body.source.bytes).digest('hex')
            : null,
      });
    }
  }
});

describe('chunks end anywhere, and the bytes are the same', () => {
  /** Each member packed alone, put together. */
  async function oneByOne(entries: readonly ArchiveEntry[]): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (const member of entries) parts.push((await pack([member], 'ustar', 512)).archive.subarray(0, -1024));
    const members = Buffer.concat(parts);
    return Buffer.concat([
      members,
      Buffer.alloc(Math.ceil((members.length + 1024) / 10_240) * 10_240 - members.length),
    ]);
  }

  function content(size: number, seed: number): Uint8Array {
    return Uint8Array.from({ length: size }, (_, index) => (index * 31 + seed * 7 + (index >> 9)) % 256);
  }

  test.each([
    ['just below a slab', [MIB - 1537, MIB - 1536, MIB - 1535]],
    ['a slab less a header', [MIB - 513, MIB - 512, MIB - 511]],
    ['a slab', [MIB - 1, MIB, MIB + 1]],
    ['two slabs', [2 * MIB - 1, 2 * MIB, 2 * MIB + 1]],
    ['a slab in the middle of padding', [MIB - 700, 3, MIB - 700, 3]],
    ['many small', Array.from({ length: 3000 }, (_, index) => index % 700)],
    ['many empty', Array.from({ length: 2100 }, () => 0)],
    ['small and large in turn', [1, MIB - 600, 511, 513, 3 * MIB + 77, 0, 1, MIB - 512 * 5, 0, 0]],
  ])('%s', async (_name, sizes) => {
    const entries = sizes.map((size, index) => entry({ path: bytes(`f${index}`), body: fileOf(content(size, index)) }));
    const { archive, chunks } = await pack(entries);
    expectSame(await oneByOne(entries), archive);
    expect(Math.max(...chunks)).toBeLessThanOrEqual(MIB);
  });

  test('the end of the archive falls at, before and after that of a slab', async () => {
    for (const size of [MIB - 1536 - 512, MIB - 1536, MIB - 1536 + 512, MIB - 1024, MIB - 512, MIB]) {
      for (const recordSizeBytes of [512, 10_240, 4 * MIB]) {
        const entries = [entry({ body: fileOf(content(size, 1)) })];
        const { archive, sizeBytes } = await pack(entries, 'ustar', recordSizeBytes);
        const expected = measureArchive(entries, { format: 'ustar', strict: false }, recordSizeBytes);
        expect([archive.length, sizeBytes]).toEqual([expected, expected]);
        expect(archive.subarray(512, 512 + size).equals(content(size, 1))).toBe(true);
        expect(archive.subarray(512 + size).every((byte) => byte === 0)).toBe(true);
      }
    }
  });

  test('a header that is larger than a slab', async () => {
    const entries = [
      entry({ path: bytes('a') }),
      entry({ path: bytes('n'.repeat(2 * MIB)) }),
      entry({ path: bytes('b') }),
    ];
    for (const format of ['gnu', 'posix'] as const) {
      const { archive } = await pack(entries, format);
      expect(archive.length).toBe(measureArchive(entries, { format, strict: false }));
    }
  });

  test('files and memory of the same content give the same bytes', async () => {
    const scratch = scratchDirectory();
    const sizes = [0, 1, 511, 512, 513, MIB - 513, MIB - 512, MIB - 511, MIB, MIB + 1, 2 * MIB + 3, 5];
    const fromMemory: ArchiveEntry[] = [];
    const fromFiles: ArchiveEntry[] = [];
    for (const [index, size] of sizes.entries()) {
      const path = join(scratch, String(index));
      writeFileSync(path, content(size, index));
      const { mtimeMs } = statSync(path);
      const name = { path: bytes(String(index)) };
      fromMemory.push(entry({ ...name, body: fileOf(content(size, index)) }));
      const source = fileSource(path, mtimeMs);
      fromFiles.push(entry({ ...name, body: { type: 'file', sizeBytes: size, source } }));
    }
    expectSame((await pack(fromMemory)).archive, (await pack(fromFiles)).archive);
  });

  test('a chunk is not touched while its sink is at work', async () => {
    const entries = [0, 1, 2, 3].map((index) => entry({ path: bytes(`f${index}`), body: fileOf(content(MIB, index)) }));
    const slow: Buffer[] = [];
    await packEntries(
      entries,
      async (chunk) => {
        const before = Buffer.from(chunk);
        await delay(5);
        expect(before.equals(chunk)).toBe(true);
        slow.push(before);
      },
      { tar: { format: 'ustar', strict: false } },
    );
    expectSame((await pack(entries)).archive, Buffer.concat(slow));
  });

  test('progress adds up to the size', async () => {
    let told = 0;
    const entries = [entry({ body: fileOf(content(3 * MIB, 1)) })];
    const { sizeBytes } = await packEntries(entries, () => {}, {
      tar: { format: 'ustar', strict: false },
      onProgress: (more) => {
        told += more;
      },
    });
    expect(told).toBe(sizeBytes);
  });
});

describe('a body that is not what its entry says', () => {
  test('more bytes in memory than the size', async () => {
    const body = {
      type: 'file',
      sizeBytes: 3,
      source: { from: 'memory', bytes: new Uint8Array(2000).fill(65) },
    } as const;
    const work = pack([entry({ body })]).then(({ archive }) => archive.length);
    // An error, or the first three bytes alone; never an archive of another size than was measured.
    expect(await work.catch(() => 10_240)).toBe(10_240);
    const { archive } = await pack([entry({ body }), entry({ path: bytes('next') })]).catch(() => ({
      archive: undefined,
    }));
    if (archive !== undefined) expect(archive.toString('latin1', 1024, 1028)).toBe('next');
  });

  test.each<[name: string, change: (path: string) => void, how: RegExp]>([
    [
      'a file that shrank',
      (path) => truncate(path, 10),
      /changed during the build: it should have 1000 bytes, and ends after 10/,
    ],
    ['a file that grew', (path) => truncate(path, 1001), /changed during the build: it had 1000 bytes, and has 1001/],
    ['a file that was emptied', (path) => truncate(path, 0), /changed during the build/],
    [
      'a file that was written to',
      (path) => writeFileSync(path, Buffer.alloc(1000, 2)),
      /changed during the build: it was written to/,
    ],
  ])('%s', async (_name, change, how) => {
    const path = join(scratchDirectory(), 'file');
    writeFileSync(path, Buffer.alloc(1000, 1));
    const { mtimeMs } = statSync(path);
    await delay(20);
    change(path);
    const source = fileSource(path, mtimeMs);
    const work = pack([entry({ body: { type: 'file', sizeBytes: 1000, source } })]);
    await expect(work).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      data: { path },
      message: expect.stringMatching(how),
    });
    await expect(work).rejects.toThrow(`"${path}"`);
  });
});

test('an aborted signal stops before the sink is given more', async () => {
  const controller = new AbortController();
  const entries = [entry({ body: fileOf(new Uint8Array(8 * MIB)) })];
  let chunks = 0;
  const work = packEntries(
    entries,
    () => {
      if (++chunks === 2) controller.abort(new Error('enough'));
    },
    { tar: { format: 'ustar', strict: false }, signal: controller.signal },
  );
  await expect(work).rejects.toMatchObject({ code: 'ABORTED' });
  expect(chunks).toBe(2);
});

function truncate(path: string, size: number): void {
  const fd = openSync(path, 'r+');
  ftruncateSync(fd, size);
  closeSync(fd);
}
