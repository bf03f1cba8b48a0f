import { type ByteString, byteStringFrom, displayName } from '../bytes/index.js';
import { TarError } from './tar-error.js';

/** Records of pax headers by key. An empty value takes away what a global header or the ustar header said. */
export type PaxRecords = ReadonlyMap<string, ByteString>;

/** A record as it stands in a pax header. */
export interface PaxRecord {
  /** Bytes, one char each. */
  readonly key: string;
  readonly value: ByteString;
  /** Of its first byte in the archive. */
  readonly offset: number;
}

/** Records that are names: a NUL would end them for some readers and not for others. */
const NAMES: ReadonlySet<string> = new Set(['path', 'linkpath', 'uname', 'gname', 'GNU.sparse.name']);

/** Digits of a record's length: of the largest body that is read, and some zeros that nobody writes. */
const MAX_LENGTH_DIGITS = 10;

/**
 * Decodes the body of a pax extended header: records `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record.
 *
 * @param offset of the body in the archive, for messages
 * @returns all of them in their order, those with the same key too, of which the last counts
 * @throws {TarError} TAR_PAX
 */
export function decodePaxRecords(body: Uint8Array, offset: number): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < body.length; ) {
    const invalid = (what: string): TarError =>
      new TarError('TAR_PAX', `Cannot read pax record at byte ${offset + at}: ${what}`, { offset: offset + at });
    let length = 0;
    let start = at;
    for (; start - at < MAX_LENGTH_DIGITS && body[start]! >= 0x30 && body[start]! <= 0x39; start++) {
      length = length * 10 + (body[start]! - 0x30);
    }
    if (start === at || body[start] !== 0x20) throw invalid('it must begin with its length and a space');
    start++;
    const end = at + length;
    if (end > body.length || end <= start || body[end - 1] !== 0x0a) {
      throw invalid(`it must be ${length} bytes with a newline as the last, and is not`);
    }
    const equals = body.indexOf(0x3d, start);
    if (equals <= start || equals >= end) throw invalid('it must be KEY=VALUE with a key that is not empty');
    const key: string = byteStringFrom(body.subarray(start, equals));
    const value = byteStringFrom(body.subarray(equals + 1, end - 1));
    if (key.includes('\0') || (NAMES.has(key) && value.includes('\0'))) {
      throw invalid(`${displayName(key as ByteString)} must have no NUL, and has one`);
    }
    records.push({ key, value, offset: offset + at });
    at = end;
  }
  return records;
}

const INTEGER = /^-?[0-9]{1,16}$/;
const DECIMAL = /^-?[0-9]{1,16}(?:\.[0-9]{0,100})?$/;

/**
 * The number that a record says.
 *
 * @param offset of the member, for messages
 * @param fraction whether it may have one, as times do
 * @throws {TarError} TAR_PAX
 */
export function paxNumber(key: string, value: ByteString, offset: number, fraction: boolean): number {
  const number = Number(value);
  if (!(fraction ? DECIMAL : INTEGER).test(value) || Math.abs(number) > Number.MAX_SAFE_INTEGER) {
    throw new TarError(
      'TAR_PAX',
      `Cannot read tar member at byte ${offset}: pax ${key} must be ${fraction ? 'a decimal number' : 'an integer'} within 2^53, and is "${displayName(value.slice(0, 100) as ByteString)}"`,
      { offset, key, value },
    );
  }
  // Of -0 no minus sign stays.
  return number || 0;
}
