declare const byteStringBrand: unique symbol;

/**
 * A string of bytes: one char per byte, U+0000 to U+00FF (latin1).
 *
 * POSIX names are bytes, not UTF-16. Plain `<` on byte strings is the byte order of `strcmp`, and a name that is
 * invalid UTF-8 survives the way from `readdir` to the archive.
 */
export type ByteString = string & { readonly [byteStringBrand]: true };

const ASCII = /^[\x00-\x7f]*$/;
const utf8Encoder = new TextEncoder();

/** Whether every byte is below 0x80. */
export function isAscii(bytes: string): boolean {
  return ASCII.test(bytes);
}

/** Encodes text as UTF-8 and holds the bytes as a byte string. A lone surrogate becomes U+FFFD, as in `TextEncoder`. */
export function encodeUtf8(text: string): ByteString {
  return isAscii(text) ? (text as ByteString) : byteStringFrom(utf8Encoder.encode(text));
}

/** Holds bytes as a byte string. */
export function byteStringFrom(bytes: Uint8Array): ByteString {
  let result = '';
  // fromCharCode.apply takes its bytes as arguments, whose number engines limit (about 65,536 at the least).
  for (let start = 0; start < bytes.length; start += 8192) {
    // Not spread: that goes through an iterator, which takes ten times as long for a name.
    result += String.fromCharCode.apply(null, bytes.subarray(start, start + 8192) as unknown as number[]);
  }
  return result as ByteString;
}

/** The bytes of a byte string, in a new array. */
export function bytesOf(value: ByteString): Uint8Array {
  const bytes = new Uint8Array(value.length);
  for (let i = 0; i < value.length; i++) bytes[i] = value.charCodeAt(i);
  return bytes;
}

/** Decodes a byte string as UTF-8; an invalid sequence becomes U+FFFD. For texts such as JSON, never for names on disk. */
export function decodeUtf8(value: ByteString): string {
  return isAscii(value) ? value : new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytesOf(value));
}

/** Byte order: negative, zero or positive, for `Array.prototype.sort`. */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Text as {@link displayName} shows a name. */
export function displayText(text: string): string {
  return displayName(encodeUtf8(text));
}

const NAMED_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };

/**
 * A name as people read it: UTF-8 where it is valid, with control characters and bytes that are not UTF-8 escaped
 * (`\n`, `\xff`), so that no name can forge a line of output or move a terminal's cursor.
 */
export function displayName(name: ByteString): string {
  const text = decodeStrictly(name);
  if (text === undefined) {
    return name.replace(/[^\x20-\x5b\x5d-\x7e]/g, (char) => NAMED_ESCAPES[char] ?? hexEscape(char));
  }
  return text.replace(
    /[\x00-\x1f\x7f-\x9f\\\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) =>
      NAMED_ESCAPES[char] ?? [...utf8Encoder.encode(char)].map((byte) => hexEscape(String.fromCharCode(byte))).join(''),
  );
}

function decodeStrictly(name: ByteString): string | undefined {
  if (isAscii(name)) return name;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytesOf(name));
  } catch {
    return undefined;
  }
}

function hexEscape(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
