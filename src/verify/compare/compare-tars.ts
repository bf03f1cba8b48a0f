import { BLOCK_SIZE, RECORD_SIZE } from '../../bytes/index.js';
import { readBytes } from '../../transport/index.js';
import { type Both, type Difference, type DifferenceSink, shownName } from './difference.js';
import { differingFields } from './header-bytes.js';
import type { MemberRecord, TarListing } from './listing.js';
import { bitOf, compareMembers, fieldText, MEMBER_FIELDS, type MemberField } from './member-fields.js';
import { type MemberPairs, movedMembers, pairMembers } from './pair-members.js';
import {
  compareHeaders,
  dumpBoth,
  firstDifferingByte,
  locateContent,
  locateFields,
  placeOf,
  type ReadTar,
  takeTurn,
} from './tar-bytes.js';

/** Where two tars first differ. */
export interface FirstByte {
  /** In both tars; a checksum is passed over, for it follows from what is behind it. */
  readonly offset: number;
  /** Of which member the byte is, and of what of it; `null` behind the last. */
  readonly member: Both<string | null>;
  /** A field of a header, `pax header`, `long name`, `content`, `padding` or `end`. */
  readonly field: Both<string>;
  readonly hexdump: Both<string>;
}

/** What was found of two tars, for whoever asks for the causes. */
export interface TarComparison {
  readonly pairs: MemberPairs;
  /** By the index of A's members: bits of the fields that differ; 0 where B has none. */
  readonly masks: Uint32Array;
  /** Indexes of A's members that stand in another order in B. */
  readonly moved: readonly number[];
  /** Fields of headers that differ in their bytes and not in what they say, and how many. */
  readonly headers: ReadonlyMap<string, number>;
  readonly first: FirstByte | undefined;
}

/** After so many members the event loop has a turn, in which signals arrive. */
const TURN_MEMBERS = 10_000;

/** Which bytes of a header say it. */
const BYTES_OF: Readonly<Partial<Record<MemberField, readonly string[]>>> = {
  name: ['name', 'prefix'],
  type: ['typeflag', 'size', 'linkname'],
  device: ['devmajor', 'devminor'],
  format: ['magic', 'typeflag'],
  content: ['size'],
  sparse: ['typeflag', 'prefix', 'padding', 'size'],
  records: [],
};

const bytesOf = (field: MemberField): readonly string[] => BYTES_OF[field] ?? [field];

/**
 * Compares two tars member by member.
 *
 * @param sink takes what differs
 * @param place of all differences
 * @throws {TransportError} when the system refuses
 */
export async function compareTars(
  a: ReadTar,
  b: ReadTar,
  sink: DifferenceSink,
  place: Pick<Difference, 'image' | 'layer'>,
  signal: AbortSignal | undefined,
): Promise<TarComparison> {
  let found = 0;
  const add: DifferenceSink['add'] = (difference, more) => {
    found++;
    sink.add(difference, more);
  };
  const [left, right] = [a.listing.members, b.listing.members];
  const pairs = pairMembers(left, right);
  const masks = new Uint32Array(left.length);
  const headers = new Map<string, number>();
  for (const [index, member] of left.entries()) {
    if (index % TURN_MEMBERS === 0) await takeTurn(signal);
    const partner = pairs.ofA[index]!;
    if (partner === -1) {
      const field = 'only in A';
      add({ ...place, kind: 'member', member: shownName(member.name), field, a: fieldText('type', member), b: null });
      continue;
    }
    const other = right[partner]!;
    const mask = compareMembers(member, other);
    masks[index] = mask;
    if (mask !== 0) addFields({ a, b, left: member, right: other, mask, headers, place, add });
  }
  for (const [index, member] of right.entries()) {
    if (pairs.ofB[index] === -1) {
      const field = 'only in B';
      add({ ...place, kind: 'member', member: shownName(member.name), field, a: null, b: fieldText('type', member) });
    }
  }
  const moved = movedMembers(pairs);
  for (const index of moved) {
    const [before, after] = [left[index - 1], right[pairs.ofA[index]! - 1]];
    const describe = (previous: MemberRecord | undefined): string =>
      previous === undefined ? 'first' : `after "${shownName(previous.name)}"`;
    add({ ...place, kind: 'order', member: shownName(left[index]!.name), a: describe(before), b: describe(after) });
  }
  compareRest(a.listing, b.listing, place, add);
  const first = await findFirstByte(a, b, signal);
  if (found === 0 && first !== undefined) {
    const { offset, member, field, hexdump } = first;
    add({
      ...place,
      kind: 'archive',
      field: field.a,
      ...(member.a !== null && { member: member.a }),
      a: field.a,
      b: field.b,
      offset: { a: offset, b: offset },
      hexdump,
    });
  }
  return { pairs, masks, moved, headers, first };
}

interface FieldInput {
  readonly a: ReadTar;
  readonly b: ReadTar;
  readonly left: MemberRecord;
  readonly right: MemberRecord;
  readonly mask: number;
  readonly headers: Map<string, number>;
  readonly place: Pick<Difference, 'image' | 'layer'>;
  readonly add: DifferenceSink['add'];
}

