import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { TarError } from '../../src/tar/index.js';
import { clientTest } from '../support/clients.js';
import { chunksOf, decodeAll, readAll, unpackedDigest } from '../support/decoded.js';
import { bsdLine, bsdListing, gnuLine, gnuListing } from '../support/listings.js';
import { readArchives } from '../support/python.js';

type Program = 'tar' | 'bsdtar' | 'python3';

/** Archives that are read, with the programs that list something else, and why they do. */
const READ: Readonly<Record<string, Partial<Record<Program, string>>>> = {
  v7: {},
  'v7-directory': {},
  'v7-signed': {},
  signed: {},
  star: {},
  'star-without-trailer': {},
  sun: {},
  plexus: {},
  'nil-uid': {},
  'gnu-base-256': {},
  'gnu-long': {},
  'gnu-long-nul': {},
  'gnu-long-without-nul': {},
  'gnu-utf8': {},
  'gnu-not-utf8': {},
  'gnu-unused-name': {},
  'gnu-incremental': { python3: 'takes the access time for a prefix' },
  'gnu-label': { bsdtar: 'lists no label' },
  'gnu-nil-sparse-data': {},
  'gnu-nil-sparse-hole': {},
  'gnu-sparse-big': { python3: 'would hash 60 GB' },
  'gnu-sparse-many': {},
  'pax-nil-sparse-data': {},
  'pax-nil-sparse-hole': {},
  'pax-sparse-big': { python3: 'would hash 60 GB' },
  'pax-path-hdr': {},
  'pax-records': {},
  'pax-pos-size-file': {},
  'pax-size-over-header': {},
  'pax-xattrs': {},
  'pax-empty': {},
  'pax-empty-value': { python3: 'takes the empty name' },
  'pax-global': {},
  'pax-solaris': {},
  'pax-negative-time': { tar: 'shows a fraction before 1970 with the second after it' },
  'dirtype-with-size': { tar: 'lists the size' },
  'hdr-only': { tar: 'passes over content that is not there' },
  'hard-link-with-size': {},
  'ustar-file-devs': {},
  'ustar-prefix': {},
  'trailing-slash': {},
  contiguous: {},
  'unknown-type': {},
  'solaris-acl': { bsdtar: 'applies the list to the next member' },
  'empty-name': { bsdtar: 'passes over it' },
  'null-byte': {},
  duplicate: {},
  'absolute-and-parent': {},
  empty: {},
  'zero-bytes': { tar: 'refuses it', python3: 'refuses it' },
  'one-zero-block': {},
  'no-zero-block': {},
  'trailing-garbage': {},
};

/** Archives that are refused, most of which some program lists in one way and another in another. */
const REFUSED: Readonly<Record<string, readonly [code: string, offset: number]>> = {
  'gnu-multi-hdrs': ['TAR_HEADER', 1024],
  'gnu-long-at-end': ['TAR_TRUNCATED', 2048],
  'gnu-sparse-overlap': ['TAR_SPARSE_MAP', 0],
  'gnu-sparse-beyond': ['TAR_SPARSE_MAP', 0],
  'gnu-sparse-missing': ['TAR_SPARSE_MAP', 0],
  'gnu-sparse-unreferenced': ['TAR_SPARSE_MAP', 0],
  'ustar-sparse': ['TAR_SPARSE', 0],
  'pax-sparse-endless': ['TAR_SPARSE_MAP', 1024],
  'pax-sparse-2.0': ['TAR_SPARSE', 1024],
  'pax-global-records': ['TAR_HEADER', 0],
  'pax-multi-hdrs': ['TAR_HEADER', 1024],
  'pax-nul-path': ['TAR_PAX', 512],
  'pax-nul-key': ['TAR_PAX', 512],
  'pax-large-time': ['TAR_PAX', 1024],
  'pax-bad-mtime-file': ['TAR_PAX', 1024],
  'pax-bad-hdr-file': ['TAR_PAX', 512],
  'pax-bad-hdr-large': ['TAR_LIMIT', 0],
  ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`pax-bad-format-${i}`, ['TAR_PAX', 512]])),
  'bad-checksum': ['TAR_CHECKSUM', 512],
  'neg-size': ['TAR_HEADER', 0],
  'huge-size': ['TAR_HEADER', 0],
  'bad-number': ['TAR_HEADER', 0],
  'not-octal': ['TAR_HEADER', 0],
  'lone-zero-block': ['TAR_END', 1536],
  'cut-header': ['TAR_TRUNCATED', 1280],
  'cut-content': ['TAR_TRUNCATED', 1024],
  'cut-padding': ['TAR_TRUNCATED', 517],
  big: ['TAR_TRUNCATED', 512],
  'cpio-newc': ['TAR_HEADER', 0],
};

