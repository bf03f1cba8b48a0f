import { displayText } from '../bytes/index.js';
import { EntryError } from './entry-error.js';

/** A parsed chmod(1) mode expression: its changes, in order. */
export type ModeChanges = readonly ModeChange[];

interface ModeChange {
  readonly operator: '+' | '-' | '=';
  /** The bits that the change may touch. */
  readonly affected: number;
  readonly value: ModeValue;
  /** Bits that stay as they are when the member is a directory. */
  readonly keptOnDirectories: number;
}

type ModeValue =
  | { readonly kind: 'bits'; readonly bits: number }
  /** `X`: execute bits too, for directories and where one is set already. */
  | { readonly kind: 'bits-and-conditional-execute'; readonly bits: number }
  /** The permissions of user, group or others as they are, `shift` bits from the right. */
  | { readonly kind: 'copy'; readonly shift: number };

const ALL_BITS = 0o7777;
const SET_ID_BITS = 0o6000;

const WHO_BITS: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: ALL_BITS };
const PERMISSION_BITS: Readonly<Record<string, number>> = {
  r: 0o444,
  w: 0o222,
  x: 0o111,
  X: 0,
  s: SET_ID_BITS,
  t: 0o1000,
};
const COPY_SHIFTS: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

const GRAMMAR = 'it must be octal, or changes such as u+rwX,go-w';
const CLAUSE = /^([ugoa]*)((?:[-+=](?:[0-7]+|[ugo]|[rwxXst]*))+)$/;
const OPERATION = /([-+=])(?:([0-7]+)|([ugo])|([rwxXst]*))/g;

/**
 * Parses a mode expression of chmod(1), as `--mode` of GNU tar takes it: octal (`755`), or symbolic changes
 * (`u+rwX,go-w`, `a=r`, `g=u`, `+t`, `=0644`).
 *
 * A change without u, g, o or a acts on all of them, as with umask 0, because no umask may reach an archive: `+w` is
 * `a+w`, where chmod(1) would leave out the umask's bits.
 *
 * @throws {EntryError} MODE_INVALID when the text is no such expression or a number is above 7777
 */
export function parseModeChanges(text: string): ModeChanges {
  if (/^[0-7]/.test(text)) return [parseOctalChange(text)];

  return text.split(',').flatMap((clause) => {
    const [, who = '', operations = ''] = CLAUSE.exec(clause) ?? refuse(text, GRAMMAR);
    const affected = unite(who, WHO_BITS) || ALL_BITS;
    const matches = [...operations.matchAll(OPERATION)];
    return matches.map(([, operator, octal, copied, permissions = ''], index): ModeChange => {
      const common = { operator: operator as ModeChange['operator'], affected };
      if (octal !== undefined) {
        if (who !== '' || index < matches.length - 1) refuse(text, GRAMMAR);
        return { ...common, value: { kind: 'bits', bits: octalBits(text, octal) }, keptOnDirectories: 0 };
      }
      if (copied !== undefined) {
        return { ...common, value: { kind: 'copy', shift: COPY_SHIFTS[copied]! }, keptOnDirectories: SET_ID_BITS };
      }
      const bits = unite(permissions, PERMISSION_BITS);
      const kind = permissions.includes('X') ? 'bits-and-conditional-execute' : 'bits';
      return { ...common, value: { kind, bits }, keptOnDirectories: SET_ID_BITS & ~(bits & affected) };
    });
  });
}

/**
 * The mode that `changes` make of `mode`, as GNU tar's `--mode` does with umask 0.
 *
 * The setuid and setgid bits of a directory stay as they are unless a change names them: with `s`, with an operator and
 * a number, or with a plain number that sets them or has five digits or more.
 *
 * @param mode permission bits, in [0, 0o7777]
 * @returns permission bits, in [0, 0o7777]
 */
export function applyModeChanges(changes: ModeChanges, mode: number, isDirectory: boolean): number {
  return changes.reduce((current, { operator, affected, value, keptOnDirectories }) => {
    const touched = affected & ~(isDirectory ? keptOnDirectories : 0);
    const bits = evaluate(value, current, isDirectory) & touched;
    if (operator === '+') return current | bits;
    if (operator === '-') return current & ~bits;
    return (current & ~touched) | bits;
  }, mode);
}

function evaluate(value: ModeValue, mode: number, isDirectory: boolean): number {
  switch (value.kind) {
    case 'bits':
      return value.bits;
    case 'bits-and-conditional-execute':
      return value.bits | (isDirectory || (mode & 0o111) !== 0 ? 0o111 : 0);
    case 'copy':
      return ((mode >> value.shift) & 7) * 0o111;
  }
}

function parseOctalChange(text: string): ModeChange {
  const bits = octalBits(text, text);
  // GNU chmod takes five digits as a will to state the set-ID bits too, so that 00755 clears a directory's.
  const keptOnDirectories = text.length < 5 ? SET_ID_BITS & ~bits : 0;
  return { operator: '=', affected: ALL_BITS, value: { kind: 'bits', bits }, keptOnDirectories };
}

function octalBits(text: string, digits: string): number {
  if (!/^[0-7]+$/.test(digits)) refuse(text, GRAMMAR);
  const bits = Number.parseInt(digits, 8);
  if (bits > ALL_BITS) refuse(text, `a number must be at most 7777, and is ${digits}`);
  return bits;
}

function unite(letters: string, table: Readonly<Record<string, number>>): number {
  return [...letters].reduce((bits, letter) => bits | table[letter]!, 0);
}

function refuse(text: string, rule: string): never {
  throw new EntryError('MODE_INVALID', `Cannot use mode "${displayText(text)}": ${rule}`, { text });
}
