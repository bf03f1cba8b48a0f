import type { ByteSet, PatternNode, PosixPattern } from './posix-pattern.js';

/** Start and end of the whole match and then of each subexpression; undefined for one that took no part. */
export type Match = readonly [Span, ...(Span | undefined)[]];
export type Span = readonly [start: number, end: number];

/** Finds matches in one name: the leftmost longest in what follows `from`, where `^` matches at `from` only. */
export type Finder = (from: number) => Match | undefined;

type State =
  | { readonly kind: 'byte'; readonly set: ByteSet; readonly next: number }
  | { readonly kind: 'start' | 'end'; readonly next: number }
  | { readonly kind: 'save'; readonly slot: number; readonly next: number }
  /** Goes on to `preferred` where that way leads to the longest match, else to `other`. */
  | { readonly kind: 'split'; preferred: number; readonly other: number }
  | { readonly kind: 'match' };

/** A pattern as an automaton. */
export interface Automaton {
  readonly states: readonly State[];
  /** All states, each after those that it leads to without consuming a byte. */
  readonly order: readonly number[];
  readonly start: number;
  readonly groupCount: number;
}

/** More states would make tables of tens of megabytes for the longest names. */
export const STATE_LIMIT = 2000;

/**
 * Builds the automaton of a pattern.
 *
 * @returns undefined when the intervals of the pattern multiply to more than STATE_LIMIT states
 */
export function buildAutomaton(pattern: PosixPattern): Automaton | undefined {
  const states: State[] = [];
  const add = (state: State): number => states.push(state) - 1;

  const addSequence = (nodes: readonly PatternNode[], next: number): number =>
    nodes.reduceRight((following, node) => addNode(node, following), next);

  const addNode = (node: PatternNode, next: number): number => {
    if (states.length > STATE_LIMIT) return next;
    switch (node.kind) {
      case 'byte':
        return add({ kind: 'byte', set: node.set, next });
      case 'start':
      case 'end':
        return add({ kind: node.kind, next });
      case 'group': {
        const close = add({ kind: 'save', slot: node.index * 2 + 1, next });
        return add({ kind: 'save', slot: node.index * 2, next: addSequence(node.body, close) });
      }
      case 'repeat':
        return addRepeat(node, next);
    }
  };
  const addRepeat = ({ body, min, max }: PatternNode & { kind: 'repeat' }, next: number): number => {
    let first = next;
    if (max === Number.POSITIVE_INFINITY) {
      const loop: State = { kind: 'split', preferred: next, other: next };
      first = add(loop);
      loop.preferred = addNode(body, first);
    } else {
      // GNU libc nests optional rounds to the left, ((a?a)?a)?, so that many short rounds are preferred to few long
      // ones: all is decided at the start, by one split for each number of rounds.
      const rounds = [next];
      for (let i = min; i < max && states.length <= STATE_LIMIT; i++) rounds.push(addNode(body, rounds.at(-1)!));
      first = rounds.pop()!;
      for (const other of rounds.reverse()) first = add({ kind: 'split', preferred: first, other });
    }
    for (let i = 0; i < min && states.length <= STATE_LIMIT; i++) first = addNode(body, first);
    return first;
  };

  const start = addSequence(pattern.nodes, add({ kind: 'match' }));
  return states.length > STATE_LIMIT
    ? undefined
    : { states, order: settlingOrder(states), start, groupCount: pattern.groupCount };
}

/** There is such an order, because what is repeated is never empty: no way leads back to a state without a byte. */
function settlingOrder(states: readonly State[]): number[] {
  const order: number[] = [];
  const seen = new Set<number>();
  const visit = (index: number): void => {
    if (seen.has(index)) return;
    seen.add(index);
    const state = states[index]!;
    if (state.kind === 'split') {
      visit(state.preferred);
      visit(state.other);
    } else if (state.kind !== 'byte' && state.kind !== 'match') visit(state.next);
    order.push(index);
  };
  for (const index of states.keys()) visit(index);
  return order;
}

/**
 * Prepares a name for matching: for every position and state, the end of the longest match that can be reached from
 * there.
 *
 * The table is filled from the end of the name backwards, so that time and memory are proportional to states times
 * bytes for all matches in the name, whatever the pattern; a backtracking matcher is exponential on some.
 */
export function prepare({ states, order, start, groupCount }: Automaton, name: string): Finder {
  const width = states.length;
  const ends = new Int32Array((name.length + 1) * width);

  const fill = (position: number, isStart: boolean): void => {
    for (const index of order) {
      ends[position * width + index] = longestEnd(states[index]!, position, isStart);
    }
  };
  const longestEnd = (state: State, position: number, isStart: boolean): number => {
    const row = position * width;
    switch (state.kind) {
      case 'byte':
        return state.set[name.charCodeAt(position)] ? ends[row + width + state.next]! : -1;
      case 'start':
        return isStart ? ends[row + state.next]! : -1;
      case 'end':
        return position === name.length ? ends[row + state.next]! : -1;
      case 'save':
        return ends[row + state.next]!;
      case 'split':
        return Math.max(ends[row + state.preferred]!, ends[row + state.other]!);
      case 'match':
        return position;
    }
  };

  /** Follows the preferred way among those that end at `end`. */
  const trace = (from: number, end: number): Match => {
    const slots: number[] = [];
    let position = from;
    for (let index = start; ; ) {
      const state = states[index]!;
      if (state.kind === 'match') break;
      if (state.kind === 'split') {
        index = ends[position * width + state.preferred] === end ? state.preferred : state.other;
        continue;
      }
      if (state.kind === 'save') slots[state.slot] = position;
      if (state.kind === 'byte') position++;
      index = state.next;
    }
    const groups = Array.from({ length: groupCount }, (_, i): Span | undefined => {
      const [open, close] = [slots[i * 2 + 2], slots[i * 2 + 3]];
      return open === undefined || close === undefined ? undefined : [open, close];
    });
    return [[from, end], ...groups];
  };

  for (let position = name.length; position >= 0; position--) fill(position, false);
  return (from) => {
    fill(from, true);
    for (let position = from; position <= name.length; position++) {
      const end = ends[position * width + start]!;
      if (end >= 0) return trace(position, end);
    }
    return undefined;
  };
}
