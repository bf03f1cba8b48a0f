import { Command as Commander, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Command, OptionRow } from './command.js';
import { type CommandLine, isInteger, knownOptions, splitOptions } from './command-line.js';
import { EXIT_USAGE } from './exit-codes.js';
import { print } from './print.js';
import { version } from './version.js';

/**
 * Reads a command line with Commander: to print help, and to say what is wrong with it.
 *
 * @param commands those that it may begin with
 * @param args of the program
 * @returns undefined where nothing is left to do but to end, with an exit code that is set
 */
export async function readWithCommander(
  commands: readonly Command[],
  args: readonly string[],
): Promise<(CommandLine & { readonly command: Command; readonly args: readonly string[] }) | undefined> {
  const program = new Commander('tarseal')
    .description('Builds deterministic container images and tar archives: same input, same bytes, anywhere')
    .version(version)
    .helpOption('--help', 'print help')
    .showHelpAfterError('(see --help)')
    .configureOutput({ writeOut: (text) => print(1, text), writeErr: (text) => print(2, text) })
    .exitOverride();
  let called: Awaited<ReturnType<typeof readWithCommander>>;
  for (const command of commands) {
    const described = describe(program, command);
    described.action(() => {
      const ownArgs = program.args.slice(program.args.indexOf(command.name) + 1);
      const tokens = splitOptions(ownArgs, knownOptions(command));
      called = { command, operands: described.args, options: described.opts(), tokens, args: ownArgs };
    });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  return called;
}

function describe(program: Commander, { name, summary, description, operands, options, example }: Command): Commander {
  const command = program.command(name).summary(summary).description(description);
  for (const [operand, help] of operands) command.argument(operand, help);
  for (const [heading, rows] of Object.entries(options)) {
    command.optionsGroup(heading);
    for (const row of rows) command.addOption(optionOf(row));
  }
  return command.helpOption('--help', 'print help').addHelpText('after', example);
}

function optionOf([flags, help, rule]: OptionRow): Option {
  const option = new Option(flags, help);
  if (rule === 'repeatable') option.argParser((value, previous: readonly string[] = []) => [...previous, value]);
  else if (rule === 'integer') option.argParser(integer);
  else if (rule !== undefined) option.choices(rule);
  return option;
}

function integer(value: string): number {
  if (!isInteger(value)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(value);
}
