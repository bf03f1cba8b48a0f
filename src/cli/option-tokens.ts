import type { Option } from 'commander';

/** One option or operand of a command line. */
export type Token =
  | { readonly kind: 'operand' /** Of the argument. */; readonly index: number }
  | { readonly kind: 'option'; readonly name: string; readonly flag: string; readonly value: string };

/** What of an option counts here. */
export type KnownOption = Pick<Option, 'long' | 'short' | 'required'>;

/**
 * Splits arguments in their order, as getopt_long does but for abbreviations. Node's `parseArgs` does the same in several
 * times the time, which a short run would notice.
 *
 * @param args that Commander has accepted: each option is known, and has its value
 */
export function splitOptions(args: readonly string[], options: readonly KnownOption[]): Token[] {
  const known = new Map(options.flatMap((option) => [option.long, option.short].map((flag) => [flag, option])));
  const tokens: Token[] = [];
  let index = 0;
  /** @param rest the value, where it is in the same argument */
  const addOption = (flag: string, rest: string | undefined): void => {
    const option = known.get(flag);
    const value = rest ?? (option?.required ? args[++index] : undefined) ?? '';
    tokens.push({ kind: 'option', name: option?.long?.slice(2) ?? flag, flag, value });
  };
  let isEnded = false;
  for (; index < args.length; index++) {
    const argument = args[index]!;
    if (isEnded || argument === '-' || !argument.startsWith('-')) {
      tokens.push({ kind: 'operand', index });
    } else if (argument === '--') {
      isEnded = true;
    } else if (argument.startsWith('--')) {
      const [flag, ...rest] = argument.split('=') as [string, ...string[]];
      addOption(flag, rest.length > 0 ? rest.join('=') : undefined);
    } else {
      for (let at = 1; at < argument.length; at++) {
        const flag = `-${argument[at]}`;
        const takesValue = known.get(flag)?.required;
        addOption(flag, (takesValue && argument.slice(at + 1)) || undefined);
        if (takesValue) break;
      }
    }
  }
  return tokens;
}
