import type { Both } from '../compare/difference.js';
import { shownName } from '../compare/difference.js';
import type { MemberRecord } from '../compare/listing.js';
import { modeText } from '../compare/member-fields.js';
import { cause, counted, grouped, type LocalCause, pairsWith, type TarInput } from './cause.js';

/** Ids from here on are of people, but for the last ones. */
const FIRST_USER = 1000;
const NOBODY = 65534;

/** Explains owners, modes and devices. */
export function explainAttributes(input: TarInput): LocalCause[] {
  return [...explainOwners(input), ...explainModes(input), ...explainDevices(input)];
}

function explainOwners(input: TarInput): LocalCause[] {
  const pairs = pairsWith(input, 'uid', 'gid', 'uname', 'gname');
  if (pairs.length === 0) return [];
  const members = counted(pairs.length, 'member');
  const examples = listed(pairs, ownerText);
  const isSame = pairs.every(
    ({ a, b }) => a.attributes.uid === b.attributes.uid && a.attributes.gid === b.attributes.gid,
  );
  if (isSame) {
    for (const [without, withNames] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      if (!pairs.every((pair) => pair[without].attributes.uname === '' && pair[without].attributes.gname === ''))
        continue;
      const message = `names of owners of ${members} are in ${withNames.toUpperCase()}, and only their numbers in ${without.toUpperCase()}`;
      return [cause('OWNER', pairs.length, message, examples)];
    }
    return [
      cause(
        'OWNER',
        pairs.length,
        `names of owners of ${members} differ for equal numbers: users of the machines`,
        examples,
      ),
    ];
  }
  for (const [user, other] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    const isUser = ({ attributes: { uid } }: MemberRecord): boolean => uid >= FIRST_USER && uid < NOBODY;
    if (!pairs.every((pair) => isUser(pair[user]) && !isUser(pair[other]))) continue;
    const message = `owner of ${members} is in ${user.toUpperCase()} the user who made it, ${ownerText(pairs[0]![user])}, and ${ownerText(pairs[0]![other])} in ${other.toUpperCase()}`;
    return [cause('OWNER', pairs.length, message, examples, 'probable')];
  }
  return [cause('OWNER', pairs.length, `owner of ${members} differs`, examples)];
}

function ownerText({ attributes: { uid, gid, uname, gname } }: MemberRecord): string {
  const names = uname === '' && gname === '' ? '' : ` (${shownName(uname)}:${shownName(gname)})`;
  return `${uid}:${gid}${names}`;
}

function explainModes(input: TarInput): LocalCause[] {
  const pairs = pairsWith(input, 'mode');
  if (pairs.length === 0) return [];
  const members = counted(pairs.length, 'member');
  const examples = listed(pairs, ({ attributes }) => modeText(attributes.mode));
  if (pairs.every(({ a }) => a.attributes.type === 'symlink')) {
    return [
      cause(
        'MODE',
        pairs.length,
        `mode of ${counted(pairs.length, 'symlink')} differs, which says nothing of them`,
        examples,
      ),
    ];
  }
  let [onlyA, onlyB] = [0, 0];
  for (const { a, b } of pairs) {
    onlyA |= a.attributes.mode & ~b.attributes.mode;
    onlyB |= b.attributes.mode & ~a.attributes.mode;
  }
  const bits = onlyA | onlyB;
  if ((bits & ~0o077) === 0 && (onlyA === 0 || onlyB === 0)) {
    const [strict, open] = onlyA === 0 ? ['A', 'B'] : ['B', 'A'];
    const message = `mode of ${members} lacks bits of ${modeText(bits)} in ${strict} that are in ${open}: files were made with another umask`;
    return [cause('MODE', pairs.length, message, examples, 'probable')];
  }
  if ((bits & ~0o7000) === 0) {
    const message = `mode of ${members} differs in set-user-ID, set-group-ID and sticky bits, which a change of owner takes away`;
    return [cause('MODE', pairs.length, message, examples, 'probable')];
  }
  return [cause('MODE', pairs.length, `mode of ${members} differs in bits of ${modeText(bits)}`, examples)];
}

function explainDevices(input: TarInput): LocalCause[] {
  const pairs = pairsWith(input, 'device');
  if (pairs.length === 0) return [];
  const text = ({ attributes: { devMajor, devMinor } }: MemberRecord): string => `${devMajor},${devMinor}`;
  return [
    cause('DEVICE', pairs.length, `device numbers of ${counted(pairs.length, 'member')} differ`, listed(pairs, text)),
  ];
}

/** Values of both sides, the most frequent first, each with a member that has them. */
export function listed(pairs: readonly Both<MemberRecord>[], textOf: (member: MemberRecord) => string): string[] {
  const groups = new Map<string, { readonly name: string; count: number }>();
  for (const { a, b } of pairs) {
    const key = `A ${textOf(a)}, B ${textOf(b)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { name: shownName(a.name), count: 1 });
    else group.count++;
  }
  return [...groups]
    .sort(([, a], [, b]) => b.count - a.count)
    .slice(0, 3)
    .map(([key, { name, count }]) => `${key}: "${name}"${count === 1 ? '' : ` and ${grouped(count - 1)} more`}`);
}
