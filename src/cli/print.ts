import { fstatSync, type Stats, statSync, writeSync } from 'node:fs';
import { EXIT_FAILURE } from './exit-codes.js';

/** Standard output and standard error. */
export type StandardFd = 1 | 2;

/** Those that are written to as streams. */
const streams = new Set<StandardFd>();

/**
 * Prints to standard output or standard error. Node's own streams for them, and all that these are made of, take as long
 * to load as the rest of a short run: they serve only where a plain write does not do.
 */
export function print(fd: StandardFd, text: string): void {
  // A console of Windows takes text, not bytes.
  if (streams.has(fd) || process.platform === 'win32') {
    standardStream(fd).write(text);
    return;
  }
  const bytes = Buffer.from(text);
  let done = 0;
  try {
    while (done < bytes.length) done += writeSync(fd, bytes, done);
  } catch (error) {
    onPrintError(error as NodeJS.ErrnoException);
    // In non-blocking mode, set by whoever else holds it, and full: the stream can wait, and what follows waits for it.
    standardStream(fd).write(bytes.subarray(done));
  }
}

/** Whether nothing that was printed can still be on its way. */
export function isAllPrinted(): boolean {
  return streams.size === 0;
}

/** Node's stream, with which errors are dealt as {@link print} does. */
export function standardStream(fd: StandardFd): NodeJS.WriteStream {
  const stream = fd === 1 ? process.stdout : process.stderr;
  if (!streams.has(fd)) stream.on('error', onPrintError);
  streams.add(fd);
  return stream;
}

/** Whether a person may be there to read it. */
export function isTerminal(fd: StandardFd): boolean {
  return (process.platform === 'win32' || isPerhapsTerminal(fstatSync(fd))) && standardStream(fd).isTTY;
}

/** What can be told without loading Node's stream for it. */
function isPerhapsTerminal(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev !== statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
}

/** A reader such as `head` may be gone before the last line: no reason for a stack trace, nor for success. */
function onPrintError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT_FAILURE);
  if (error.code !== 'EAGAIN') throw error;
}
