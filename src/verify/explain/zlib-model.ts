import type { DeflateToken } from './deflate-tokens.js';

/** How hard a level of zlib and gzip looks for matches. */
interface Effort {
  /** Matches of this length make the search for a better one short. */
  readonly good: number;
  /** Of this length, needless; the levels that are not lazy enter no more than this into their table. */
  readonly lazy: number;
  /** Of this length, no longer one is looked for. */
  readonly nice: number;
  /** So many places are looked at. */
  readonly chain: number;
  readonly isLazy: boolean;
}

const effort = (good: number, lazy: number, nice: number, chain: number, isLazy: boolean): Effort => ({
  good,
  lazy,
  nice,
  chain,
  isLazy,
});

/** Of the levels 1 to 9. @see zlib's manual and its "Algorithm" notes: greedy up to level 3, lazy from 4 on */
const EFFORTS: readonly Effort[] = [
  effort(4, 4, 8, 4, false),
  effort(4, 5, 16, 8, false),
  effort(4, 6, 32, 32, false),
  effort(4, 4, 16, 16, true),
  effort(8, 16, 32, 32, true),
  effort(8, 16, 128, 128, true),
  effort(8, 32, 128, 256, true),
  effort(32, 128, 258, 1024, true),
  effort(32, 258, 258, 4096, true),
];

export const ZLIB_LEVELS: number = EFFORTS.length;

/** Bytes can be made for which a search takes minutes. */
const MAX_STEPS = 100_000_000;

const MIN_MATCH = 3;
const MAX_MATCH = 258;
/** A match may be as far away as the window is large, less what is kept for looking ahead. */
const MAX_DISTANCE = 32_768 - 262;
/** A match of three bytes from farther away costs more than the bytes. */
const TOO_FAR = 4096;

/** Of the hash of three bytes, with the memory level 8 that all take. */
const HASH_MASK = 0x7fff;

/** Of more bytes the window would move, which is another matter. */
export const MODEL_SIZE: number = 60_000;

/**
 * The bytes and matches that a level of zlib chooses, and of gzip, of which zlib is a descendant. It models the choice
 * and compresses nothing: it is to recognize streams, and no output ever comes of it.
 *
 * @param bytes at most `MODEL_SIZE` from the beginning of the stream; what is chosen for the last 300 depends on more
 * @param level in [1, 9]
 */
export function* zlibTokens(bytes: Uint8Array, level: number): Generator<DeflateToken, void, void> {
  const { good, lazy, nice, chain, isLazy } = EFFORTS[level - 1]!;
  let steps = 0;
  /** By the hash of three bytes, others of which take their tries; the first byte of all is one that is never found. */
  const latest = new Map<number, number>();
  const earlier = new Int32Array(bytes.length);

  /** Enters a place. @returns the place before it with the same hash, 0 for none */
  const enter = (at: number): number => {
    if (at + MIN_MATCH > bytes.length) return 0;
    const key = ((bytes[at]! << 10) ^ (bytes[at + 1]! << 5) ^ bytes[at + 2]!) & HASH_MASK;
    const previous = latest.get(key) ?? 0;
    earlier[at] = previous;
    latest.set(key, at);
    return previous;
  };
  /** The first of the longest matches that are longer than `than`. */
  const longest = (at: number, from: number, than: number): { length: number; place: number } => {
    const end = Math.min(bytes.length, at + MAX_MATCH);
    const enough = Math.min(nice, bytes.length - at);
    const lowest = Math.max(0, at - MAX_DISTANCE);
    let best = than;
    let bestPlace = 0;
    let tries = than >= good ? chain >> 2 : chain;
    for (let place = from; place > lowest && tries > 0; place = earlier[place]!, tries--) {
      let length = 0;
      steps++;
      if (bytes[place + best] !== bytes[at + best]) continue;
      while (at + length < end && bytes[place + length] === bytes[at + length]) length++;
      steps += length;
      if (length <= best) continue;
      best = length;
      bestPlace = place;
      if (length >= enough) break;
    }
    return { length: best, place: bestPlace };
  };

  if (!isLazy) {
    for (let at = 0; at < bytes.length && steps < MAX_STEPS; ) {
      const from = enter(at);
      const { length, place } = longest(at, from, MIN_MATCH - 1);
      if (place === 0) {
        yield bytes[at++]!;
        continue;
      }
      yield length * 2 ** 16 + (at - place);
      if (length <= lazy) for (let next = at + 1; next < at + length; next++) enter(next);
      at += length;
    }
    return;
  }
  let held = { length: MIN_MATCH - 1, place: 0 };
  let isHeld = false;
  for (let at = 0; at < bytes.length && steps < MAX_STEPS; at++) {
    const from = enter(at);
    let found = { length: MIN_MATCH - 1, place: 0 };
    if (held.length < lazy) {
      found = longest(at, from, held.length);
      if (found.place === 0) found = { length: MIN_MATCH - 1, place: 0 };
      if (found.length === MIN_MATCH && at - found.place > TOO_FAR) found = { length: MIN_MATCH - 1, place: 0 };
    }
    if (held.length >= MIN_MATCH && found.length <= held.length) {
      yield held.length * 2 ** 16 + (at - 1 - held.place);
      const end = at - 1 + held.length;
      while (++at < end) enter(at);
      at = end - 1;
      held = { length: MIN_MATCH - 1, place: 0 };
      isHeld = false;
      continue;
    }
    if (isHeld) yield bytes[at - 1]!;
    isHeld = true;
    held = found;
  }
  if (isHeld && steps < MAX_STEPS) yield bytes.at(-1)!;
}

/** Whether a stream and a model choose the same for the first `sizeBytes` bytes, as far as the stream shows it. */
export function agree(tokens: readonly DeflateToken[], model: Iterable<DeflateToken>, sizeBytes: number): boolean {
  let index = 0;
  let done = 0;
  let unknown = 0;
  if (sizeBytes <= 0) return true;
  for (const token of model) {
    const size = token < 256 ? 1 : Math.floor(token / 2 ** 16);
    while (unknown <= 0 && tokens[index]! < 0) unknown -= tokens[index++]!;
    // A block ends where a match does.
    if (unknown > 0) unknown -= size;
    else if (unknown < 0 || token !== tokens[index++]) return false;
    done += size;
    if (done >= sizeBytes) return true;
  }
  return false;
}
