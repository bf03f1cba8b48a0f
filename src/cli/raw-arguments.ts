import { readFileSync } from 'node:fs';

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
