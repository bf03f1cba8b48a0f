import { type ByteString, decodeUtf8, encodeUtf8 } from '../../bytes/index.js';
import { resolveName } from '../../transport/index.js';
import type { MemberRecord } from './listing.js';

/** Which members of two archives are the same file. */
export interface MemberPairs {
  /** By the index of A's member: that of B's, or -1. */
  readonly ofA: Int32Array;
  /** By the index of B's member: that of A's, or -1. */
  readonly ofB: Int32Array;
}

/**
 * Pairs members by name: `./a`, `/a` and `a` are one, of a name that stands several times the first with the first, and
 * what is left by its name in another encoding.
 */
export function pairMembers(a: readonly MemberRecord[], b: readonly MemberRecord[]): MemberPairs {
  const ofA = new Int32Array(a.length).fill(-1);
  const ofB = new Int32Array(b.length).fill(-1);
  const join = (left: number, right: number): void => {
    ofA[left] = right;
    ofB[right] = left;
  };
  // Most archives are alike at both ends, which needs no map. What stands several times would be seen in the middle only
  // in part, so that both ends stop where a name is not the next one on both sides.
  let start = 0;
  while (start < a.length && start < b.length && a[start]!.name === b[start]!.name) join(start, start++);
  pairBy(a, b, start, (name) => [memberKey(name)], { ofA, ofB, join });
  pairBy(a, b, start, composed, { ofA, ofB, join });
  pairBy(a, b, start, (name) => [memberKey(name), memberKey(encodeUtf8(name))], { ofA, ofB, join }, true);
  return { ofA, ofB };
}

/** What names of one file have in common. */
export function memberKey(name: ByteString): string {
  return resolveName('', name) ?? name;
}

function composed(name: ByteString): string[] {
  return [decodeUtf8(memberKey(name) as ByteString).normalize('NFC')];
}

/**
 * @param keysOf a name may be known by several keys
 * @param onlyAscii whether names of ASCII, which are the same in any encoding, are left out
 */
function pairBy(
  a: readonly MemberRecord[],
  b: readonly MemberRecord[],
  start: number,
  keysOf: (name: ByteString) => readonly string[],
  { ofA, ofB, join }: MemberPairs & { readonly join: (left: number, right: number) => void },
  skipsAscii = false,
): void {
  const left = new Map<string, number[]>();
  for (let index = start; index < b.length; index++) {
    const { name } = b[index]!;
    if (ofB[index] !== -1 || (skipsAscii && !NOT_ASCII.test(name))) continue;
    for (const key of keysOf(name)) {
      const known = left.get(key);
      if (known === undefined) left.set(key, [index]);
      else known.push(index);
    }
  }
  if (left.size === 0) return;
  // The last of a list is taken: the first of its name must be there.
  for (const indexes of left.values()) indexes.reverse();
  for (let index = start; index < a.length; index++) {
    const { name } = a[index]!;
    if (ofA[index] !== -1 || (skipsAscii && !NOT_ASCII.test(name))) continue;
    for (const key of keysOf(name)) {
      const indexes = left.get(key);
      while (indexes !== undefined && indexes.length > 0) {
        const candidate = indexes.pop()!;
        if (ofB[candidate] !== -1) continue;
        join(index, candidate);
        break;
      }
      if (ofA[index] !== -1) break;
    }
  }
}

const NOT_ASCII = /[\x80-\xff]/;

/**
 * The members that stand in another order in B than in A: as few as can be moved to make the orders equal.
 *
 * @returns indexes of A's members, in their order
 */
export function movedMembers({ ofA }: MemberPairs): number[] {
  const paired: number[] = [];
  for (let index = 0; index < ofA.length; index++) if (ofA[index] !== -1) paired.push(index);
  // The longest run of A that is in B's order: of each length, the one that ends lowest in B.
  const ends: number[] = [];
  const before = new Int32Array(ofA.length).fill(-1);
  for (const index of paired) {
    const place = ofA[index]!;
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ofA[ends[middle]!]! < place) low = middle + 1;
      else high = middle;
    }
    if (low > 0) before[index] = ends[low - 1]!;
    ends[low] = index;
  }
  const stays = new Set<number>();
  for (let index = ends.at(-1) ?? -1; index !== -1; index = before[index]!) stays.add(index);
  return paired.filter((index) => !stays.has(index));
}
