import { displayText, TarsealError } from '../index.js';
import { print } from './print.js';

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
    print(2, `tarseal: ${printable(error.message)} [${error.code}]\n`);
  } else {
    const message = error instanceof Error ? error.message : String(error);
    print(2, `tarseal: internal error: ${printable(message)} (--debug shows where)\n`);
  }
  if (debug && error instanceof Error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) print(2, `${cause.stack}\n`);
  }
}
