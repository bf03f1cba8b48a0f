#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { addBuildCommand } from './build-command.js';
import { EXIT_USAGE, exitCodeOf, reportError } from './report.js';
import { runWithSignals } from './signals.js';
import { addTarCommand } from './tar-command.js';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const program = new Command('tarseal')
  .description('Builds deterministic container images and tar archives: same input, same bytes, anywhere')
  .version(version)
  .showHelpAfterError('(see --help)')
  .exitOverride();

addBuildCommand(program);
addTarCommand(program);

try {
  await runWithSignals((signal) => {
    program.setOptionValue('signal', signal);
    return program.parseAsync();
  });
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  } else {
    reportError(error, process.argv.includes('--debug'));
    process.exitCode = exitCodeOf(error);
  }
}
