#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { EXIT_USAGE, exitCodeOf } from './exit-codes.js';
import { isAllPrinted, print } from './print.js';
import { reportError } from './report.js';
import { createSignals, runWithSignals, type Signals } from './signals.js';
import { version } from './version.js';

/** Each command's options and work; the code of one that is not asked for is not loaded. */
const COMMANDS: Readonly<Record<string, (program: Command, signals: Signals) => Promise<void>>> = {
  build: async (...args) => (await import('./build-command.js')).addBuildCommand(...args),
  closure: async (...args) => (await import('./closure-command.js')).addClosureCommand(...args),
  diff: async (...args) => (await import('./diff-command.js')).addDiffCommand(...args),
  explain: async (...args) => (await import('./explain-command.js')).addExplainCommand(...args),
  inspect: async (...args) => (await import('./inspect-command.js')).addInspectCommand(...args),
  tar: async (...args) => (await import('./tar-command.js')).addTarCommand(...args),
  verify: async (...args) => (await import('./verify-command.js')).addVerifyCommand(...args),
};

/** The commands that a command line needs to know of: the one that it begins with, or all to choose from. */
function commandsFor(first: string | undefined): readonly string[] {
  if (first === '--version' || first === '-V') return [];
  return first !== undefined && Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS);
}

async function main(): Promise<void> {
  const program = new Command('tarseal')
    .description('Builds deterministic container images and tar archives: same input, same bytes, anywhere')
    .version(version)
    .helpOption('--help', 'print help')
    .showHelpAfterError('(see --help)')
    .configureOutput({ writeOut: (text) => print(1, text), writeErr: (text) => print(2, text) })
    .exitOverride();
  const signals = createSignals();
  for (const name of commandsFor(process.argv[2])) await COMMANDS[name]!(program, signals);
  try {
    await runWithSignals(signals, () => program.parseAsync());
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
    } else {
      reportError(error, process.argv.includes('--debug'));
      process.exitCode = exitCodeOf(error);
    }
  }
}

void main().then(() => {
  // Nothing is left but to tidy up memory that goes with the process; unless a reader still has to take what it waits for.
  if (isAllPrinted()) process.exit();
});
