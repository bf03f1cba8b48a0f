import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { displayText, TarsealError } from '../index.js';

/**
 * Arguments of this process, the last on its command line, as bytes where they are not UTF-8.
 *
 * Node decodes arguments as UTF-8 and so loses names that are not. Linux still has them in `/proc`; elsewhere the
 * decoded ones are all there is.
 */
export function rawArguments(args: readonly string[]): (string | Uint8Array)[] {
  if (!args.some((argument) => argument.includes('\ufffd'))) return [...args];
  try {
    const all = splitAtNul(readFileSync('/proc/self/cmdline'));
    const own = all.slice(all.length - args.length);
    return own.every((bytes, index) => bytes.toString('utf8') === args[index]) ? own : [...args];
  } catch {
    return [...args];
  }
}

/**
 * Refuses an argument that the decoding has changed: what it now says is not what was meant.
 *
 * @throws {TarsealError} SPEC_INVALID
 */
export function requireUtf8(decoded: string, raw: string | Uint8Array | undefined): void {
  if (decoded.includes('\ufffd') && raw instanceof Uint8Array && !isUtf8(raw)) {
    throw new TarsealError(
      'SPEC_INVALID',
      `Cannot use the argument "${displayText(decoded)}": it must be UTF-8, and is not`,
    );
  }
}

function splitAtNul(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    parts.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    if (end < 0) break;
    start = end + 1;
  }
  return parts;
}
