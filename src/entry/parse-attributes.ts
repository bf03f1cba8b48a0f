import { type ByteString, displayName, displayText } from '../bytes/index.js';
import { EntryError } from './entry-error.js';

/** Largest user or group number: 32 bits. */
const ID_LIMIT = 4_294_967_295;

/** An owner or group as an archive names it. */
export interface Owner {
  /** Empty where only the number is known. */
  readonly name: ByteString;
  /** In [0, 4294967295]. */
  readonly id: number;
}

/**
 * Parses an octal mode such as `755`, `0755` or `1777`.
 *
 * @returns permission bits, in [0, 0o7777]
 * @throws {EntryError} MODE_INVALID when the text is not octal or the mode is above 7777
 */
export function parseOctalMode(text: string): number {
  const mode = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  if (!(mode <= 0o7777)) {
    throw new EntryError('MODE_INVALID', `Cannot use mode "${displayText(text)}": it must be octal and at most 7777`, {
      text,
      limit: 0o7777,
    });
  }
  return mode;
}

/**
 * Parses a decimal user or group number.
 *
 * @param what names the number in a message, e.g. `uid`
 * @returns the number, in [0, 4294967295]
 * @throws {EntryError} ID_INVALID when the text is no such number
 */
export function parseId(text: string, what: string): number {
  const id = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!(id <= ID_LIMIT)) {
    throw new EntryError(
      'ID_INVALID',
      `Cannot use ${what} "${displayText(text)}": it must be a decimal number and at most ${ID_LIMIT}`,
      { text, limit: ID_LIMIT },
    );
  }
  return id;
}

/**
 * Parses the value of `--owner` or `--group`: `NAME:ID`, `:ID`, `ID`, `+ID`, or the bare name `root`, whose number is
 * 0.
 *
 * No other bare name is taken, because no user database is read: what the host calls a number must not reach an
 * archive. For the same reason a number alone has an empty name, except 0, which is root. That is what GNU tar writes
 * on a host that knows nobody but root. (Its manual has `+ID` as a number; 1.34 itself takes it for a name.)
 *
 * @param what names the value in a message, e.g. `owner`
 * @throws {EntryError} OWNER_INVALID when the text has none of these forms or the name holds a NUL; ID_INVALID for a
 *   bad number
 */
export function parseOwner(text: ByteString, what: string): Owner {
  if (text === 'root') return { name: text, id: 0 };
  const parts = /^(?:(.*?):|\+?(?=[0-9]+$))(.*)$/s.exec(text);
  if (parts === null) {
    return refuseOwner(text, what, 'it must be NAME:ID or a number, because no user database is read for a name');
  }
  const [, name = '', digits] = parts;
  if (name.includes('\0')) refuseOwner(text, what, 'its name must not hold a NUL');
  const id = parseId(digits!, `${what} ID`);
  return { name: (name === '' && id === 0 ? 'root' : name) as ByteString, id };
}

/**
 * Parses `UID:GID`, two decimal numbers, as in `--chown` and `--directory`.
 *
 * @throws {EntryError} OWNER_INVALID when there is no colon; ID_INVALID for a bad number
 */
export function parseOwnerPair(text: string): { readonly uid: number; readonly gid: number } {
  const [, uid, gid] =
    /^([^:]*):(.*)$/s.exec(text) ?? refuseOwner(text as ByteString, 'owner', 'it must be UID:GID, two decimal numbers');
  return { uid: parseId(uid!, 'uid'), gid: parseId(gid!, 'gid') };
}

function refuseOwner(text: ByteString, what: string, rule: string): never {
  throw new EntryError('OWNER_INVALID', `Cannot use ${what} "${displayName(text)}": ${rule}`, { text });
}
