import { POSIX_CLASSES } from '../entry/index.js';

/** A set of bytes: element `b` is 1 when byte `b` is a member, else 0. */
export type ByteSet = Uint8Array;

/** A part of a regular expression. */
export type PatternNode =
  | { readonly kind: 'byte'; readonly set: ByteSet }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  /** A subexpression; `index` counts from 1 in the order of the opening parentheses. */
  | { readonly kind: 'group'; readonly index: number; readonly body: readonly PatternNode[] }
  /** `body`, which is never empty, from `min` to `max` times; `max` is Infinity where there is no limit. */
  | { readonly kind: 'repeat'; readonly body: PatternNode; readonly min: number; readonly max: number };

export interface PosixPattern {
  readonly nodes: readonly PatternNode[];
  readonly groupCount: number;
}

export interface PatternOptions {
  /** Extended regular expression syntax (ERE) instead of basic (BRE). */
  readonly extended: boolean;
  /** ASCII letters only, as in the C locale. */
  readonly ignoreCase: boolean;
}

/**
 * Throws the error for a pattern that breaks `rule`: one that is ill-formed, or one that means something to GNU tar but
 * not here.
 */
export type RefusePattern = (reason: 'invalid' | 'unsupported', rule: string) => never;

/** RE_DUP_MAX of GNU libc. */
const REPEAT_LIMIT = 32_767;

/** Keeps the recursion of the parser far from the end of the stack. */
const NESTING_LIMIT = 100;

/** The escapes of GNU libc that stand for a set of bytes. */
const CLASS_ESCAPES: Readonly<Record<string, RegExp>> = { w: /\w/, W: /\W/, s: /[\t-\r ]/, S: /[^\t-\r ]/ };

/**
 * Parses a POSIX regular expression with the grammar of regcomp(3) of GNU libc in the C locale.
 *
 * Alternation, back-references, word boundaries, collating symbols, equivalence classes and repetition of what can be
 * empty are refused.
 *
 * @param text the pattern, one char a byte
 */
export function parsePosixPattern(text: string, options: PatternOptions, refuse: RefusePattern): PosixPattern {
  return new PatternParser(text, options, refuse).parse();
}

class PatternParser {
  readonly #text: string;
  readonly #extended: boolean;
  readonly #ignoreCase: boolean;
  readonly #refuse: RefusePattern;
  #at = 0;
  #groupCount = 0;

  constructor(text: string, { extended, ignoreCase }: PatternOptions, refuse: RefusePattern) {
    this.#text = text;
    this.#extended = extended;
    this.#ignoreCase = ignoreCase;
    this.#refuse = refuse;
  }

