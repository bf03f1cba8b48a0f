import { type ClosureSpec, readClosure } from '../index.js';
import type { Command, CommandCall } from './command.js';
import { print } from './print.js';
import { rawArguments, requireUtf8 } from './raw-arguments.js';

interface ClosureOptions extends Omit<ClosureSpec, 'paths'> {
  readonly json?: boolean;
  readonly debug?: boolean;
}

const EXAMPLE = `
Example:
  $ tarseal closure /nix/store/…-hello-2.12 --scan /nix/store --order popularity`;

export const closureCommand: Command = {
  name: 'closure',
  summary: 'list everything that store items refer to',
  description: 'Lists the closure of store items: themselves and everything that they refer to, one item a line.',
  operands: [['<path...>', 'store items, or any files and directories with --scan']],
  options: {
    'Options:': [
      ['--graph <FILE>', 'references of the items, as Nix or Guix writes them (format detected)'],
      ['--scan <DIR>', 'find references by scanning, among the items of the store DIR'],
      ['--store <SRC=DEST>', 'the items of the store DEST, e.g. /nix/store, lie in SRC on this machine'],
      [
        '--order <ORDER>',
        'topological: what an item refers to comes before it (default: name)',
        ['name', 'popularity', 'topological'],
      ],
      ['--json', 'print one JSON object, with references, popularity and sizes'],
      ['--debug', 'print stack traces'],
    ],
  },
  example: EXAMPLE,
  run: listClosure,
};

async function listClosure({ operands: paths, options, signals }: CommandCall): Promise<void> {
  const { json, debug: _, ...spec } = options as ClosureOptions;
  const args = process.argv.slice(2);
  for (const [index, raw] of rawArguments(args).entries()) requireUtf8(args[index]!, raw);
  const { items, narSizeBytes } = await readClosure({ ...spec, paths }, { cwd: process.cwd(), signal: signals.signal });
  // Counts have no limit, and a number in JSON has one for most readers.
  const listed = items.map((item) => ({ ...item, popularity: item.popularity.toString() }));
  print(
    1,
    json ? `${JSON.stringify({ items: listed, narSizeBytes })}\n` : items.map(({ path }) => `${path}\n`).join(''),
  );
}
