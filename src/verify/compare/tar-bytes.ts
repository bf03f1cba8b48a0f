import { setImmediate as nextTurn } from 'node:timers/promises';
import { BLOCK_SIZE } from '../../bytes/index.js';
import { createTarDecoder, type TarBlockKind, TarError } from '../../tar/index.js';
import { readBytes, type StoredFile } from '../../transport/index.js';
import type { Both, Difference } from './difference.js';
import { differingFields, firstDifference, headerFieldAt } from './header-bytes.js';
import { HEXDUMP_SIZE, hexdump, hexdumpStart } from './hexdump.js';
import type { MemberRecord, TarListing } from './listing.js';

/** A tar archive that was listed, and can be read at any place. */
export interface ReadTar {
  readonly listing: TarListing;
  /** Uncompressed. */
  readonly file: StoredFile;
}

const PIECE_SIZE = 1 << 20;
const TURN_PIECES = 16;

/** Headers of one member have at most a pax header, two long names and a sparse map. */
const MAX_HEADER_SIZE = 8 << 20;

/** Headers are read one after the other, a few at a time. */
const WINDOW_SIZE = 1 << 18;

/** A file of which small parts are read in nearly their order: a window of it is in memory. */
export function windowed(file: StoredFile): StoredFile {
  const window = new Uint8Array(WINDOW_SIZE);
  let start = 0;
  let end = 0;
  return {
    ...file,
    readAt(into, position) {
      if (into.length > WINDOW_SIZE / 4) return file.readAt(into, position);
      if (position < start || position + into.length > end) {
        start = position;
        end = position + file.readAt(window, position);
      }
      const part = window.subarray(position - start, Math.min(position - start + into.length, end - start));
      into.set(part);
      return part.length;
    },
  };
}

/** Where in a tar a byte is. */
export interface BytePlace {
  /** `null` behind the last member. */
  readonly member: MemberRecord | null;
  /** A field of the header, `pax header`, `long name`, `sparse map`, `content`, `padding` or `end`. */
  readonly field: string;
}

/** Offset of the first byte that differs in two files; where one ends, the other goes on there. */
export async function firstDifferingByte(
  a: StoredFile,
  b: StoredFile,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const [left, right] = [Buffer.allocUnsafe(PIECE_SIZE), Buffer.allocUnsafe(PIECE_SIZE)];
  for (let offset = 0, pieces = 1; ; pieces++) {
    const [x, y] = [fill(a, left, offset), fill(b, right, offset)];
    if (!x.equals(y)) return offset + firstDifference(x, y)!;
    if (x.length === 0) return undefined;
    offset += x.length;
    if (pieces % TURN_PIECES === 0) await takeTurn(signal);
  }
}

/** Lets signals arrive. */
export async function takeTurn(signal: AbortSignal | undefined): Promise<void> {
  await nextTurn();
  signal?.throwIfAborted();
}

function fill(file: StoredFile, buffer: Buffer, offset: number): Buffer {
  let done = 0;
  while (done < buffer.length) {
    const count = file.readAt(buffer.subarray(done), offset + done);
    if (count === 0) break;
    done += count;
  }
  return buffer.subarray(0, done);
}

/** Says of which member a byte is, and of what of it. */
export function placeOf({ listing: { members } }: ReadTar, offset: number): BytePlace {
  let low = 0;
  let high = members.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (members[middle]!.startOffset <= offset) low = middle + 1;
    else high = middle;
  }
  const member = members[low - 1];
  if (member === undefined) return { member: null, field: members.length === 0 ? 'end' : 'global header' };
  const { headerOffset, contentOffset, storedSizeBytes, attributes } = member;
  const contentEnd = contentOffset + storedSizeBytes;
  if (offset < headerOffset) return { member, field: attributes.metadata.includes('pax') ? 'pax header' : 'long name' };
  if (offset < headerOffset + BLOCK_SIZE) return { member, field: headerFieldAt(offset - headerOffset) };
  if (offset < contentOffset) return { member, field: 'sparse map' };
  if (offset < contentEnd) return { member, field: 'content' };
  if (offset < Math.ceil(contentEnd / BLOCK_SIZE) * BLOCK_SIZE) return { member, field: 'padding' };
  return { member: null, field: 'end' };
}

/** What differs in how two headers are written: fields, and where they first differ. */
export interface HeaderDifference {
  readonly field: string;
  readonly offset: Both<number>;
}

/**
 * Compares headers byte by byte.
 *
 * @param except fields that are known to differ
 */