function addFields({ a, b, left, right, mask, headers, place, add }: FieldInput): void {
  const member = shownName(left.name);
  const known = MEMBER_FIELDS.filter((field) => field !== 'header' && (mask & bitOf(field)) !== 0);
  const dump = (offset: Both<number> | undefined): Pick<Difference, 'offset' | 'hexdump'> =>
    offset === undefined ? {} : dumpBoth(a.file, b.file, offset);
  for (const field of known) {
    const values = { a: fieldText(field, left), b: fieldText(field, right) };
    if (field === 'content') {
      add({ ...place, kind: 'content', member, ...values }, () => dumpContent(a, b, left, right));
      continue;
    }
    const locate = (): Pick<Difference, 'offset' | 'hexdump'> => dump(locateFields(a, b, left, right, bytesOf(field)));
    if (field === 'records') {
      for (const [key, values] of differingRecords(left.records, right.records)) {
        add({ ...place, kind: 'field', member, field: `pax ${key}`, ...values }, locate);
      }
    } else add({ ...place, kind: 'field', member, field, ...values }, locate);
  }
  // Another format writes everything in another way.
  if ((mask & bitOf('header')) === 0 || known.includes('format') || known.includes('sparse')) return;
  const except = new Set(known.flatMap(bytesOf));
  if (left.attributes.metadata !== right.attributes.metadata || known.includes('records')) except.add('pax records');
  for (const { field, offset } of compareHeaders(a, b, left, right, except)) {
    headers.set(field, (headers.get(field) ?? 0) + 1);
    add({ ...place, kind: 'header', member, field, a: null, b: null }, () => dump(offset));
  }
}

function dumpContent(
  a: ReadTar,
  b: ReadTar,
  left: MemberRecord,
  right: MemberRecord,
): Pick<Difference, 'offset' | 'hexdump'> {
  const at = locateContent(a, b, left, right);
  if (at === undefined) return {};
  const base = { a: left.contentOffset, b: right.contentOffset };
  const end = { a: base.a + left.storedSizeBytes, b: base.b + right.storedSizeBytes };
  return dumpBoth(a.file, b.file, { a: at, b: at }, base, end);
}

function differingRecords(a: readonly string[], b: readonly string[]): Map<string, Both<string | null>> {
  const parse = (records: readonly string[]): Map<string, string> =>
    new Map(records.map((record) => [record.slice(0, record.indexOf('=')), record.slice(record.indexOf('=') + 1)]));
  const [left, right] = [parse(a), parse(b)];
  const values = (records: Map<string, string>, key: string): string | null =>
    records.has(key) ? shownName(records.get(key)!) : null;
  return new Map(
    [...new Set([...left.keys(), ...right.keys()])]
      .filter((key) => left.get(key) !== right.get(key))
      .map((key) => [shownName(key), { a: values(left, key), b: values(right, key) }]),
  );
}

/** What an archive has besides members. */
function compareRest(
  a: TarListing,
  b: TarListing,
  place: Pick<Difference, 'image' | 'layer'>,
  add: DifferenceSink['add'],
): void {
  const check = (field: string, left: string, right: string): void => {
    if (left !== right) add({ ...place, kind: 'archive', field, a: left, b: right });
  };
  const text = (values: readonly string[]): string => shownName(values.join(' '));
  if (a.globals.join('\0') !== b.globals.join('\0')) {
    add({ ...place, kind: 'archive', field: 'global header', a: text(a.globals), b: text(b.globals) });
  }
  check('padding', dirtyText(a), dirtyText(b));
  if (!(isRecordFilled(a) && isRecordFilled(b))) check('end', endText(a), endText(b));
}

function dirtyText({ dirtyPadding }: TarListing): string {
  return dirtyPadding.length === 0
    ? 'zeros'
    : `${dirtyPadding.length} with other bytes, the first at ${dirtyPadding[0]}`;
}

/** Whether it ends with as many zeros as fill a record: how many that are depends on what is before them. */
export function isRecordFilled({ end, sizeBytes }: TarListing): boolean {
  return (
    end?.isTerminated === true &&
    end.trailingOffset === undefined &&
    sizeBytes % RECORD_SIZE === 0 &&
    sizeBytes - end.endOffset! < RECORD_SIZE + 2 * BLOCK_SIZE
  );
}

/** How an archive ends. */
export function endText({ end, failure }: TarListing): string {
  if (end === undefined) return `unreadable: ${failure?.message ?? ''}`;
  const { isTerminated, zeroBlocks, trailingOffset } = end;
  const zeros = isTerminated ? `${zeroBlocks} zero blocks` : 'no two zero blocks';
  return trailingOffset === undefined ? zeros : `${zeros}, and other bytes from ${trailingOffset} on`;
}

async function findFirstByte(a: ReadTar, b: ReadTar, signal: AbortSignal | undefined): Promise<FirstByte | undefined> {
  const byte = await firstDifferingByte(a.file, b.file, signal);
  if (byte === undefined) return undefined;
  const offset = behindChecksum(a, b, byte);
  const [left, right] = [placeOf(a, offset), placeOf(b, offset)];
  const name = ({ member }: typeof left): string | null => (member === null ? null : shownName(member.name));
  return {
    offset,
    member: { a: name(left), b: name(right) },
    field: { a: left.field, b: right.field },
    hexdump: dumpBoth(a.file, b.file, { a: offset, b: offset }).hexdump!,
  };
}

/** Where the header differs whose checksum has the byte. */
function behindChecksum(a: ReadTar, b: ReadTar, byte: number): number {
  const [left, right] = [placeOf(a, byte), placeOf(b, byte)];
  if (left.member === null || left.field !== 'checksum' || right.field !== 'checksum') return byte;
  const { headerOffset } = left.member;
  const [x, y] = [a, b].map(({ file }) => readBytes(file, headerOffset, BLOCK_SIZE));
  return headerOffset + differingFields(x!, y!)[0]!.at;
}
