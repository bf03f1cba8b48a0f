import type { Both } from '../compare/difference.js';
import { shownName } from '../compare/difference.js';
import type { MemberRecord } from '../compare/listing.js';
import { timeText } from '../compare/member-fields.js';
import type { StoredImage } from '../open/index.js';
import { cause, counted, examples, type LocalCause, pairsWith, type TarInput } from './cause.js';

/** Files that one build writes are written within such a time, in seconds. */
const BUILD_SPAN = 6 * 3600;
/** Clocks of a machine and of the container on it may differ by this, in seconds. */
const CLOCK_SLACK = 60;
/** Earlier is a constant that somebody chose: 0, 1, or the first time that zip knows. */
const CHOSEN = 400_000_000;
const QUARTER = 900;
const LARGEST_ZONE = 14 * 3600;

/** Explains modification times. */
export function explainTimes(input: TarInput): LocalCause[] {
  const pairs = pairsWith(input, 'mtime');
  if (pairs.length === 0) return [];
  const members = counted(pairs.length, 'member');
  const evidence = examples(
    pairs,
    ({ a, b }) => `"${shownName(a.name)}": A ${timeText(a.mtimeSeconds)}, B ${timeText(b.mtimeSeconds)}`,
  );
  if (pairs.every(({ a, b }) => Math.floor(a.mtimeSeconds) === Math.floor(b.mtimeSeconds))) {
    const side = pairs.every(({ b }) => Number.isInteger(b.mtimeSeconds)) ? 'A' : 'B';
    return [
      cause(
        'TIME',
        pairs.length,
        `mtime of ${members} has a fraction of a second in ${side} that the other has not, or another one`,
        evidence,
      ),
    ];
  }
  const shift = pairs[0]!.b.mtimeSeconds - pairs[0]!.a.mtimeSeconds;
  if (pairs.length > 1 && pairs.every(({ a, b }) => b.mtimeSeconds - a.mtimeSeconds === shift) && isSpread(pairs)) {
    const isZone = shift % QUARTER === 0 && Math.abs(shift) <= LARGEST_ZONE;
    return [
      cause(
        'TIME',
        pairs.length,
        `mtime of ${members} is ${Math.abs(shift)} s ${shift > 0 ? 'later' : 'earlier'} in B${isZone ? ': times of another time zone' : ''}`,
        evidence,
        isZone ? 'probable' : 'certain',
      ),
    ];
  }
  for (const [clamped, other] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    const limit = clampOf(input, pairs, clamped, other);
    // What a build wrote last is no limit that somebody set.
    if (limit === undefined || isBuildTime(limit, limit, createdOf(input.images[clamped]))) continue;
    const name = clamped.toUpperCase();
    const message = `mtime of ${members} is ${timeText(limit)} in ${name} where the other has a later one, and no member of ${name} is later: ${name} has its times clamped`;
    return [cause('TIME', pairs.length, message, evidence, 'probable')];
  }
  const [a, b] = (['a', 'b'] as const).map((side) =>
    describeTimes(
      pairs.map((pair) => pair[side].mtimeSeconds),
      input.images[side],
    ),
  );
  const isCertain = a!.isCertain && b!.isCertain;
  const message = `mtime of ${members}: A has ${a!.text}; B has ${b!.text}`;
  return [cause('TIME', pairs.length, message, evidence, isCertain ? 'certain' : 'probable')];
}

function isSpread(pairs: readonly Both<MemberRecord>[]): boolean {
  return pairs.some(({ a }) => a.mtimeSeconds !== pairs[0]!.a.mtimeSeconds);
}

/** The time to which all later ones were set; `undefined` where that is not what was done. */
function clampOf(
  { a, b }: TarInput,
  pairs: readonly Both<MemberRecord>[],
  clamped: 'a' | 'b',
  other: 'a' | 'b',
): number | undefined {
  const limit = pairs[0]![clamped].mtimeSeconds;
  const all = (clamped === 'a' ? a : b).listing.members;
  const isClamped =
    pairs.every((pair) => pair[clamped].mtimeSeconds === limit && pair[other].mtimeSeconds > limit) &&
    all.every(({ mtimeSeconds }) => mtimeSeconds <= limit) &&
    all.some(({ mtimeSeconds }) => mtimeSeconds < limit);
  return isClamped ? limit : undefined;
}

function describeTimes(
  times: readonly number[],
  image: StoredImage | undefined,
): { readonly text: string; readonly isCertain: boolean } {
  let [earliest, latest] = [times[0]!, times[0]!];
  for (const time of times) {
    earliest = Math.min(earliest, time);
    latest = Math.max(latest, time);
  }
  const created = createdOf(image);
  const span = latest - earliest;
  if (span === 0 && created === earliest)
    return { text: `its build time, the \`created\` of its config, ${timeText(created)}`, isCertain: true };
  if (span === 0 && earliest < CHOSEN) return { text: `the constant ${timeText(earliest)}`, isCertain: true };
  if (created !== undefined && isBuildTime(earliest, latest, created)) {
    return {
      text: `its build time, at most ${Math.ceil(created - earliest)} s before the \`created\` of its config, ${timeText(created)}`,
      isCertain: false,
    };
  }
  if (span === 0) return { text: timeText(earliest), isCertain: true };
  const range = `from ${timeText(earliest)} to ${timeText(latest)}`;
  return span <= BUILD_SPAN && earliest >= CHOSEN
    ? { text: `times within ${Math.ceil(span)} s, as one build writes files, ${range}`, isCertain: false }
    : { text: `times ${range}`, isCertain: true };
}

function isBuildTime(earliest: number, latest: number, created: number | undefined): boolean {
  return (
    created !== undefined && earliest >= created - BUILD_SPAN && latest <= created + CLOCK_SLACK && latest >= CHOSEN
  );
}

/** When an image says that it was made, in seconds; a fraction of a second is that of a machine's clock. */
export function createdOf(image: StoredImage | undefined): number | undefined {
  const json = image?.config?.json;
  if (typeof json !== 'object' || json === null) return undefined;
  const created = (json as { readonly created?: unknown }).created;
  const milliseconds = typeof created === 'string' && created.length < 100 ? Date.parse(created) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000);
}
