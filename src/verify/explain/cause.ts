import type { TarComparison } from '../compare/compare-tars.js';
import type { Both, LayerNumbers } from '../compare/difference.js';
import type { MemberRecord } from '../compare/listing.js';
import { bitOf, type MemberField } from '../compare/member-fields.js';
import type { ReadTar } from '../compare/tar-bytes.js';
import type { StoredImage } from '../open/index.js';

/** Why two images differ, those first that matter most to what is in them. */
export const CAUSES = {
  UNREADABLE: 'an archive that cannot be read to its end',
  MEMBERS: 'members that one side has and the other has not',
  RENAMED: 'members of another name with the same content',
  CONTENT: 'contents of files',
  CONTENT_TIME: 'times within the contents of files',
  TYPE: 'types of members',
  SYMLINK: 'targets of symlinks',
  HARD_LINK: 'hard links on one side, copies or other links on the other',
  PARENTS: 'entries of directories that members imply',
  DUPLICATES: 'members that stand several times',
  TIME: 'times of members',
  OWNER: 'owners of members',
  MODE: 'permission bits of members',
  ORDER: 'order of members',
  NAME_FORM: 'names with or without a dot or a slash at their ends',
  NAME_ENCODING: 'encodings of names',
  DEVICE: 'device numbers',
  PAX_RECORDS: 'pax records, such as extended attributes',
  SPARSE: 'holes that one side stores and the other does not',
  FORMAT: 'formats of headers',
  HEADER: 'headers that say the same in other bytes',
  END: 'what follows the members of an archive',
  COMPRESSOR: 'compressors of the same bytes',
  PLATFORM: 'platforms of the images',
  CONFIG_TIME: 'times in the config',
  CONFIG_CONTAINER: 'what the config keeps of the container from which the image was made',
  IMAGE_NAMES: 'names and tags of images',
  CONFIG: 'values of the config and of other documents',
  CONFIG_ORDER: 'the order of values in documents',
  SPELLING: 'documents that say the same in other bytes',
  LAYERS: 'layers that one side has, or has in another place',
  CONTAINER: 'what the images are stored in',
} as const;

export type CauseCode = keyof typeof CAUSES;

/** Why two images or archives differ. */
export interface Cause {
  readonly code: CauseCode;
  /** Without a final period. */
  readonly message: string;
  /** `certain` where what was read says so, `probable` where it is what usually makes it so. */
  readonly certainty: 'certain' | 'probable';
  /** Of members, or of whatever it explains. */
  readonly count: number;
  readonly image?: string;
  readonly layer?: LayerNumbers;
  /** What it was seen by. */
  readonly evidence: readonly string[];
}

/** Two tars that were compared. */
export interface TarInput {
  readonly a: ReadTar;
  readonly b: ReadTar;
  readonly comparison: TarComparison;
  readonly images: Both<StoredImage | undefined>;
}

/** A cause whose place is added later. */
export type LocalCause = Omit<Cause, 'image' | 'layer'>;

const MAX_EXAMPLES = 3;

export function cause(
  code: CauseCode,
  count: number,
  message: string,
  evidence: readonly string[] = [],
  certainty: Cause['certainty'] = 'certain',
): LocalCause {
  return { code, message, certainty, count, evidence };
}

/** The first of many as evidence, and how many others there are. */
export function examples<T>(values: readonly T[], textOf: (value: T) => string): string[] {
  const more = values.length - MAX_EXAMPLES;
  const texts = values.slice(0, MAX_EXAMPLES).map(textOf);
  return more > 0 ? [...texts, `and ${grouped(more)} more`] : texts;
}

/** Pairs of members that differ in a field. */
export function pairsWith({ a, b, comparison }: TarInput, ...fields: readonly MemberField[]): Both<MemberRecord>[] {
  const bits = fields.reduce((sum, field) => sum | bitOf(field), 0);
  const { masks, pairs } = comparison;
  const found: Both<MemberRecord>[] = [];
  for (const [index, member] of a.listing.members.entries()) {
    if (((masks[index] ?? 0) & bits) === 0) continue;
    found.push({ a: member, b: b.listing.members[pairs.ofA[index]!]! });
  }
  return found;
}

/** `1,204`, whatever the locale. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1,204 members`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `1 value differs`, `2 values differ`. */
export function differing(count: number, noun: string): string {
  return `${counted(count, noun)} ${count === 1 ? 'differs' : 'differ'}`;
}
