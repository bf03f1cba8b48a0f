import { TarsealError } from '../index.js';

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