export function compareHeaders(
  a: ReadTar,
  b: ReadTar,
  left: MemberRecord,
  right: MemberRecord,
  except: ReadonlySet<string>,
): HeaderDifference[] {
  const [x, y] = [headerBytes(a, left), headerBytes(b, right)];
  const [blocksX, blocksY] = [blocksOf(x), blocksOf(y)];
  const differences: HeaderDifference[] = [];
  if (blocksX.map(({ kind }) => kind).join() === blocksY.map(({ kind }) => kind).join()) {
    for (const [index, { kind, at }] of blocksX.entries()) {
      const other = blocksY[index]!.at;
      const of = kind === 'member' ? '' : kind === 'pax' ? 'pax header ' : `long ${kind} `;
      const fields = differingFields(x.subarray(at, at + BLOCK_SIZE), y.subarray(other, other + BLOCK_SIZE));
      for (const { field, at: byte } of fields) {
        // The size of metadata follows from what it says.
        if (except.has(of + field) || (of !== '' && (field === 'size' || field === 'checksum'))) continue;
        if (field === 'checksum' && except.size > 0) continue;
        differences.push({
          field: of + field,
          offset: { a: left.startOffset + at + byte, b: right.startOffset + other + byte },
        });
      }
    }
  }
  if (differences.length > 0 || except.size > 0) return differences;
  const at = firstDifference(x, y);
  if (at === undefined) return [];
  const field = left.attributes.metadata.includes('pax') ? 'pax records' : 'sparse map';
  return [{ field, offset: { a: left.startOffset + at, b: right.startOffset + at } }];
}

/** Where headers first differ in one of these fields, or else at all. */
export function locateFields(
  a: ReadTar,
  b: ReadTar,
  left: MemberRecord,
  right: MemberRecord,
  fields: readonly string[],
): Both<number> | undefined {
  const [x, y] = [headerBytes(a, left), headerBytes(b, right)];
  const [atX, atY] = [left.headerOffset - left.startOffset, right.headerOffset - right.startOffset];
  const found = differingFields(x.subarray(atX, atX + BLOCK_SIZE), y.subarray(atY, atY + BLOCK_SIZE)).find(
    ({ field }) => fields.includes(field),
  );
  if (found !== undefined) return { a: left.headerOffset + found.at, b: right.headerOffset + found.at };
  const at = firstDifference(x, y);
  return at === undefined ? undefined : { a: left.startOffset + at, b: right.startOffset + at };
}

/** Where the contents of two members first differ, in the file. */
export function locateContent(a: ReadTar, b: ReadTar, left: MemberRecord, right: MemberRecord): number | undefined {
  if (left.attributes.sparse !== undefined || right.attributes.sparse !== undefined) return undefined;
  const [x, y] = [Buffer.allocUnsafe(1 << 16), Buffer.allocUnsafe(1 << 16)];
  for (let offset = 0; ; ) {
    const pieceX = fill(
      a.file,
      x.subarray(0, Math.min(x.length, left.storedSizeBytes - offset)),
      left.contentOffset + offset,
    );
    const pieceY = fill(
      b.file,
      y.subarray(0, Math.min(y.length, right.storedSizeBytes - offset)),
      right.contentOffset + offset,
    );
    if (!pieceX.equals(pieceY)) return offset + firstDifference(pieceX, pieceY)!;
    if (pieceX.length === 0) return undefined;
    offset += pieceX.length;
  }
}

/**
 * Dumps of both sides around a byte, within bounds.
 *
 * @param base where offset 0 of the dump is in each file, e.g. the content of a member
 */
export function dumpBoth(
  a: StoredFile,
  b: StoredFile,
  offset: Both<number>,
  base: Both<number> = { a: 0, b: 0 },
  end: Both<number> = { a: a.sizeBytes, b: b.sizeBytes },
): Pick<Difference, 'offset' | 'hexdump'> {
  const dump = (file: StoredFile, at: number, from: number, to: number): string => {
    const start = hexdumpStart(at);
    return hexdump(readBytes(file, from + start, Math.min(HEXDUMP_SIZE, to - from - start)), start);
  };
  return {
    offset,
    hexdump: { a: dump(a, offset.a, base.a, end.a), b: dump(b, offset.b, base.b, end.b) },
  };
}

function headerBytes({ file }: ReadTar, { startOffset, contentOffset }: MemberRecord): Uint8Array {
  return readBytes(file, startOffset, Math.min(contentOffset - startOffset, MAX_HEADER_SIZE));
}

/** The header blocks of a member, but for global ones. */
function blocksOf(bytes: Uint8Array): { readonly kind: TarBlockKind; readonly at: number }[] {
  if (bytes.length === BLOCK_SIZE) return [{ kind: 'member', at: 0 }];
  const blocks: { kind: TarBlockKind; at: number }[] = [];
  const decoder = createTarDecoder(
    {
      member() {},
      block({ kind, offset }) {
        if (kind !== 'global' && kind !== 'sparse') blocks.push({ kind, at: offset });
      },
    },
    { sparse: true },
  );
  try {
    decoder.push(bytes);
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
  }
  return blocks;
}
