import { parseArgs } from 'node:util';
import type { Command, CommandCall, ValueRule } from './command.js';

/** One option or operand of a command line. */
export type Token =
  | { readonly kind: 'operand' /** Of the argument. */; readonly index: number }
  | { readonly kind: 'option'; readonly option: KnownOption; readonly flag: string; readonly value: string };

/** What of an option counts here. */
export interface KnownOption {
  readonly short: string | undefined;
  readonly long: string;
  readonly takesValue: boolean;
  readonly rule?: ValueRule | undefined;
}

/** The options of a command. */
export function knownOptions({ options }: Pick<Command, 'options'>): KnownOption[] {
  return Object.values(options).flatMap((rows) =>
    rows.map(([flags, , rule]) => {
      const [names, value] = flags.split(' <') as [string, string?];
      const long = names.slice(names.indexOf('--'));
      return { short: long === names ? undefined : names.slice(0, 2), long, takesValue: value !== undefined, rule };
    }),
  );
}

/**
 * Splits arguments in their order, as getopt_long does but for abbreviations.
 *
 * @returns undefined where an option is unknown, lacks its value or has one that it does not take
 */
export function splitOptions(args: readonly string[], options: readonly KnownOption[]): Token[] | undefined {
  const known = new Map(options.map((option) => [option.long.slice(2), option]));
  const config = Array.from(known, ([name, { short, takesValue }]) => {
    const type: 'string' | 'boolean' = takesValue ? 'string' : 'boolean';
    return [name, short === undefined ? { type } : { type, short: short.slice(1) }] as const;
  });
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(config),
    allowPositionals: true,
    // It refuses values that begin with a dash.
    strict: false,
    tokens: true,
  });
  const split: Token[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') split.push({ kind: 'operand', index: token.index });
    // Of `-c-` Node makes `-c --`.
    if (token.kind === 'option-terminator' && args[token.index] !== '--') return undefined;
    if (token.kind !== 'option') continue;
    const option = known.get(token.name);
    if (option === undefined || (token.value !== undefined) !== option.takesValue) return undefined;
    split.push({ kind: 'option', option, flag: token.rawName, value: token.value ?? '' });
  }
  return split;
}

/** What a command is called with. */
export type CommandLine = Pick<CommandCall, 'operands' | 'options' | 'tokens'>;

/**
 * Reads a command line with Node's parser as Commander does, which takes longer to load than the work of a short run.
 *
 * @returns undefined for whatever is not plainly right: help is asked for, say, or something is wrong with it
 */
export function readCommandLine(args: readonly string[], command: Command): CommandLine | undefined {
  // The program's own, which Commander knows anywhere.
  if (args.some((argument) => argument.startsWith('-V') || argument.startsWith('--version'))) return undefined;
  const tokens = splitOptions(args, knownOptions(command));
  if (tokens === undefined) return undefined;
  const operands: string[] = [];
  const options: Record<string, unknown> = {};
  for (const token of tokens) {
    if (token.kind === 'operand') operands.push(args[token.index]!);
    else {
      const name = optionName(token.option);
      const value = readValue(token.option, token.value, options[name]);
      if (value === undefined) return undefined;
      options[name] = value;
    }
  }
  const required = command.operands.filter(([name]) => name.startsWith('<')).length;
  const isOpen = command.operands.some(([name]) => name.includes('...'));
  if (operands.length < required || (operands.length > command.operands.length && !isOpen)) return undefined;
  return { operands, options, tokens };
}

/** The name of an option's value: `numericOwner` of `--numeric-owner`, `progress` of `--no-progress`. */
function optionName({ long }: KnownOption): string {
  const [first, ...rest] = long.replace(/^--(?:no-)?/, '').split('-');
  return first + rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** @returns undefined where it is none that the option takes */
function readValue({ long, takesValue, rule }: KnownOption, value: string, previous: unknown): unknown {
  if (!takesValue) return !long.startsWith('--no-');
  if (rule === 'repeatable') return [...((previous as readonly string[] | undefined) ?? []), value];
  if (rule === 'integer') return isInteger(value) ? Number(value) : undefined;
  return rule === undefined || rule.includes(value) ? value : undefined;
}

/** Whether it is a whole number of at most nine digits. */
export function isInteger(value: string): boolean {
  return /^[0-9]{1,9}$/.test(value);
}
