import { type ByteString, isAscii } from '../bytes/index.js';

/**
 * Python reads a name of bytes as UTF-8, and a byte that is not part of a valid sequence as the lone surrogate
 * U+DC00 + byte (its error handler `surrogateescape`). A string of such characters is held here as the bytes of its
 * code points in generalized UTF-8, in which a surrogate is a sequence of three bytes: their order is that of the code
 * points, and a name that is valid UTF-8 is itself.
 *
 * @see PEP 383; The Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences"
 */
const NON_ASCII_CHARACTER =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/** A name as Python decodes it, in generalized UTF-8. */
export function pythonText(name: ByteString): ByteString {
  if (isAscii(name)) return name;
  const escaped = (character: string): string => (character.length > 1 ? character : loneSurrogate(character));
  return name.replace(NON_ASCII_CHARACTER, escaped) as ByteString;
}

/** Whether a name is valid UTF-8, so that Python has no byte of it to escape. */
export function isDecodable(name: ByteString): boolean {
  return pythonText(name) === name;
}

/** A name with a question mark for each character that is not ASCII, an escaped byte being a character. */
export function replaceNonAscii(name: ByteString): ByteString {
  return isAscii(name) ? name : (name.replace(NON_ASCII_CHARACTER, '?') as ByteString);
}

/** U+DC00 + byte in three bytes: U+DC80 is ED B2 80, U+DCFF is ED B3 BF. */
function loneSurrogate(byte: string): string {
  const code = byte.charCodeAt(0);
  return String.fromCharCode(0xed, 0xb0 | (code >> 6), 0x80 | (code & 0x3f));
}
