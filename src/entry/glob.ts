import { type ByteString, displayName } from '../bytes/index.js';
import { type ByteSet, byteSet } from './byte-set.js';
import { EntryError } from './entry-error.js';
import { parseGlobBracket } from './glob-bracket.js';

/** Whether a pattern matches a name. */
export type NameMatcher = (name: ByteString) => boolean;

type Step =
  /** One byte of the set. */
  | { readonly kind: 'one'; readonly set: ByteSet }
  /** Any number of bytes of the set, also none. */
  | { readonly kind: 'many'; readonly set: ByteSet }
  /** Any number of directories, each with its slash, also none. */
  | { readonly kind: 'directories' };

/** Where a match may begin and end. */
interface Extent {
  /** Besides the start of the name, after which slashes: none, all, or those that no other slash follows. */
  readonly startAfterSlash: 'none' | 'all' | 'last-of-run';
  /** Whether a match may also end before a slash, so that it covers what is below a directory. */
  readonly endBeforeSlash: boolean;
}

const ANY: ByteSet = byteSet(() => true);
const SLASH = 0x2f;
const WITHOUT_SLASH: ByteSet = byteSet((byte) => byte !== SLASH);

/**
 * Compiles a glob of `--exclude`, `--chown` or `--chmod` of `tarseal build`, which is matched bytewise against whole
 * image paths.
 *
 * `?` is one byte and `*` any number of bytes other than `/`. `**` crosses slashes; a component that is `**` and has
 * one after it stands for any number of directories, also none, so that it makes the rest match at every depth. `[a-z]`
 * and `[!a-z]` never match `/`, and know POSIX classes. `\` quotes. A leading `/` means nothing, since paths are given
 * without one.
 *
 * @throws {EntryError} GLOB_INVALID when the pattern is empty, ends with `/` or an unquoting `\`, or holds an
 *   ill-formed bracket expression
 */
export function compileGlob(pattern: ByteString): NameMatcher {
  const refuse = (rule: string): never => {
    throw new EntryError('GLOB_INVALID', `Cannot use glob "${displayName(pattern)}": ${rule}`, { pattern });
  };
  const text = pattern.replace(/^\//, '') as ByteString;
  if (text === '') refuse('it must name a path');
  if (text.endsWith('/')) refuse('it must not end with "/", as no path does');

  const steps: Step[] = [];
  for (let at = 0; at < text.length; ) {
    const stars = /^\*+/.exec(text.slice(at))?.[0].length ?? 0;
    if (stars > 1 && text[at + stars] === '/' && (at === 0 || text[at - 1] === '/')) {
      steps.push({ kind: 'directories' });
      at += stars + 1;
    } else if (stars > 0) {
      steps.push({ kind: 'many', set: stars > 1 ? ANY : WITHOUT_SLASH });
      at += stars;
    } else if (text[at] === '?') {
      steps.push({ kind: 'one', set: WITHOUT_SLASH });
      at++;
    } else if (text[at] === '[') {
      const { set, end, defect } = parseGlobBracket(text, at);
      if (defect !== undefined) refuse(defect);
      steps.push({ kind: 'one', set: set.map((member, byte) => (byte === SLASH ? 0 : member)) });
      at = end;
    } else {
      if (text[at] === '\\') at++;
      if (at === text.length) refuse('a backslash must quote a byte, and ends the pattern');
      steps.push(literal(text, at++));
    }
  }
  return matcher(steps, { startAfterSlash: 'none', endBeforeSlash: false });
}

/**
 * Compiles a pattern with the meaning of GNU tar 1.34's `--exclude` when it creates an archive with its default
 * settings.
 *
 * `*`, `?` and bracket expressions match `/` too, a match may begin after any slash, and what matches a directory
 * leaves out all below it. Names are those on the command line with what the walk adds to them: a leading `/` or `./`
 * is still there, no slash ends a directory, and no transformation has been applied.
 *
 * @param coversContents false for a pattern that only matches a name itself, as after `--no-recursion`
 */
export function compileExclude(pattern: ByteString, coversContents: boolean = true): NameMatcher {
  // GNU tar looks patterns without wildcards up in a table, which sees doubled slashes and a last backslash otherwise
  // than fnmatch.
  const hasWildcards = /^(?:[^\\?*[]|\\.)*[?*[]/s.test(pattern);
  const steps: Step[] = [];
  for (let at = 0; at < pattern.length; ) {
    if (pattern[at] === '*') {
      steps.push({ kind: 'many', set: ANY });
      at++;
    } else if (pattern[at] === '?') {
      steps.push({ kind: 'one', set: ANY });
      at++;
    } else if (pattern[at] === '[') {
      const { set, end } = parseGlobBracket(pattern, at);
      steps.push({ kind: 'one', set });
      at = end;
    } else {
      if (pattern[at] === '\\' && at + 1 < pattern.length) at++;
      else if (pattern[at] === '\\' && hasWildcards) return () => false;
      steps.push(literal(pattern, at++));
    }
  }
  return matcher(steps, { startAfterSlash: hasWildcards ? 'last-of-run' : 'all', endBeforeSlash: coversContents });
}

function literal(pattern: ByteString, at: number): Step {
  const wanted = pattern.charCodeAt(at);
  return { kind: 'one', set: byteSet((byte) => byte === wanted) };
}

/**
 * A matcher that follows all ways through the steps at once: its time is at most proportional to steps times bytes,
 * where backtracking over `*a*a*a*b` would be exponential.
 */
function matcher(steps: readonly Step[], extent: Extent): NameMatcher {
  // reachedAt[i] is the position in the name for which step i was last put on the list, so that it is listed once.
  const reachedAt = new Int32Array(steps.length + 1);

  return (name) => {
    let current: number[] = [];
    let next: number[] = [];
    reachedAt.fill(-1);

    const stay = (list: number[], step: number, position: number): void => {
      if (reachedAt[step] !== position) list.push(step);
      reachedAt[step] = position;
    };
    const enter = (list: number[], from: number, position: number): void => {
      for (let step = from; reachedAt[step] !== position; step++) {
        stay(list, step, position);
        if (step === steps.length || steps[step]!.kind === 'one') return;
      }
    };

    for (let position = 0; ; position++) {
      if (startsAt(name, position, extent)) enter(current, 0, position);
      const isEnd = position === name.length;
      if (reachedAt[steps.length] === position && (isEnd || (extent.endBeforeSlash && name[position] === '/')))
        return true;
      if (isEnd || (current.length === 0 && extent.startAfterSlash === 'none')) return false;

      const byte = name.charCodeAt(position);
      for (const index of current) {
        const step = steps[index];
        if (step?.kind === 'directories') {
          if (byte === SLASH) enter(next, index, position + 1);
          else stay(next, index, position + 1);
        } else if (step?.set[byte]) {
          enter(next, step.kind === 'many' ? index : index + 1, position + 1);
        }
      }
      [current, next] = [next, current];
      next.length = 0;
    }
  };
}

function startsAt(name: string, position: number, { startAfterSlash }: Extent): boolean {
  if (position === 0) return true;
  if (startAfterSlash === 'none' || name[position - 1] !== '/') return false;
  return startAfterSlash === 'all' || name[position] !== '/';
}
