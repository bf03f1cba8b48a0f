import type { Token } from './command-line.js';
import type { Signals } from './signals.js';

/** How the values of an option are read: gathered, as a whole number, or one of these; as they are where nothing is said. */
export type ValueRule = 'repeatable' | 'integer' | readonly string[];

/** Flags as help shows them, e.g. `-f, --file <FILE>`: with `<` for an option that takes a value. */
export type OptionRow = readonly [flags: string, help: string, rule?: ValueRule];

/** What help, the reading of a command line and the work have to know of a command. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** Operands as help shows them: `<image>`, or `[path...]` and `<path...>`, which take what is left. */
  readonly operands: readonly (readonly [name: string, help: string])[];
  /** By the heading that help has over them. */
  readonly options: Readonly<Record<string, readonly OptionRow[]>>;
  readonly example: string;
  run(call: CommandCall): Promise<void>;
}

/** A command line that was understood. */
export interface CommandCall {
  readonly operands: readonly string[];
  /** Values by name: `numericOwner` of `--numeric-owner`, and `progress` is false after `--no-progress`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** The same in their order; `undefined` where only Commander reads it, to which `-5` is an operand. */
  readonly tokens: readonly Token[] | undefined;
  /** What the tokens are of. */
  readonly args: readonly string[];
  readonly signals: Signals;
}

/** What is wrong with a command line; its message stands alone, as Commander prints its own. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
