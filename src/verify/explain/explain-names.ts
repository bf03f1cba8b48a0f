import { type ByteString, decodeUtf8, encodeUtf8 } from '../../bytes/index.js';
import { type Both, shownName } from '../compare/difference.js';
import type { MemberRecord } from '../compare/listing.js';
import { memberKey } from '../compare/pair-members.js';
import { cause, counted, examples, grouped, type LocalCause, pairsWith, type TarInput } from './cause.js';
import { ORDER_TEXTS, type OrderKind, orderKind } from './order-kind.js';

/** Explains which members there are, under which names, and in which order. */
export function explainNames(input: TarInput): LocalCause[] {
  return [...explainSpelling(input), ...explainMissing(input), ...explainDuplicates(input), ...explainOrder(input)];
}

function explainSpelling(input: TarInput): LocalCause[] {
  const groups = new Map<string, Both<MemberRecord>[]>();
  for (const pair of pairsWith(input, 'name')) {
    const what = spellingOf(pair.a.name, pair.b.name);
    const group = groups.get(what);
    if (group === undefined) groups.set(what, [pair]);
    else group.push(pair);
  }
  return [...groups].map(([what, pairs]) => {
    const code = what.startsWith('encoded') ? 'NAME_ENCODING' : 'NAME_FORM';
    const evidence = examples(pairs, ({ a, b }) => `A "${shownName(a.name)}", B "${shownName(b.name)}"`);
    return cause(code, pairs.length, `names of ${counted(pairs.length, 'member')}: ${what}`, evidence);
  });
}

function spellingOf(a: ByteString, b: ByteString): string {
  for (const [x, y, side] of [
    [a, b, 'A'],
    [b, a, 'B'],
  ] as const) {
    if (x.startsWith('./') && !y.startsWith('./')) return `with "./" before them in ${side}`;
    if (x.startsWith('/') && !y.startsWith('/')) return `with "/" before them in ${side}`;
    if (`${y}/` === x) return `with "/" behind them in ${side}`;
    const [left, right] = [decodeUtf8(x), decodeUtf8(y)];
    if (left.normalize('NFC') === right && left.normalize('NFD') === left) {
      return `encoded as decomposed characters (NFD) in ${side} and as composed ones (NFC) in the other`;
    }
    if (encodeUtf8(x) === y) return `encoded as Latin-1 in ${side} and as UTF-8 in the other`;
  }
  return 'spelled otherwise';
}

function explainMissing({ a, b, comparison: { pairs } }: TarInput): LocalCause[] {
  const causes: LocalCause[] = [];
  const onlyA = a.listing.members.filter((_, index) => pairs.ofA[index] === -1);
  const onlyB = b.listing.members.filter((_, index) => pairs.ofB[index] === -1);
  const { renamed, left, right } = withoutRenamed(onlyA, onlyB);
  if (renamed.length > 0) {
    const evidence = examples(renamed, (pair) => `A "${shownName(pair.a.name)}", B "${shownName(pair.b.name)}"`);
    causes.push(
      cause(
        'RENAMED',
        renamed.length,
        `${counted(renamed.length, 'file')} with the same content under another name`,
        evidence,
        'probable',
      ),
    );
  }
  for (const [side, only, others] of [
    ['A', left, b],
    ['B', right, a],
  ] as const) {
    if (only.length === 0) continue;
    const parents = parentsOf(others.listing.members);
    const implied = new Set(
      only.filter(({ name, attributes }) => attributes.type === 'directory' && parents.has(memberKey(name))),
    );
    const rest = only.filter((member) => !implied.has(member));
    const names = (members: readonly MemberRecord[]): string[] =>
      examples(members, ({ name }) => `"${shownName(name)}"`);
    if (implied.size > 0) {
      const message = `${implied.size === 1 ? 'one directory' : `${grouped(implied.size)} directories`} above other members only in ${side}: the other side leaves such parents out`;
      causes.push(cause('PARENTS', implied.size, message, names([...implied])));
    }
    if (rest.length > 0) {
      causes.push(cause('MEMBERS', rest.length, `${counted(rest.length, 'member')} only in ${side}`, names(rest)));
    }
  }
  return causes;
}

function withoutRenamed(onlyA: readonly MemberRecord[], onlyB: readonly MemberRecord[]) {
  const byContent = new Map<string, MemberRecord[]>();
  for (const member of onlyB) {
    if (member.contentHash === '') continue;
    const same = byContent.get(member.contentHash);
    if (same === undefined) byContent.set(member.contentHash, [member]);
    else same.push(member);
  }
  const taken = new Set<MemberRecord>();
  const renamed: Both<MemberRecord>[] = [];
  for (const member of onlyA) {
    const other = member.contentHash === '' ? undefined : byContent.get(member.contentHash)?.pop();
    if (other === undefined) continue;
    renamed.push({ a: member, b: other });
    taken.add(member).add(other);
  }
  const rest = (members: readonly MemberRecord[]): MemberRecord[] => members.filter((member) => !taken.has(member));
  return { renamed, left: rest(onlyA), right: rest(onlyB) };
}

function parentsOf(members: readonly MemberRecord[]): Set<string> {
  const parents = new Set<string>(['']);
  for (const { name } of members) {
    let key = memberKey(name);
    for (let slash = key.lastIndexOf('/'); slash > 0; slash = key.lastIndexOf('/')) {
      key = key.slice(0, slash);
      if (parents.has(key)) break;
      parents.add(key);
    }
  }
  return parents;
}

function explainDuplicates({ a, b }: TarInput): LocalCause[] {
  const [left, right] = [duplicatesOf(a.listing.members), duplicatesOf(b.listing.members)];
  if (left.length === right.length) return [];
  const [side, names] = left.length > right.length ? ['A', left] : ['B', right];
  const message = `${counted(names.length, 'member')} in ${side} under a name that was there before; when unpacked the last counts`;
  return [
    cause(
      'DUPLICATES',
      names.length,
      message,
      examples(names, (name) => `"${shownName(name)}"`),
    ),
  ];
}

function duplicatesOf(members: readonly MemberRecord[]): string[] {
  const seen = new Set<string>();
  return members
    .map(({ name }) => memberKey(name))
    .filter((key) => {
      const isRepeated = seen.has(key);
      seen.add(key);
      return isRepeated;
    });
}

function explainOrder({ a, b, comparison: { moved, pairs } }: TarInput): LocalCause[] {
  if (moved.length === 0) return [];
  const [left, right] = [a, b].map(({ listing }) => orderKind(listing.members.map(({ name }) => name)));
  const first = pairs.ofA.findIndex((place, index) => place !== -1 && place !== index);
  const names = [a, b].map(({ listing }) => `"${shownName(listing.members[first]?.name ?? '')}"`);
  const example = `member ${first + 1} is ${names[0]} in A, and ${names[1]} in B`;
  const isGuess = (kind: OrderKind): boolean => kind === 'walk' || kind === 'locale';
  return [
    cause(
      'ORDER',
      moved.length,
      `order of members: A is ${ORDER_TEXTS[left!]}; B is ${ORDER_TEXTS[right!]}`,
      first < 0 ? [] : [example],
      isGuess(left!) || isGuess(right!) ? 'probable' : 'certain',
    ),
  ];
}
