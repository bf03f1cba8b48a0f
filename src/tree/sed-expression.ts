import { type ByteString, displayName } from '../bytes/index.js';
import { type Automaton, buildAutomaton, prepare, STATE_LIMIT } from './posix-matcher.js';
import { parsePosixPattern } from './posix-pattern.js';
import { parseReplacement, type Replacement, replacer } from './sed-replacement.js';
import { TreeError } from './tree-error.js';

/** What a name is to a transformation: the name of a member of any type, or the target of a symbolic or hard link. */
export type NameKind = 'regular' | 'symlink' | 'hardlink';

/** A transformation of member names and link targets. */
export interface NameTransform {
  /**
   * The name that takes the place of `name`. It may be empty, begin with `/` or hold `..`: what becomes of such a
   * member is for the caller to say.
   *
   * @param name a directory's without the slash that ends it
   * @throws {TreeError} TRANSFORM_UNSUPPORTED when a match that is to be followed by another one holds no byte
   */
  apply(name: ByteString, kind: NameKind): ByteString;
}

interface Substitution {
  /** As it was written, for messages. */
  readonly text: ByteString;
  readonly automaton: Automaton;
  readonly replacement: Replacement;
  /** Replaces also the matches after `number`. */
  readonly isGlobal: boolean;
  /** The first match that is replaced, counted from 1. */
  readonly number: number;
  readonly kinds: ReadonlySet<NameKind>;
}

const GRAMMAR = 'it must be s/REGEXP/REPLACEMENT/FLAGS';
const KIND_FLAGS: Readonly<Record<string, NameKind>> = { r: 'regular', s: 'symlink', h: 'hardlink' };

/**
 * Parses the values of `--transform`, in their order, with the meaning of GNU tar 1.34.
 *
 * A value is a list of sed's `s` expressions, `s,REGEXP,REPLACEMENT,FLAGS`, separated by `;`. Flags: `g` replaces all
 * matches (except where REGEXP begins with `^` or ends with `$`), a number replaces that one match, `i` ignores the
 * case of ASCII letters, `x` makes REGEXP an ERE; `r`, `s`, `h` apply it to member names, symbolic and hard link
 * targets, which all hold at first, and `R`, `S`, `H` do not. `flags=LETTERS;` sets those for the expressions that
 * follow, also in later values.
 *
 * Names are bytes, as in the C locale. What GNU tar takes and this refuses: alternation, back-references, boundaries
 * (`\<`, `\b`) and collating elements in REGEXP, repetition of what can be empty, and a `g` with empty
 * matches, on which GNU tar hangs. With a number, GNU tar 1.34 also doubles what stands before each match that it
 * passes over; this does not.
 *
 * @throws {TreeError} TRANSFORM_INVALID when a value is ill-formed; TRANSFORM_UNSUPPORTED when GNU tar takes it
 */
export function parseSedExpression(...texts: ByteString[]): NameTransform {
  const substitutions: Substitution[] = [];
  let defaultKinds: ReadonlySet<NameKind> = new Set(Object.values(KIND_FLAGS));
  for (const text of texts) {
    for (let at = 0; at < text.length; ) {
      const flags = /^flags=([^;]*);?/.exec(text.slice(at));
      if (flags !== null) {
        defaultKinds = withKindFlags(new Set(), flags[1]!, 'r s h R S H', text);
        at += flags[0].length;
      } else {
        const { substitution, end } = parseSubstitution(text, at, defaultKinds);
        substitutions.push(substitution);
        at = end;
      }
    }
  }
  return {
    apply: (name, kind) =>
      substitutions.reduce((current, each) => (each.kinds.has(kind) ? substitute(each, current) : current), name),
  };
}

