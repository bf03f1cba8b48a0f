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

/** Operands as their index, options as their flag and value. */
function splitArguments(args: readonly string[]): unknown {
  return splitOptions(args, OPTIONS)?.map((token) =>
    token.kind === 'operand' ? token.index : `${token.flag} ${token.option.long} ${token.value}`.trim(),
  );
}

const SPLIT: Readonly<Record<string, readonly [args: readonly string[], split: unknown]>> = {
  'bundled, the last with its value next': [
    ['-cf', 'a.tar', 'x'],
    ['-c --create', '-f --file a.tar', 2],
  ],
  'bundled with a value': [
    ['-cfa.tar', 'x'],
    ['-c --create', '-f --file a.tar', 1],
  ],
  'a value that looks like an option': [
    ['-f', '-c', '--exclude', '--create', 'x'],
    ['-f --file -c', '--exclude --exclude --create', 4],
  ],
  'a value after =, empty or with another =': [
    ['--file=', '--exclude=a=b', 'x'],
    ['--file --file', '--exclude --exclude a=b', 2],
  ],
  'operands before, between and after': [
    ['x', '-C', 'd', 'y', '--no-recursion', 'z'],
    [0, '-C --directory d', 3, '--no-recursion --no-recursion', 5],
  ],
  'what follows -- is operands, -- itself too': [
    ['-c', '--', '-f', '--', '--exclude=a'],
    ['-c --create', 2, 3, 4],
  ],
  '-- as a value': [
    ['-f', '--', '-c'],
    ['-f --file --', '-c --create'],
  ],
  'a lone dash and nothing': [
    ['-', '', '-C', '-', '-f', ''],
    [0, 1, '-C --directory -', '-f --file'],
  ],
  'no value left': [['x', '-cf'], undefined],
  'unknown, long': [['--files'], undefined],
  'unknown, short': [['-x'], undefined],
  'unknown, in a bundle': [['-cx'], undefined],
  'a dash in a bundle': [['-c-'], undefined],
  'dashes in a bundle': [['-c--', 'x'], undefined],
  'a dash as a bundled value': [['-cf-'], ['-c --create', '-f --file -']],
  'a value for an option without one': [['--create=x'], undefined],
};
describe('arguments are split in their order', () => {
  test.each(Object.entries(SPLIT))('%s', (_, [args, split]) => {
    expect(splitArguments(args)).toEqual(split);
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
