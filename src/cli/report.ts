import { displayText, TarsealError } from '../index.js';

/** Whatever is wrong before file contents are read. */
export const EXIT_USAGE = 2;
/** Any later failure. */
export const EXIT_FAILURE = 1;

/** Codes of what only happens once contents are read or the output is written. */
const LATER_CODES: ReadonlySet<string> = new Set([
  'SOURCE_CHANGED',
  'READ_FAILED',
  'OUTPUT_FAILED',
  'ABORTED',
  'WORKER_FAILED',
]);

export function exitCodeOf(error: unknown): number {
  return error instanceof TarsealError && !LATER_CODES.has(error.code) ? EXIT_USAGE : EXIT_FAILURE;
}

/**
 * What a terminal would act on, made visible: whatever a message quotes, it moves no cursor and changes no colour. Line
 * breaks stay, as lists have them.
 */
export function printable(text: string): string {
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (char) =>
    displayText(char),
  );
}

/** Prints an error for a person: one message, and with `--debug` the stack. */
export function reportError(error: unknown, debug: boolean): void {
  if (error instanceof TarsealError) {
    process.stderr.write(`tarseal: ${printable(error.message)} [${error.code}]\n`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`tarseal: internal error: ${printable(message)} (--debug shows where)\n`);
  }
  if (debug && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      process.stderr.write(`${cause.stack}\n`);
  }
}
