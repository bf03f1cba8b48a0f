import { type Command, Option } from 'commander';
import { type ClosureSpec, readClosure } from '../index.js';
import { print } from './print.js';
import { rawArguments, requireUtf8 } from './raw-arguments.js';
import type { Signals } from './signals.js';

interface ClosureOptions extends Omit<ClosureSpec, 'paths'> {
  readonly json?: boolean;
  readonly debug?: boolean;
}

const EXAMPLE = `
Example:
  $ tarseal closure /nix/store/…-hello-2.12 --scan /nix/store --order popularity`;

export function addClosureCommand(program: Command, signals: Signals): void {
  program
    .command('closure')
    .summary('list everything that store items refer to')
    .description('Lists the closure of store items: themselves and everything that they refer to, one item a line.')
    .argument('<path...>', 'store items, or any files and directories with --scan')
    .option('--graph <FILE>', 'references of the items, as Nix or Guix writes them (format detected)')
    .option('--scan <DIR>', 'find references by scanning, among the items of the store DIR')
    .option('--store <SRC=DEST>', 'the items of the store DEST, e.g. /nix/store, lie in SRC on this machine')
    .addOption(
      new Option('--order <ORDER>', 'topological: what an item refers to comes before it (default: name)').choices([
        'name',
        'popularity',
        'topological',
      ]),
    )
    .option('--json', 'print one JSON object, with references, popularity and sizes')
    .option('--debug', 'print stack traces')
    .helpOption('--help', 'print help')
    .addHelpText('after', EXAMPLE)
    .action(async (paths: string[], { json, debug: _, ...spec }: ClosureOptions) => {
      const args = process.argv.slice(2);
      for (const [index, raw] of rawArguments(args).entries()) requireUtf8(args[index]!, raw);
      const { items, narSizeBytes } = await readClosure(
        { ...spec, paths },
        { cwd: process.cwd(), signal: signals.signal },
      );
      // Counts have no limit, and a number in JSON has one for most readers.
      const listed = items.map((item) => ({ ...item, popularity: item.popularity.toString() }));
      print(
        1,
        json ? `${JSON.stringify({ items: listed, narSizeBytes })}\n` : items.map(({ path }) => `${path}\n`).join(''),
      );
    });
}
