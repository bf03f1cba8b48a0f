/** A set of bytes: element `b` is 1 when byte `b` is a member, else 0. */
export type ByteSet = Uint8Array;

/** POSIX character classes in the C locale, where only ASCII has members; each matches one char, a byte. */
export const POSIX_CLASSES: ReadonlyMap<string, RegExp> = new Map([
  ['alnum', /[0-9A-Za-z]/],
  ['alpha', /[A-Za-z]/],
  ['blank', /[\t ]/],
  ['cntrl', /[\x00-\x1f\x7f]/],
  ['digit', /[0-9]/],
  ['graph', /[!-~]/],
  ['lower', /[a-z]/],
  ['print', /[ -~]/],
  ['punct', /[!-/:-@[-`{-~]/],
  ['space', /[\t-\r ]/],
  ['upper', /[A-Z]/],
  ['xdigit', /[0-9A-Fa-f]/],
]);

/** The set of the bytes for which `has` is true. */
export function byteSet(has: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(has(byte)));
}

/** The members of the POSIX class `name`, e.g. `alpha`, in the C locale; undefined where there is no such class. */
export function byteClass(name: string): ByteSet | undefined {
  const members = POSIX_CLASSES.get(name);
  return members && byteSet((byte) => members.test(String.fromCharCode(byte)));
}

/** Every byte that is not in `set`. */
export function complement(set: ByteSet): ByteSet {
  return set.map((member) => 1 - member);
}
