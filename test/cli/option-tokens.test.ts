import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type KnownOption, splitOptions, type Token } from '../../src/cli/option-tokens.js';

const OPTIONS: readonly KnownOption[] = [
  { short: '-c', long: '--create', required: false },
  { short: '-f', long: '--file', required: true },
  { short: '-C', long: '--directory', required: true },
  { long: '--exclude', required: true },
  { long: '--no-recursion', required: false },
];

/** What Node's own parser makes of it. */
function byParseArgs(args: readonly string[]): Token[] {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      OPTIONS.map(({ long, short, required }) => [
        long!.slice(2),
        { type: required ? 'string' : 'boolean', ...(short && { short: short.slice(1) }) } as const,
      ]),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  return tokens.flatMap((token): Token[] => {
    if (token.kind === 'positional') return [{ kind: 'operand', index: token.index }];
    if (token.kind !== 'option') return [];
    return [{ kind: 'option', name: token.name, flag: token.rawName, value: token.value ?? '' }];
  });
}

const CASES: Readonly<Record<string, readonly string[]>> = {
  'bundled, the last with its value next': ['-cf', 'a.tar', 'x'],
  'bundled with a value': ['-cfa.tar', 'x'],
  'a value that looks like an option': ['-f', '-c', '--exclude', '--create', 'x'],
  'a value after =, empty or with another =': ['--file=', '--exclude=a=b', 'x'],
  'operands before, between and after': ['x', '-C', 'd', 'y', '--no-recursion', 'z'],
  'what follows -- is operands, -- itself too': ['-c', '--', '-f', '--', '--exclude=a'],
  '-- as a value': ['-f', '--', '-c'],
  'a lone dash and nothing': ['-', '', '-C', '-', '-f', ''],
  'no value left': ['x', '-cf'],
};
test.each(Object.entries(CASES))('%s', (_, args) => {
  expect(splitOptions(args, OPTIONS)).toEqual(byParseArgs(args));
});

test('arguments are split as by Node', () => {
  const value = fc.constantFrom('', '-', '--', 'x', '-x=', 'a=b', 'é', '-c', '--file');
  const argument = fc.oneof(
    value.filter((text) => text !== '-x='),
    fc.constantFrom('-c', '-f', '-cf', '-ccC', '--create', '--no-recursion', '--file', '--exclude'),
    fc.tuple(fc.constantFrom('-f', '-cf', '-C', '--file=', '--exclude='), value).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 8 }), (args) => {
      expect(splitOptions(args, OPTIONS)).toEqual(byParseArgs(args));
    }),
  );
});
