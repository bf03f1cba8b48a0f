import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { displayText, type ExcludePattern, parseMemberList, type TarMember, TarsealError } from '../index.js';
import type { Token } from './command-line.js';
import { rawArguments, requireUtf8 } from './raw-arguments.js';

/** The arguments of `tarseal tar` whose order means something. */
export interface OrderedArguments {
  readonly members: readonly TarMember[];
  readonly exclude: readonly ExcludePattern[];
  /** Of `--transform` and `--xform`, in one sequence. */
  readonly transform: readonly string[];
}

/** Options that are of the members that follow them. */
const POSITIONAL: ReadonlySet<string> = new Set(['--directory', '--no-recursion', '--exclude']);

/**
 * Reads the arguments whose order counts, as GNU tar does: a member has the directory and the recursion that were in
 * force before it.
 *
 * @throws {TarsealError} SPEC_INVALID for an option after the members that it should be of, or for no member at all
 */
export function readOrderedArguments(
  tokens: readonly Token[],
  args: readonly string[],
  cwd: string,
  isVerbatim: boolean,
): OrderedArguments {
  const raw = rawArguments(args);
  const operands = new Set(tokens.flatMap((token) => (token.kind === 'operand' ? [token.index] : [])));
  for (const [index, argument] of args.entries()) if (!operands.has(index)) requireUtf8(argument, raw[index]);
  const members: TarMember[] = [];
  const exclude: ExcludePattern[] = [];
  const transform: string[] = [];
  let directory = cwd;
  let recursive = true;
  let hasMemberList = false;
  let hasFile = false;
  let lastPositional: { option: string; membersBefore: number } | undefined;
  for (const token of tokens) {
    if (token.kind === 'operand') {
      members.push({ name: raw[token.index]!, directory, recursive });
      continue;
    }
    const { value, flag } = token;
    const { long } = token.option;
    if (POSITIONAL.has(long)) lastPositional = { option: flag, membersBefore: members.length };
    switch (long) {
      case '--file':
        if (hasFile)
          throw new TarsealError(
            'SPEC_INVALID',
            'Cannot write two archives: -f must be given once, and is given again',
          );
        hasFile = true;
        break;
      case '--directory':
        if (value === '')
          throw new TarsealError(
            'SPEC_INVALID',
            'Cannot use -C "": a directory must have a name, and this one is empty',
          );
        directory = resolve(directory, value);
        break;
      case '--no-recursion':
        recursive = false;
        break;
      case '--exclude':
        if (members.length > 0) throw misplaced(flag);
        exclude.push({ pattern: value, contents: recursive });
        break;
      case '--transform':
      case '--xform':
        transform.push(value);
        break;
      case '--files-from':
        hasMemberList = true;
        for (const name of readMemberList(value, isVerbatim)) members.push({ name, directory, recursive });
        break;
    }
  }
  if (
    lastPositional !== undefined &&
    lastPositional.membersBefore > 0 &&
    lastPositional.membersBefore === members.length
  ) {
    throw misplaced(lastPositional.option);
  }
  if (members.length === 0 && !hasMemberList) {
    throw new TarsealError(
      'SPEC_INVALID',
      'Cannot write an empty archive: at least one member must be given, and there is none',
    );
  }
  return { members, exclude, transform };
}

function misplaced(option: string): TarsealError {
  return new TarsealError(
    'SPEC_INVALID',
    `Cannot use ${option} after the members: it is of those that follow it, and must be given before them`,
    {
      option,
    },
  );
}

function readMemberList(file: string, isVerbatim: boolean): Uint8Array[] {
  let list: Buffer;
  try {
    list = readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new TarsealError(
      'SPEC_FILE',
      `Cannot read -T "${file}": ${code === 'ENOENT' ? 'it does not exist' : code}`,
      { file },
      { cause: error },
    );
  }
  const names = parseMemberList(list, isVerbatim);
  const option = isVerbatim ? undefined : names.find((name) => name[0] === 0x2d);
  if (option !== undefined) {
    throw new TarsealError(
      'SPEC_INVALID',
      `Cannot use the name "${displayText(Buffer.from(option).toString())}" of -T: what begins with "-" is an option to GNU tar; write ./ before it, or use --null`,
    );
  }
  return names;
}
