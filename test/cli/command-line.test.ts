import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildCommand } from '../../src/cli/build-command.js';
import { closureCommand } from '../../src/cli/closure-command.js';
import type { Command } from '../../src/cli/command.js';
import { type KnownOption, knownOptions, readCommandLine, splitOptions } from '../../src/cli/command-line.js';
import { readWithCommander } from '../../src/cli/commander.js';
import { diffCommand } from '../../src/cli/diff-command.js';
import { explainCommand } from '../../src/cli/explain-command.js';
import { inspectCommand } from '../../src/cli/inspect-command.js';
import { tarCommand } from '../../src/cli/tar-command.js';
import { verifyCommand } from '../../src/cli/verify-command.js';

const OPTIONS: readonly KnownOption[] = knownOptions({
  options: {
    'Options:': [
      ['-c, --create', 'no value'],
      ['-f, --file <FILE>', 'a value'],
      ['-C, --directory <DIR>', 'a value'],
    ],
    'More:': [
      ['--exclude <PATTERN>', 'a value, and no short form'],
      ['--no-recursion', 'negated'],
    ],
  },
});

test('flags are told apart', () => {
  expect(OPTIONS.map(({ short, long, takesValue }) => [short, long, takesValue])).toEqual([
    ['-c', '--create', false],
    ['-f', '--file', true],
    ['-C', '--directory', true],
    [undefined, '--exclude', true],
    [undefined, '--no-recursion', false],
  ]);
});

/** What Node's own parser makes of it; `undefined` where it refuses it. */
function byParseArgs(args: readonly string[]): unknown {
  const options = Object.fromEntries(
    OPTIONS.map(({ long, short, takesValue }) => [
      long.slice(2),
      { type: takesValue ? 'string' : 'boolean', ...(short && { short: short.slice(1) }) } as const,
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true });
  const split = tokens.flatMap((token): unknown[] => {
    if (token.kind === 'positional') return [{ kind: 'operand', index: token.index }];
    if (token.kind !== 'option') return [];
    const option = OPTIONS.find(({ long }) => long === `--${token.name}`);
    const isRight = option !== undefined && (token.value !== undefined) === option.takesValue;
    return isRight ? [{ kind: 'option', option, flag: token.rawName, value: token.value ?? '' }] : [undefined];
  });
  return split.includes(undefined) ? undefined : split;
}

const SPLIT: Readonly<Record<string, readonly string[]>> = {
  'bundled, the last with its value next': ['-cf', 'a.tar', 'x'],
  'bundled with a value': ['-cfa.tar', 'x'],
  'a value that looks like an option': ['-f', '-c', '--exclude', '--create', 'x'],
  'a value after =, empty or with another =': ['--file=', '--exclude=a=b', 'x'],
  'operands before, between and after': ['x', '-C', 'd', 'y', '--no-recursion', 'z'],
  'what follows -- is operands, -- itself too': ['-c', '--', '-f', '--', '--exclude=a'],
  '-- as a value': ['-f', '--', '-c'],
  'a lone dash and nothing': ['-', '', '-C', '-', '-f', ''],
};
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'no value left': ['x', '-cf'],
  'unknown, long': ['--files'],
  'unknown, short': ['-x'],
  'unknown, in a bundle': ['-cx'],
  'a value for an option without one': ['--create=x'],
};
describe('arguments are split as by Node', () => {
  test.each(Object.entries(SPLIT))('%s', (_, args) => {
    expect(splitOptions(args, OPTIONS)).toBeDefined();
    expect(splitOptions(args, OPTIONS)).toEqual(byParseArgs(args));
  });

  test.each(Object.entries(REFUSED))('%s', (_, args) => {
    expect(splitOptions(args, OPTIONS)).toBeUndefined();
    expect(byParseArgs(args)).toBeUndefined();
  });

  test('any', () => {
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
});

const COMMANDS: readonly Command[] = [
  ...[buildCommand, closureCommand, diffCommand, explainCommand, inspectCommand, tarCommand, verifyCommand],
];

describe('what is plainly right is read as by Commander', () => {
  test.each(COMMANDS.map((command) => [command.name, command] as const))('%s', async (name, command) => {
    const known = knownOptions(command);
    const flags = known.flatMap(({ short, long }) => (short === undefined ? [long] : [short, long]));
    const value = fc.oneof(
      fc.constantFrom('', '-', '--', 'x', 'a=b', '7', '-7', '1234567890', '-c', '-V', '--version', '--help', 'help'),
      fc.constantFrom(...known.flatMap(({ rule }) => (typeof rule === 'object' ? rule : ['y']))),
    );
    const option = fc.tuple(fc.constantFrom(...known), value).map(([{ long, takesValue, rule }, any]) => {
      const right = rule === 'integer' ? '7' : typeof rule === 'object' ? rule[0]! : any;
      return takesValue ? [long, right] : [long];
    });
    const argument = fc.oneof(
      { arbitrary: option, weight: 4 },
      { arbitrary: value.map((text) => [text]), weight: 2 },
      fc.constantFrom(...flags).map((flag) => [flag]),
      fc.tuple(fc.constantFrom(...flags), fc.constantFrom('', '='), value).map((parts) => [parts.join('')]),
    );
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(argument, { maxLength: 6 }), async (parts) => {
        const args = parts.flat();
        const line = readCommandLine(args, command);
        fc.pre(line !== undefined);
        read++;
        const { operands, options } = (await readWithCommander([command], [name, ...args]))!;
        // It has a value for what is negated where that is not given.
        const negated = known.filter(({ long }) => long.startsWith('--no-')).map(({ long }) => [long.slice(5), true]);
        expect({ operands: line!.operands, options: { ...Object.fromEntries(negated), ...line!.options } }).toEqual({
          operands,
          options,
        });
      }),
      { numRuns: 300, maxSkipsPerRun: 1000 },
    );
    expect(read).toBeGreaterThanOrEqual(300);
  });
});
