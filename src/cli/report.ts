import { TarsealError } from '../index.js';

/** Whatever is wrong before file contents are read. */
export const EXIT_USAGE = 2;
/** Any later failure. */
export const EXIT_FAILURE = 1;

/** Codes of what only happens once contents are read or the output is written. */
const LATER_CODES: ReadonlySet<string> = new Set(['SOURCE_CHANGED', 'READ_FAILED', 'OUTPUT_FAILED', 'ABORTED']);

export function exitCodeOf(error: unknown): number {
  return error instanceof TarsealError && !LATER_CODES.has(error.code) ? EXIT_USAGE : EXIT_FAILURE;
}

/** Prints an error for a person: one message, and with `--debug` the stack. */
export function reportError(error: unknown, debug: boolean): void {
  if (error instanceof TarsealError) {
    process.stderr.write(`tarseal: ${error.message} [${error.code}]\n`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`tarseal: internal error: ${message} (--debug shows where)\n`);
  }
  if (debug && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      process.stderr.write(`${cause.stack}\n`);
  }
}
