#!/usr/bin/env node
import { type Command, UsageError } from './command.js';
import { readCommandLine } from './command-line.js';
import { EXIT_USAGE, exitCodeOf } from './exit-codes.js';
import { isAllPrinted, print } from './print.js';
import { reportError } from './report.js';
import { createSignals, runWithSignals, type Signals } from './signals.js';
import { version } from './version.js';

/** The code of a command that is not asked for is not loaded. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  build: async () => (await import('./build-command.js')).buildCommand,
  closure: async () => (await import('./closure-command.js')).closureCommand,
  diff: async () => (await import('./diff-command.js')).diffCommand,
  explain: async () => (await import('./explain-command.js')).explainCommand,
  inspect: async () => (await import('./inspect-command.js')).inspectCommand,
  tar: async () => (await import('./tar-command.js')).tarCommand,
  verify: async () => (await import('./verify-command.js')).verifyCommand,
};

async function main([first, ...rest]: readonly string[], signals: Signals): Promise<void> {
  if (rest.length === 0 && (first === '--version' || first === '-V')) {
    print(1, `${version}\n`);
    return;
  }
  const isCommand = first !== undefined && Object.hasOwn(COMMANDS, first);
  const commands: Command[] = [];
  for (const name of isCommand ? [first] : Object.keys(COMMANDS)) commands.push(await COMMANDS[name]!());
  const [command] = commands as [Command];
  const read = isCommand ? readCommandLine(rest, command) : undefined;
  if (read !== undefined) return command.run({ ...read, args: rest, signals });

  const { readWithCommander } = await import('./commander.js');
  const call = await readWithCommander(commands, process.argv.slice(2));
  await call?.command.run({ ...call, signals });
}

function reportFailure(error: unknown): void {
  if (error instanceof UsageError) {
    print(2, `${error.message}\n(see --help)\n`);
    process.exitCode = EXIT_USAGE;
  } else {
    reportError(error, process.argv.includes('--debug'));
    process.exitCode = exitCodeOf(error);
  }
}

const signals = createSignals();
void runWithSignals(signals, () => main(process.argv.slice(2), signals))
  .catch(reportFailure)
  .then(() => {
    // Nothing is left but to tidy up memory that goes with the process; unless a reader still has to take what it waits for.
    if (isAllPrinted()) process.exit();
    signals.remove();
  });