function parseSubstitution(
  text: ByteString,
  start: number,
  defaultKinds: ReadonlySet<NameKind>,
): { readonly substitution: Substitution; readonly end: number } {
  const delimiter = text[start + 1];
  if (text[start] !== 's' || delimiter === undefined) return refuse(text, 'invalid', GRAMMAR);
  const patternEnd = findDelimiter(text, start + 2, delimiter);
  const replacementEnd = findDelimiter(text, patternEnd + 1, delimiter);
  const flags = /^[^;]*/.exec(text.slice(replacementEnd + 1))![0];

  const pattern = text.slice(start + 2, patternEnd);
  const options = { extended: flags.includes('x'), ignoreCase: flags.includes('i') };
  const parsed = parsePosixPattern(pattern, options, (reason, rule) => refuse(text, reason, `in its pattern, ${rule}`));
  const automaton =
    buildAutomaton(parsed) ??
    refuse(text, 'unsupported', `the intervals of its pattern must multiply to at most ${STATE_LIMIT} states`);

  const replacement = parseReplacement(text.slice(patternEnd + 1, replacementEnd), delimiter);
  const { largestGroup } = replacement;
  if (largestGroup > parsed.groupCount) {
    const limit = `at most ${parsed.groupCount}, its subexpressions`;
    const rule = `a reference in its replacement must be ${limit}, and is ${largestGroup}`;
    refuse(text, 'invalid', rule);
  }
  const number = /[0-9]+(?=[^0-9]*$)/.exec(flags)?.[0] ?? '1';
  if (number.startsWith('0'))
    refuse(text, 'invalid', `the number of a match must be decimal and at least 1, and is ${number}`);

  const substitution = {
    text,
    automaton,
    replacement,
    isGlobal: flags.includes('g') && !pattern.startsWith('^') && !pattern.endsWith('$'),
    number: Number(number),
    kinds: withKindFlags(defaultKinds, flags.replace(/[gix0-9]+/g, ''), 'g i x r s h R S H or a number', text),
  };
  return { substitution, end: replacementEnd + 1 + flags.length + 1 };
}

/** The index of the next delimiter that no backslash quotes. */
function findDelimiter(text: ByteString, from: number, delimiter: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === delimiter) return at;
    if (text[at] === '\\') at++;
  }
  return refuse(text, 'invalid', GRAMMAR);
}

function withKindFlags(
  kinds: ReadonlySet<NameKind>,
  flags: string,
  allowed: string,
  text: ByteString,
): ReadonlySet<NameKind> {
  const result = new Set(kinds);
  for (const flag of flags) {
    const kind = KIND_FLAGS[flag.toLowerCase()];
    if (kind === undefined) return refuse(text, 'invalid', `a flag must be one of ${allowed}, and is "${flag}"`);
    if (flag in KIND_FLAGS) result.add(kind);
    else result.delete(kind);
  }
  return result;
}

function substitute({ text, automaton, replacement, isGlobal, number }: Substitution, name: ByteString): ByteString {
  const find = prepare(automaton, name);
  const replace = replacer(replacement, name);
  let result = '';
  let at = 0;
  for (let count = 1; at < name.length; count++) {
    const match = find(at);
    if (match === undefined) break;
    const [start, end] = match[0];
    result += name.slice(at, start) + (count < number ? name.slice(start, end) : replace(match));
    if (count >= number && !isGlobal) return (result + name.slice(end)) as ByteString;
    if (end === at) {
      const rule = `a match must hold a byte where another is to follow it, and is empty at byte ${at}`;
      throw new TreeError(
        'TRANSFORM_UNSUPPORTED',
        `Cannot transform "${displayName(name)}" with "${displayName(text)}": ${rule}`,
        { name, expression: text, position: at },
      );
    }
    at = end;
  }
  return (result + name.slice(at)) as ByteString;
}

function refuse(text: ByteString, reason: 'invalid' | 'unsupported', rule: string): never {
  const code = reason === 'invalid' ? 'TRANSFORM_INVALID' : 'TRANSFORM_UNSUPPORTED';
  throw new TreeError(code, `Cannot use transform "${displayName(text)}": ${rule}`, { expression: text });
}
