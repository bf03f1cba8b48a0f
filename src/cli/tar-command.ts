import { availableParallelism } from 'node:os';
import { type CreatedTar, createTar, displayText, type TarSpec, TarsealError } from '../index.js';
import { type Command, type CommandCall, UsageError } from './command.js';
import { isTerminal, print } from './print.js';
import { printable } from './report.js';
import { readOrderedArguments } from './tar-arguments.js';

interface TarOptions {
  readonly file?: string;
  readonly null?: boolean;
  readonly format?: string;
  readonly sort?: 'name' | 'none';
  readonly mtime?: string;
  readonly owner?: string;
  readonly group?: string;
  readonly numericOwner?: boolean;
  readonly mode?: string;
  readonly paxOption?: readonly string[];
  readonly blockingFactor?: number;
  readonly gzip?: boolean;
  readonly absoluteNames?: boolean;
  readonly strict?: boolean;
  readonly codec?: string;
  readonly hashEngine?: 'auto' | 'wasm' | 'native';
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const EXAMPLE = `
Example:
  $ tarseal tar -C dist -czf app.tar.gz .
  $ find src -print0 | LC_ALL=C sort -z | tarseal tar --null --no-recursion -T - -cf src.tar

The archive is what GNU tar writes with --sort=name --mtime=@1 --owner=root:0 --group=root:0 --hard-dereference.`;

/** What GNU tar must be told in its posix format to be deterministic, and what ours does. */
const PAX_OPTIONS: ReadonlySet<string> = new Set(['exthdr.name=%d/PaxHeaders/%f', 'delete=atime', 'delete=ctime']);

export const tarCommand: Command = {
  name: 'tar',
  summary: 'write a deterministic tar archive, with options as GNU tar has them',
  description: 'Writes a deterministic tar archive, with options as GNU tar has them.',
  operands: [['[member...]', 'files and directories']],
  options: {
    'Options:': [
      ['-c, --create', 'create an archive, which is all that this command does'],
      ['-f, --file <FILE>', 'the archive, - for stdout (default: -)'],
      ['-C, --directory <DIR>', 'directory of the members that follow (repeatable)', 'repeatable'],
      ['-T, --files-from <FILE>', 'names of members, one a line, - for stdin (repeatable)', 'repeatable'],
      ['--null', 'names in -T end in NUL and are verbatim'],
      ['--no-recursion', 'of the members that follow, only themselves'],
      ['--exclude <PATTERN>', 'leave out what matches (repeatable)', 'repeatable'],
      ['--format <FORMAT>', 'format (default: ustar)', ['ustar', 'gnu', 'posix', 'pax']],
      ['--sort <ORDER>', 'order of names in a directory (default: name)', ['name', 'none']],
      ['--mtime <TIME>', '@SECONDS or ISO 8601 (default: @1)'],
      ['--owner <NAME:ID>', 'owner of every member (default: root:0)'],
      ['--group <NAME:ID>', 'group of every member (default: root:0)'],
      ['--numeric-owner', 'write no names of owners'],
      ['--mode <CHANGES>', 'mode changes for every member, as under umask 0'],
      ['--hard-dereference', 'store hard links as the files they are, which is always done'],
      ['--transform <EXPRESSION>', 'sed s expression on names (repeatable)', 'repeatable'],
      ['--xform <EXPRESSION>', 'the same', 'repeatable'],
      [
        '--pax-option <KEYWORDS>',
        'only exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime, which is always done',
        'repeatable',
      ],
      ['-b, --blocking-factor <N>', 'blocks of 512 bytes in a record (default: 20)', 'integer'],
      ['-z, --gzip', 'compress'],
      ['-P, --absolute-names', 'keep leading slashes and .. in names'],
      ['--strict', 'refuse what plain ustar cannot represent'],
      ['--codec <NAME>', 'frozen codec (default: gzip-libdeflate-1)'],
      ['--hash-engine <ENGINE>', 'never changes a byte (default: auto)', ['auto', 'wasm', 'native']],
      ['--json', 'print one JSON object'],
      ['--quiet', 'no warnings, no result'],
      ['--no-progress', 'no progress bar'],
      ['--debug', 'print stack traces'],
    ],
  },
  example: EXAMPLE,
  run: runTar,
};

async function runTar({ options: given, tokens, args, signals }: CommandCall): Promise<void> {
  const options = given as TarOptions;
  if (tokens === undefined) throw new UsageError('error: a member that begins with "-" must be given after --');
  checkPaxOptions(options);
  const output = options.file ?? '-';
  if (output === '-' && isTerminal(1)) {
    throw new TarsealError('OUTPUT_INVALID', 'Cannot write an archive to a terminal: a file must be given with -f');
  }
  const cwd = process.cwd();
  const ordered = readOrderedArguments(tokens, args, cwd, options.null ?? false);
  const spec: TarSpec = {
    ...ordered,
    output,
    ...(options.format !== undefined && {
      format: options.format === 'pax' ? 'posix' : (options.format as 'ustar' | 'gnu' | 'posix'),
    }),
    ...pick(options, [
      'strict',
      'sort',
      'mtime',
      'owner',
      'group',
      'numericOwner',
      'mode',
      'absoluteNames',
      'blockingFactor',
      'codec',
      'hashEngine',
    ]),
    ...(options.gzip && { compression: 'gzip' }),
  };
  const onWarning = (message: string): void => {
    if (!options.quiet) print(2, `tarseal: warning: ${printable(message)}\n`);
  };
  const created = await createTar(spec, {
    cwd,
    jobs: availableParallelism(),
    signal: signals.signal,
    onReady: signals.install,
    onWarning,
  });
  if (options.json) print(output === '-' ? 2 : 1, `${describeJson(created)}\n`);
  else if (!options.quiet) print(2, `${created.sha256} ${created.sizeBytes} ${displayText(created.output)}\n`);
}

function describeJson({ sha256, sizeBytes, members }: CreatedTar): string {
  return JSON.stringify({ sha256, sizeBytes, members });
}

function checkPaxOptions({ paxOption = [] }: TarOptions): void {
  for (const keyword of paxOption.flatMap((list) => list.split(','))) {
    if (!PAX_OPTIONS.has(keyword.trim())) {
      throw new TarsealError(
        'SPEC_INVALID',
        `Cannot use --pax-option "${keyword.trim()}": it must be one of ${[...PAX_OPTIONS].join(', ')}`,
      );
    }
  }
}

function pick<T extends object, K extends keyof T>(value: T, keys: readonly K[]): Partial<Pick<T, K>> {
  return Object.fromEntries(keys.filter((key) => value[key] !== undefined).map((key) => [key, value[key]])) as Partial<
    Pick<T, K>
  >;
}
