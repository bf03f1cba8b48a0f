import { readBytes } from '../../transport/index.js';
import { type Both, shownName } from '../compare/difference.js';
import type { MemberRecord } from '../compare/listing.js';
import { locateContent, type ReadTar } from '../compare/tar-bytes.js';
import { cause, differing, examples, type LocalCause, pairsWith, type TarInput } from './cause.js';

/** Contents are read again to look where they differ, of so many files at the most. */
const MAX_READ = 100;

/** Larger ones are not. */
const MAX_SIZE = 64 << 20;

interface Stamp {
  readonly what: string;
  readonly magic: readonly number[];
  /** Where the time stands. */
  readonly start: number;
  readonly end: number;
}

/** Files that begin with a time of their own. */
const STAMPS: readonly Stamp[] = [
  { what: 'the time in a gzip header', magic: [0x1f, 0x8b, 8], start: 4, end: 8 },
  {
    what: 'the time of the first member of an ar archive',
    magic: [0x21, 0x3c, 0x61, 0x72, 0x63, 0x68, 0x3e, 0x0a],
    start: 24,
    end: 36,
  },
  { what: 'the time of the first entry of a zip archive', magic: [0x50, 0x4b, 3, 4], start: 10, end: 14 },
];

/** Compiled Python has the time of its source at bytes 8 to 11, behind a version and flags that are zero. */
const PYTHON: Omit<Stamp, 'magic'> = { what: 'the time of its source in compiled Python', start: 8, end: 12 };

/** Explains contents. */
export function explainContents(input: TarInput): LocalCause[] {
  const pairs = pairsWith(input, 'content');
  const stamped = new Map<string, Both<MemberRecord>[]>();
  const rest: (readonly [pair: Both<MemberRecord>, at: number | undefined])[] = [];
  for (const [index, pair] of pairs.entries()) {
    const { a, b } = pair;
    const isRead = index < MAX_READ && a.storedSizeBytes <= MAX_SIZE && b.storedSizeBytes <= MAX_SIZE;
    const at = isRead ? locateContent(input.a, input.b, a, b) : undefined;
    const what = at === undefined ? undefined : stampAt(input.a, a, at);
    if (what !== undefined) stamped.set(what, [...(stamped.get(what) ?? []), pair]);
    else rest.push([pair, at]);
  }
  const causes = [...stamped].map(([what, members]) => {
    const evidence = examples(members, ({ a }) => `"${shownName(a.name)}"`);
    return cause(
      'CONTENT_TIME',
      members.length,
      `content of ${differing(members.length, 'file')} first in ${what}`,
      evidence,
      'probable',
    );
  });
  if (rest.length > 0)
    causes.push(
      cause('CONTENT', rest.length, `content of ${differing(rest.length, 'file')}`, examples(rest, describe)),
    );
  return causes;
}

function describe([{ a, b }, at]: readonly [pair: Both<MemberRecord>, at: number | undefined]): string {
  const sizes = a.sizeBytes === b.sizeBytes ? `${a.sizeBytes} bytes` : `${a.sizeBytes} bytes in A, ${b.sizeBytes} in B`;
  return `"${shownName(a.name)}": ${sizes}${at === undefined ? '' : `, from byte ${at} on`}`;
}

function stampAt(
  { file }: ReadTar,
  { name, contentOffset, storedSizeBytes }: MemberRecord,
  at: number,
): string | undefined {
  const start = readBytes(file, contentOffset, Math.min(16, storedSizeBytes));
  const isAt = (stamp: Omit<Stamp, 'magic'>): boolean => at >= stamp.start && at < stamp.end;
  if (name.endsWith('.pyc') && isAt(PYTHON) && start.subarray(4, 8).every((byte) => byte === 0)) return PYTHON.what;
  return STAMPS.find((stamp) => isAt(stamp) && stamp.magic.every((byte, index) => start[index] === byte))?.what;
}
