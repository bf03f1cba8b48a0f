import type { Match } from './posix-matcher.js';
import { upperCaseAscii } from './posix-pattern.js';

/** A parsed replacement of a sed `s` expression. */
export interface Replacement {
  readonly segments: readonly Segment[];
  /** The largest number of a subexpression that it refers to. */
  readonly largestGroup: number;
}

/**
 * `upper` and `lower` hold until the next switch, `upper-next` and `lower-next` for the first byte of the next segment.
 */
type LetterCase = 'as-is' | 'upper' | 'lower' | 'upper-next' | 'lower-next';

type Segment =
  | { readonly kind: 'text'; readonly text: string }
  /** A subexpression; 0 is the whole match. */
  | { readonly kind: 'group'; readonly index: number }
  | { readonly kind: 'case'; readonly letterCase: LetterCase };

const CASE_SWITCHES: Readonly<Record<string, LetterCase>> = {
  U: 'upper',
  L: 'lower',
  u: 'upper-next',
  l: 'lower-next',
  E: 'as-is',
};
const ESCAPED_BYTES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '&': '&',
  '\\': '\\',
};

/**
 * Parses the replacement of an `s` expression as GNU tar 1.34 does.
 *
 * `&` and `\0` are the match, `\1`, `\2` and so on (all digits that follow count) a subexpression; `\a \b \f \n \r \t
 * \v` are control bytes; `\U \L \u \l \E` switch the case of ASCII letters. A backslash goes before `&`, `\` and the
 * delimiter, and stays before any other byte.
 */
export function parseReplacement(text: string, delimiter: string): Replacement {
  const segments = Array.from(text.matchAll(/\\(?:([0-9]+)|(.))|(&)|[^\\&]+/gs), (token): Segment => {
    const [whole, digits, escaped, match] = token;
    if (match !== undefined) return { kind: 'group', index: 0 };
    if (digits !== undefined) return { kind: 'group', index: Number(digits) };
    if (escaped === undefined) return { kind: 'text', text: whole };
    const letterCase = CASE_SWITCHES[escaped];
    if (letterCase !== undefined) return { kind: 'case', letterCase };
    return { kind: 'text', text: ESCAPED_BYTES[escaped] ?? (escaped === delimiter ? delimiter : whole) };
  });
  const largestGroup = Math.max(0, ...segments.map((segment) => (segment.kind === 'group' ? segment.index : 0)));
  return { segments, largestGroup };
}

/**
 * A function that gives what stands in place of a match in `name`.
 *
 * One function serves all matches in one name, because a case that one replacement switches on is still on in the next.
 */
export function replacer({ segments }: Replacement, name: string): (match: Match) => string {
  let current: LetterCase = 'as-is';
  // What `current` is after a switch for one byte. A segment uses such a switch up, also an empty one.
  let following: LetterCase = 'as-is';

  const convert = (text: string): string => {
    const converted = inCase(text, current);
    if (isForOneByte(current)) {
      current = following;
      following = 'as-is';
    }
    return converted;
  };
  const evaluate = (segment: Segment, match: Match): string => {
    switch (segment.kind) {
      case 'text':
        return convert(segment.text);
      case 'group': {
        const span = match[segment.index];
        return span === undefined ? '' : convert(name.slice(...span));
      }
      case 'case':
        if (isForOneByte(segment.letterCase) && !isForOneByte(following)) following = current;
        current = segment.letterCase;
        return '';
    }
  };
  return (match) => segments.map((segment) => evaluate(segment, match)).join('');
}

function isForOneByte(letterCase: LetterCase): boolean {
  return letterCase === 'upper-next' || letterCase === 'lower-next';
}

function inCase(text: string, letterCase: LetterCase): string {
  switch (letterCase) {
    case 'as-is':
      return text;
    case 'upper':
      return upperCaseAscii(text);
    case 'lower':
      return lowerCaseAscii(text);
    case 'upper-next':
      return upperCaseAscii(text.slice(0, 1)) + text.slice(1);
    case 'lower-next':
      return lowerCaseAscii(text.slice(0, 1)) + text.slice(1);
  }
}

function lowerCaseAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