  parse(): PosixPattern {
    const nodes = this.#parseSequence(0);
    return { nodes, groupCount: this.#groupCount };
  }

  /** Up to the end of the pattern or, in a group, before a closing parenthesis. */
  #parseSequence(depth: number): PatternNode[] {
    const nodes: PatternNode[] = [];
    while (this.#at < this.#text.length && !(depth > 0 && this.#text.startsWith(this.#operator(')'), this.#at))) {
      const isFirst = nodes.length === 0;
      // GNU libc takes no operator after an anchor for one.
      const isOperand = isFirst || /start|end/.test(nodes.at(-1)!.kind);
      nodes.push(this.#acceptAnchor(isFirst) ?? this.#parseRepeats(this.#parseAtom(depth, isOperand)));
    }
    return nodes;
  }

  #acceptAnchor(isFirst: boolean): PatternNode | undefined {
    if ((this.#extended || isFirst) && this.#accept('^')) return { kind: 'start' };
    const isLast = this.#at + 1 === this.#text.length || this.#text.startsWith('\\)', this.#at + 1);
    if ((this.#extended || isLast) && this.#accept('$')) return { kind: 'end' };
    return undefined;
  }

  /** @param isOperand whether a BRE's repetition operators are plain bytes here, as nothing stands before them */
  #parseAtom(depth: number, isOperand: boolean): PatternNode {
    if (isOperand && !this.#extended) {
      if (this.#accept('*')) return this.#literal('*');
      if (this.#accept('\\+')) return this.#literal('+');
      if (this.#accept('\\?')) return this.#literal('?');
    }
    if (this.#accept(this.#operator('('))) return this.#parseGroup(depth + 1);
    if (!this.#extended && this.#accept('\\)'))
      this.#refuse('invalid', 'a closing parenthesis must have an opening one');
    if (this.#acceptRepeat() !== undefined) this.#refuse('invalid', 'a repetition must follow what it repeats');
    if (this.#accept(this.#operator('|'))) {
      this.#refuse('unsupported', 'alternation is not supported; use an expression for each alternative');
    }
    if (this.#accept('.')) return this.#bytes(() => true);
    if (this.#accept('[')) return this.#parseBracket();
    if (this.#accept('\\')) return this.#parseEscape();
    return this.#literal(this.#text[this.#at++]!);
  }

  #parseGroup(depth: number): PatternNode {
    if (depth > NESTING_LIMIT) this.#refuse('invalid', `parentheses must nest at most ${NESTING_LIMIT} deep`);
    const index = ++this.#groupCount;
    const body = this.#parseSequence(depth);
    if (!this.#accept(this.#operator(')'))) this.#refuse('invalid', 'an opening parenthesis must have a closing one');
    return { kind: 'group', index, body };
  }

  #parseEscape(): PatternNode {
    const char = this.#text[this.#at++] ?? this.#refuse('invalid', 'a backslash must not end it');
    if (/[1-9]/.test(char)) {
      this.#refuse('unsupported', `back-reference \\${char} is not supported`);
    }
    if (/[bB<>`']/.test(char)) this.#refuse('unsupported', `boundary \\${char} is not supported`);
    // POSIX leaves it undefined, and glibc then matches an escaped lower-case letter with nothing.
    if (this.#ignoreCase && /[a-rtvx-zAC-RT-VX-Z]/.test(char)) {
      this.#refuse('unsupported', `an escaped letter, \\${char}, is not supported where case is ignored`);
    }
    const members = CLASS_ESCAPES[char];
    return members === undefined ? this.#literal(char) : this.#bytes((candidate) => members.test(candidate));
  }

  #parseRepeats(atom: PatternNode): PatternNode {
    let node = atom;
    for (let isFirst = true; ; isFirst = false) {
      const start = this.#at;
      const range = this.#acceptRepeat();
      if (range === undefined) return node;
      if (!isFirst && !this.#extended && !/^\\[+?]/.test(this.#text.slice(start))) {
        this.#refuse('invalid', 'a repetition must not be repeated');
      }
      if (canBeEmpty(node)) {
        // What a subexpression holds after an empty round differs between implementations, GNU libc and POSIX among
        // them.
        this.#refuse('unsupported', 'repetition of what can be empty is not supported');
      }
      node = { kind: 'repeat', body: node, ...range };
    }
  }

  #acceptRepeat(): { min: number; max: number } | undefined {
    if (this.#accept('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#accept(this.#operator('+'))) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#accept(this.#operator('?'))) return { min: 0, max: 1 };
    if (!this.#accept(this.#operator('{'))) return undefined;

    const interval = /^([0-9]*)(?:(,)([0-9]*))?(\\?)\}/.exec(this.#text.slice(this.#at));
    const [whole = '', from = '', comma, to = '', backslash] = interval ?? [];
    const isInterval = interval !== null && backslash === (this.#extended ? '' : '\\') && from + (comma ?? '') !== '';
    const min = Number(from);
    const max = comma === undefined ? min : to === '' ? Number.POSITIVE_INFINITY : Number(to);
    if (!isInterval || min > max) {
      return this.#refuse('invalid', 'an interval must be {M}, {M,}, {,N} or {M,N} with M not above N');
    }
    const largest = Number.isFinite(max) ? max : min;
    if (largest > REPEAT_LIMIT) {
      this.#refuse('invalid', `an interval must be at most ${REPEAT_LIMIT}, and is ${largest}`);
    }
    this.#at += whole.length;
    return { min, max };
  }

  #parseBracket(): PatternNode {
    const isNegated = this.#accept('^');
    const members: ((char: string) => boolean)[] = [];
    for (let isFirst = true; isFirst || !this.#accept(']'); isFirst = false) {
      members.push(this.#acceptClass() ?? this.#parseRange(isFirst));
    }
    return this.#bytes((char) => members.some((has) => has(char)) !== isNegated);
  }

  #acceptClass(): ((char: string) => boolean) | undefined {
    if (/^\[[.=]/.test(this.#text.slice(this.#at))) {
      this.#refuse('unsupported', 'a collating symbol or an equivalence class is not supported');
    }
    if (!this.#accept('[:')) return undefined;
    const name = /^([a-z]*):\]/.exec(this.#text.slice(this.#at))?.[1] ?? '';
    // Without regard to case, GNU libc takes [:lower:] and [:upper:] as [:alpha:].
    const isCase = this.#ignoreCase && (name === 'lower' || name === 'upper');
    const members =
      POSIX_CLASSES.get(isCase ? 'alpha' : name) ??
      this.#refuse('invalid', 'a class must be one of POSIX, e.g. [:alpha:]');
    this.#at += name.length + 2;
    return (char) => members.test(char);
  }

  #parseRange(isFirst: boolean): (char: string) => boolean {
    const isHyphen = this.#text[this.#at] === '-';
    if (isHyphen && !isFirst && this.#text[this.#at + 1] !== ']') {
      this.#refuse('invalid', 'a hyphen must stand first or last in a bracket expression, or in a range');
    }
    const first = this.#takeMember();
    if (this.#text[this.#at] !== '-' || this.#text[this.#at + 1] === ']') return (char) => char === first;
    this.#at++;
    if (this.#acceptClass() !== undefined) this.#refuse('invalid', 'a range must end with a byte');
    const last = this.#takeMember();
    if (last < first) this.#refuse('invalid', `range ${first}-${last} must not run backwards`);
    return (char) => first <= char && char <= last;
  }

  #takeMember(): string {
    const char = this.#text[this.#at++] ?? this.#refuse('invalid', 'a bracket expression must end with "]"');
    return this.#fold(char);
  }

  /** The spelling of an operator that has a backslash in a BRE and none in an ERE. */
  #operator(char: string): string {
    return this.#extended ? char : `\\${char}`;
  }

  #accept(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #literal(char: string): PatternNode {
    const wanted = this.#fold(char);
    return this.#bytes((candidate) => candidate === wanted);
  }

  #bytes(has: (char: string) => boolean): PatternNode {
    return {
      kind: 'byte',
      set: Uint8Array.from({ length: 256 }, (_, byte) => Number(has(this.#fold(String.fromCharCode(byte))))),
    };
  }

  /** As GNU libc does, pattern and name are compared in upper case, so that the range `[Z-a]` runs backwards. */
  #fold(char: string): string {
    return this.#ignoreCase ? upperCaseAscii(char) : char;
  }
}

function canBeEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case 'byte':
      return false;
    case 'start':
    case 'end':
      return true;
    case 'group':
      return node.body.every(canBeEmpty);
    case 'repeat':
      return node.min === 0 || canBeEmpty(node.body);
  }
}

/** Puts a-z in upper case and leaves every other byte, as toupper(3) does in the C locale. */
export function upperCaseAscii(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}
