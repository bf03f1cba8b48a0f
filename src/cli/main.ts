#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { addBuildCommand } from './build-command.js';
import { addClosureCommand } from './closure-command.js';
import { EXIT_FAILURE, EXIT_USAGE, exitCodeOf, reportError } from './report.js';
import { createSignals, runWithSignals } from './signals.js';
import { addTarCommand } from './tar-command.js';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

// A reader such as `head` may be gone before the last line: no reason for a stack trace, nor for success.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT_FAILURE);
  });
}

const program = new Command('tarseal')
  .description('Builds deterministic container images and tar archives: same input, same bytes, anywhere')
  .version(version)
  .helpOption('--help', 'print help')
  .showHelpAfterError('(see --help)')
  .exitOverride();

const signals = createSignals();
addBuildCommand(program, signals);
addClosureCommand(program, signals);
addTarCommand(program, signals);

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