const directory = mkdtempSync(join(tmpdir(), 'tarseal-corpus-'));
afterAll(() => rmSync(directory, { recursive: true }));
const script = fileURLToPath(new URL('../../fixtures/archives/make.mjs', import.meta.url));
const { status, stderr } = spawnSync(process.execPath, [script, directory], { encoding: 'utf8' });
if (status !== 0) throw new Error(stderr);
const pathOf = (name: string): string => join(directory, `${name}.tar`);
const made = Object.keys(JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as object);

test('every archive is read or refused', () => {
  expect([...Object.keys(READ), ...Object.keys(REFUSED)].toSorted()).toEqual(made.toSorted());
});

/** Each size up to 1,025, or as many as a large archive allows. */
function chunkSizes(sizeBytes: number): number[] {
  const all = Array.from({ length: 1025 }, (_, index) => index + 1);
  return sizeBytes < 4096 ? all : all.filter((size) => size < 4 || size > 1020 || size % 67 === 0 || size === 512);
}

describe('read', () => {
  const names = Object.keys(READ);
  const listedBy = (program: Program): string[] => names.filter((name) => READ[name]![program] === undefined);

  clientTest('tar').each(listedBy('tar'))('%s as GNU tar lists it', (name) => {
    expect(decodeAll(readFileSync(pathOf(name))).list.map(gnuLine)).toEqual(gnuListing(pathOf(name)));
  });

  clientTest('bsdtar').each(listedBy('bsdtar'))('%s as bsdtar lists it', (name) => {
    expect(decodeAll(readFileSync(pathOf(name))).list.map(bsdLine)).toEqual(bsdListing(pathOf(name)));
  });

  clientTest('python3')('as Python reads them', async () => {
    const readable = listedBy('python3');
    for (const [at, expected] of readArchives(readable.map(pathOf)).entries()) {
      const name = readable[at]!;
      const { list } = decodeAll(readFileSync(pathOf(name)));
      expect(list.map((member) => member.name.replace(/\/+$/, ''))).toEqual(expected.map((member) => member.name));
      for (const [index, member] of list.entries()) {
        const { size, mode, uid, gid, uname, gname, mtime, linkname, sha256, pax } = expected[index]!;
        expect(member, name).toMatchObject({ mode, uid, gid, uname, gname, linkname });
        expect(Math.trunc(member.mtimeSeconds), name).toBe(mtime);
        expect(member.sparse === undefined ? member.statedSizeBytes : member.realSizeBytes, name).toBe(size);
        if (sha256 !== null) expect(await unpackedDigest(member), name).toBe(sha256);
        const keys = new Set([...member.globalRecords.keys(), ...member.paxRecords.keys()]);
        expect([...keys].toSorted(), name).toEqual(pax.toSorted());
      }
    }
  });

  test.each(names)('%s whatever the chunks', (name) => {
    const archive = readFileSync(pathOf(name));
    const whole = decodeAll(archive, archive.length || 1);
    const differing = chunkSizes(archive.length).filter((size) => !isDeepStrictEqual(decodeAll(archive, size), whole));
    expect(differing).toEqual([]);
  });

  test.each(names.filter((name) => !name.endsWith('-big')))('%s from an async iterable', async (name) => {
    const archive = readFileSync(pathOf(name));
    const { list } = decodeAll(archive);
    const expected = await Promise.all(
      list.map(async (member) => {
        const { content: _, ...rest } = member;
        return { member: rest, sha256: await unpackedDigest(member) };
      }),
    );
    for (const size of [1, 511, 513, 100_000]) expect(await readAll(chunksOf(archive, size))).toEqual(expected);
  });
});

function describeRefusal(archive: Uint8Array, chunkSize: number): string {
  try {
    decodeAll(archive, chunkSize);
    return `none in chunks of ${chunkSize}`;
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    return `${error.name} ${error.code} at ${error.data['offset']}: ${error.message}`;
  }
}

describe('refused', () => {
  test.each(Object.entries(REFUSED))('%s', async (name, [code, offset]) => {
    const archive = readFileSync(pathOf(name));
    const sizes = archive.length > 100_000 ? [1025, 65_536] : chunkSizes(archive.length);
    const refusals = new Set(sizes.map((size) => describeRefusal(archive, size)));
    expect([...refusals]).toEqual([expect.stringMatching(new RegExp(`^TarError ${code} at ${offset}: Cannot read `))]);
    await expect(readAll(chunksOf(archive, 1000))).rejects.toMatchObject({ code, data: { offset } });
  });
});

test('the digest of what a sparse file is counts its holes', async () => {
  const [member] = decodeAll(readFileSync(pathOf('gnu-nil-sparse-hole'))).list;
  expect(await unpackedDigest(member!)).toBe(createHash('sha256').update(Buffer.alloc(1000)).digest('hex'));
});
