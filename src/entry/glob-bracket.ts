import type { ByteString } from '../bytes/index.js';
import { type ByteSet, byteClass, byteSet, complement } from './byte-set.js';

/** A bracket expression of a glob, e.g. `[!a-z]`. */
export interface GlobBracket {
  /** The bytes that fnmatch(3) of GNU libc matches, also where there is a defect. */
  readonly set: ByteSet;
  /** Index of the first byte after the expression. */
  readonly end: number;
  /** What makes the expression ill-formed, for a message. */
  readonly defect?: string;
}

/**
 * `[:alpha:]`, `[=a=]`, or a `[.` `.]` of several bytes. Class names have no z in GNU libc: with one, the bracket is
 * plain.
 */
const NAMED = /\[(?::([a-y]*):|=(.)=|\.(?!.\.\]).*?\.)\]/sy;
const COLLATING_BYTE = /\[\.(.)\.\]/sy;

/**
 * Parses the bracket expression that begins at `start` (a `[`) as fnmatch(3) of GNU libc does in the C locale.
 *
 * `!` and `^` negate, a first `]` is a member, `\` quotes, `[:alpha:]`, `[=a=]` and `[.a.]` are POSIX's. An expression
 * that is not closed is a plain `[` that ends after that byte. A range that ends with a class, whose meaning POSIX
 * leaves open, is the one form known to be read otherwise.
 */
export function parseGlobBracket(pattern: ByteString, start: number): GlobBracket {
  const members = byteSet(() => false);
  let defect: string | undefined;
  // fnmatch decides byte by byte: a byte found before an unknown class is a member, any other fails without a
  // complement.
  let stopped = false;
  let at = start + 1;
  const negated = pattern[at] === '!' || pattern[at] === '^';
  if (negated) at++;

  const take = (expression: RegExp): RegExpExecArray | null => {
    expression.lastIndex = at;
    const found = expression.exec(pattern);
    if (found !== null) at = expression.lastIndex;
    return found;
  };
  /** NaN at the end of the pattern, and where a `[.` is not closed. */
  const takeByte = (): number => {
    const collating = take(COLLATING_BYTE)?.[1];
    if (collating !== undefined) return collating.charCodeAt(0);
    if (pattern.startsWith('[.', at)) return Number.NaN;
    if (pattern[at] === '\\') at++;
    return pattern.charCodeAt(at++);
  };
  const add = (set: ByteSet): void => {
    if (!stopped) for (const [byte, isMember] of set.entries()) if (isMember) members[byte] = 1;
  };
  const unterminated = (isPlain: boolean): GlobBracket => {
    const set = byteSet((byte) => isPlain && !stopped && byte === 0x5b);
    return { set, end: start + 1, defect: 'a bracket expression must end with "]"' };
  };

  for (let isFirst = true; isFirst || pattern[at] !== ']'; isFirst = false) {
    if (at >= pattern.length) return unterminated(true);
    const elementStart = at;

    const named = take(NAMED);
    if (named !== null) {
      const [text, className, equivalent] = named;
      const set =
        className === undefined ? equivalent && byteSet((b) => b === equivalent.charCodeAt(0)) : byteClass(className);
      if (set) add(set);
      else {
        defect ??= `"${text}" must name a POSIX class or one byte`;
        stopped = true;
      }
      continue;
    }

    const first = takeByte();
    if (Number.isNaN(first)) return unterminated(false);
    let last = first;
    if (pattern[at] === '-' && pattern[at + 1] !== ']') {
      at++;
      last = takeByte();
      if (Number.isNaN(last)) return unterminated(false);
      if (last < first) defect ??= `range "${pattern.slice(elementStart, at)}" must not run backwards`;
    }
    add(byteSet((byte) => first <= byte && byte <= last));
  }
  const none = byteSet(() => false);
  const set = negated ? (stopped ? none : complement(members)) : members;
  return { set, end: at + 1, ...(defect === undefined ? {} : { defect }) };
}
