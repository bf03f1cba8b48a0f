import { basename, dirname } from 'node:path';
import fc from 'fast-check';
import type { ByteString } from '../../src/bytes/index.js';
import type { ArchiveEntry, EntryBody, FileSource } from '../../src/entry/index.js';
import { encodeMember, planMember, type TarFormat, type TarOptions } from '../../src/tar/index.js';

export function bytes(text: string): ByteString {
  return text as ByteString;
}

/** An entry with nothing special about it, but for what is given. */
export function entry(given: Partial<ArchiveEntry> = {}): ArchiveEntry {
  return {
    path: bytes('file'),
    body: fileOf(new Uint8Array(0)),
    mode: 0o644,
    uid: 0,
    gid: 0,
    uname: bytes('root'),
    gname: bytes('root'),
    mtimeSeconds: 1,
    ...given,
  };
}

export function fileOf(content: Uint8Array): EntryBody {
  return { type: 'file', sizeBytes: content.length, source: { from: 'memory', bytes: content } };
}

/** @param path absolute */
export function fileSource(path: string, mtimeMs: number): FileSource {
  return { from: 'file', directory: bytes(dirname(path)), name: bytes(basename(path)), mtimeMs };
}

/** A file of any size: its content is never read. */
export function fileOfSize(sizeBytes: number): EntryBody {
  return { type: 'file', sizeBytes, source: { from: 'memory', bytes: new Uint8Array(0) } };
}

/** The header blocks of an entry. */
export function headersOf(member: ArchiveEntry, options: TarOptions): Uint8Array {
  const plan = planMember(member, options);
  const out = new Uint8Array(plan.headerSizeBytes);
  encodeMember(plan, out, 0);
  return out;
}

/** Bytes of a name: no NUL; no slash at an end, where readers differ. */
const aName = (maxLength: number): fc.Arbitrary<ByteString> =>
  fc
    .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(0x61, 0x62, 0x2f) }, fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength,
      size: 'max',
    })
    .map((codes) => bytes(String.fromCharCode(...codes).replace(/^\/+|\/+$/g, 'x')));

const anOwnerName = (maxLength: number): fc.Arbitrary<ByteString> =>
  fc.oneof(
    fc.constantFrom('root', '', 'a', 'b\xe4r', 'u'.repeat(31)).map(bytes),
    fc
      .array(fc.oneof(fc.integer({ min: 0x21, max: 0x7e }), fc.integer({ min: 1, max: 255 })), { maxLength })
      .map((codes) => bytes(String.fromCharCode(...codes))),
  );

const aNumber = (...edges: readonly number[]): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(...edges), fc.nat(70_000));

const anId = aNumber(0, 1000, 0o7777776, 0o7777777, 0o10000000, 2 ** 31, 2 ** 32 - 1);
const aTime = aNumber(0, 1, 2 ** 31, 2 ** 32, 2 ** 33 - 1, 2 ** 33, 2 ** 40, -1, -(2 ** 31), -(2 ** 35));
const aDevice = aNumber(0, 0o7777776, 0o7777777);

const aBody: fc.Arbitrary<EntryBody> = fc.oneof(
  fc.uint8Array({ maxLength: 1600, size: 'max' }).map(fileOf),
  fc.constantFrom(0, 1, 511, 512, 513, 1024, 5000).map((size) => fileOf(new Uint8Array(size).fill(size % 251))),
  fc.constant<EntryBody>({ type: 'directory' }),
  aName(320).map((linkname): EntryBody => ({ type: 'symlink', linkname })),
  fc.constant<EntryBody>({ type: 'fifo' }),
  fc
    .tuple(fc.constantFrom('character-device', 'block-device'), aDevice, aDevice)
    .map(([type, devMajor, devMinor]): EntryBody => ({ type, devMajor, devMinor })),
);

/** Entries of every kind that a format can hold, with values at its limits and beyond those of plain ustar. */
export function anEntry(format: TarFormat): fc.Arbitrary<ArchiveEntry> {
  // gnu has no way to say a longer owner's name.
  const ownerName = anOwnerName(format === 'gnu' ? 31 : 60);
  return fc.record({
    path: fc.oneof(aName(40), aName(320)),
    body: aBody,
    mode: fc.nat(0o7777),
    uid: anId,
    gid: anId,
    uname: ownerName,
    gname: ownerName,
    mtimeSeconds: aTime,
  });
}
