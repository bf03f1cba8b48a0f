import type { MemberRecord } from './listing.js';
import { memberKey } from './pair-members.js';

/** Two layers that are taken for one; -1 on the side that has none. */
export interface LayerPair {
  readonly a: number;
  readonly b: number;
  readonly by: 'diffID' | 'content' | 'index' | 'none';
}

/** A layer as far as pairing needs it. */
export interface PairableLayer {
  /** Of the uncompressed tar, or else of the blob. */
  readonly digest: string;
  /** What is in it; asked for only where digests do not tell. */
  readonly members: () => readonly MemberRecord[];
}

/** Weight of a member that both have in another version, against one that is the same. */
const NAME_WEIGHT = 0.25;

/**
 * Pairs layers: first those whose tars are equal, then those that share most of their members, then what is left in
 * its order.
 *
 * @returns pairs in the order of A, and what only B has behind what it follows there
 */
export function pairLayers(a: readonly PairableLayer[], b: readonly PairableLayer[]): LayerPair[] {
  const pairs: LayerPair[] = [];
  const left = new Set(a.keys());
  const right = new Set(b.keys());
  const join = (x: number, y: number, by: LayerPair['by']): void => {
    pairs.push({ a: x, b: y, by });
    left.delete(x);
    right.delete(y);
  };
  // An empty layer may stand there many times: the nearest goes first.
  for (const x of [...left]) {
    const equal = [...right].filter((y) => b[y]!.digest === a[x]!.digest);
    const nearest = equal.sort((y, z) => Math.abs(y - x) - Math.abs(z - x) || y - z)[0];
    if (nearest !== undefined) join(x, nearest, 'diffID');
  }
  for (const { x, y } of similarities(a, b, [...left], [...right])) {
    if (left.has(x) && right.has(y)) join(x, y, 'content');
  }
  const rest = [...right];
  for (const [index, x] of [...left].entries()) {
    const y = rest[index];
    if (y === undefined) pairs.push({ a: x, b: -1, by: 'none' });
    else join(x, y, 'index');
  }
  for (const y of right) pairs.push({ a: -1, b: y, by: 'none' });
  const placeInA = new Map(pairs.filter((pair) => pair.a >= 0).map((pair) => [pair.b, pair.a]));
  const order = (pair: LayerPair): number => {
    if (pair.a >= 0) return pair.a;
    for (let y = pair.b; y >= 0; y--) if (placeInA.has(y)) return placeInA.get(y)! + 0.5;
    return -0.5;
  };
  return pairs.sort((p, q) => order(p) - order(q) || p.b - q.b);
}

/** Pairs that have something in common, the most alike first. */
function similarities(
  a: readonly PairableLayer[],
  b: readonly PairableLayer[],
  left: readonly number[],
  right: readonly number[],
): { readonly x: number; readonly y: number }[] {
  if (left.length === 0 || right.length === 0) return [];
  if (left.length === 1 && right.length === 1 && beginAlike(a[left[0]!]!, b[right[0]!]!)) {
    return [{ x: left[0]!, y: right[0]! }];
  }
  /** By name, the last layer that has it and what leads to those before. */
  const wanted = new Map<string, Candidate>();
  for (const y of right) {
    for (const member of b[y]!.members()) {
      if (isTelling(member))
        wanted.set(memberKey(member.name), { y, member, next: wanted.get(memberKey(member.name)) });
    }
  }
  const scored: { readonly x: number; readonly y: number; readonly score: number }[] = [];
  for (const x of left) {
    const members = a[x]!.members();
    const scores = new Map<number, number>();
    for (const member of members) {
      if (!isTelling(member)) continue;
      let candidate = wanted.get(memberKey(member.name));
      for (; candidate !== undefined; candidate = candidate.next) {
        const { y, member: other } = candidate;
        scores.set(y, (scores.get(y) ?? 0) + (versionOf(member) === versionOf(other) ? 1 : NAME_WEIGHT));
      }
    }
    for (const [y, score] of scores) {
      scored.push({ x, y, score: score / Math.max(members.length, b[y]!.members().length) });
    }
  }
  return scored.sort((p, q) => q.score - p.score || Math.abs(p.x - p.y) - Math.abs(q.x - q.y) || p.x - q.x);
}

interface Candidate {
  readonly y: number;
  readonly member: MemberRecord;
  readonly next: Candidate | undefined;
}

/** Nearly every layer has the directories above what is in it. */
function isTelling({ attributes }: MemberRecord): boolean {
  return attributes.type !== 'directory';
}

/** Whether two layers that have nothing to choose from have a file of one name, which most have at one place. */
function beginAlike(a: PairableLayer, b: PairableLayer): boolean {
  const others = b.members();
  return a
    .members()
    .slice(0, 1000)
    .some((member, index) => isTelling(member) && member.name === others[index]?.name);
}

function versionOf({ attributes, contentHash, linkname }: MemberRecord): string {
  return `${attributes.type} ${contentHash} ${linkname}`;
}

/** Pairs that stand elsewhere among the others: as few as can be moved to make the orders equal. */
export function movedLayers(pairs: readonly LayerPair[]): LayerPair[] {
  const both = pairs.filter(({ a, b }) => a >= 0 && b >= 0);
  const length: number[] = [];
  const before: number[] = [];
  for (const [index, { b }] of both.entries()) {
    length[index] = 1;
    before[index] = -1;
    for (let other = 0; other < index; other++) {
      if (both[other]!.b < b && length[other]! + 1 > length[index]!) {
        length[index] = length[other]! + 1;
        before[index] = other;
      }
    }
  }
  const stays = new Set<LayerPair>();
  let at = length.indexOf(Math.max(...length, 0));
  for (; at >= 0; at = before[at]!) stays.add(both[at]!);
  return both.filter((pair) => !stays.has(pair));
}
