import {
  type ComparedLayer,
  type ComparedSide,
  type CompareOptions,
  type Comparison,
  type Difference,
  type DifferenceCount,
  diffImages,
  displayText,
  type GivenImage,
} from '../index.js';
import { type Command, type CommandCall, UsageError } from './command.js';
import { EXIT_FAILURE } from './exit-codes.js';
import { givenImage, readOptions } from './given-image.js';
import { print } from './print.js';
import type { Signals } from './signals.js';
import { describeFinding } from './verify-command.js';

export interface DiffOptions {
  readonly all?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

const EXAMPLE = `
Example:
  $ tarseal diff hello.tar again.tar
  $ tarseal diff --json a.tar.gz oci-layout:latest | jq .counts

Exit code 0 where they are equal, 1 where they differ. A and B are a docker-archive, an OCI archive or any tar (gzip or
not), an OCI layout, or one of them - for standard input.`;

/** So many differences of one kind are shown where not all are. */
const SHOWN = 3;

/** What `diff` and `explain` have in common. */
export const comparing: Pick<Command, 'operands' | 'options'> = {
  operands: [
    ['<a>', 'IMAGE[:REFERENCE]'],
    ['<b>', 'IMAGE[:REFERENCE]'],
  ],
  options: {
    'Options:': [
      ['--all', 'list every difference, with the bytes of each'],
      ['--json', 'print one JSON object'],
      ['--quiet', 'the exit code alone'],
      ['--debug', 'print stack traces'],
    ],
  },
};

export const diffCommand: Command = {
  name: 'diff',
  summary: 'say where two images or tars differ',
  description: 'Says where two images or tars differ: documents, layers, members, fields, bytes.',
  ...comparing,
  example: EXAMPLE,
  async run(call) {
    const options = call.options as DiffOptions;
    const comparison = await diffImages(...givenImages(call), compareOptions(call.signals, options));
    report(comparison, options, () => [...describeSides(comparison), ...describeDifferences(comparison, options)]);
  },
};

/** Both operands. Standard input is read once. */
export function givenImages({ operands }: CommandCall): [GivenImage, GivenImage] {
  const [a, b] = operands as [string, string];
  if (a === '-' && b === '-') throw new UsageError('error: A or B can be -, standard input, and not both');
  return [givenImage(a), givenImage(b)];
}

export function compareOptions(signals: Signals, { all }: DiffOptions): CompareOptions {
  return { ...readOptions(signals), ...(all && { limit: Number.POSITIVE_INFINITY }) };
}

/** Prints what was found, and says by the exit code whether there is a difference. */
export function report(comparison: Comparison, { json, quiet }: DiffOptions, describe: () => readonly string[]): void {
  for (const { name, findings } of [comparison.a, comparison.b]) {
    for (const finding of findings.filter(({ severity }) => severity === 'error')) {
      print(2, `tarseal: ${displayText(name)}: ${describeFinding(finding)}\n`);
    }
  }
  if (json) print(1, `${JSON.stringify(comparison)}\n`);
  else if (!quiet) print(1, [...describe(), ''].join('\n'));
  if (!comparison.isEqual) process.exitCode = EXIT_FAILURE;
}

export function describeSides({ a, b, isEqual }: Comparison): string[] {
  const side = (letter: string, { name, formats, sizeBytes, images }: ComparedSide): string => {
    const what = formats.length === 0 ? 'no image' : formats.join(' and ');
    const size = sizeBytes === null ? '' : `, ${sizeBytes} bytes`;
    return `${letter} ${displayText(name)}: ${what}${size}${images.map((image) => `, image ${image ?? '?'}`).join('')}`;
  };
  return [side('A', a), side('B', b), ...(isEqual ? ['equal'] : [])];
}

/** All differences: those of what holds the images, of documents, and layer by layer. */
export function describeDifferences(comparison: Comparison, { all }: DiffOptions): string[] {
  const { differences, counts, layers } = comparison;
  const lines: string[] = [];
  // What follows from another difference is told where everything is, or where the other was not found.
  const isOnlyFollowing = differences.every(({ follows }) => follows);
  const places = [...new Map(counts.map((count) => [placeKey(count), count])).values()];
  for (const place of places) {
    const key = placeKey(place);
    const heading = headingOf(place, comparison);
    lines.push(...heading);
    const indent = heading.length > 0 ? '  ' : '';
    const layer = layers.find((one) => placeKey(one) === key);
    if (layer?.first) lines.push(...describeFirst(layer).map((line) => indent + line));
    for (const group of counts.filter((count) => placeKey(count) === key)) {
      const listed = differences.filter((one) => placeKey(one) === key && isOf(group, one));
      const told = all || isOnlyFollowing ? listed : listed.filter(({ follows }) => !follows);
      if (told.length === 0) continue;
      lines.push(...describeGroup(group, told, all ?? false).map((line) => indent + line));
    }
  }
  return lines;
}

type Place = Pick<Difference, 'image' | 'layer'>;

export function placeKey({ image, layer }: Place): string {
  return JSON.stringify([image, layer?.a, layer?.b]);
}

/** What a place is called; nothing for what is no layer of an image. */
export function headingOf({ image, layer }: Place, { layers }: Pick<Comparison, 'layers'>): string[] {
  const of = image === undefined ? '' : ` of ${image}`;
  if (layer === undefined) return image === undefined ? [] : [`image ${image}`];
  const compared = layers.find((one) => placeKey(one) === placeKey({ ...(image !== undefined && { image }), layer }));
  const { a, b } = layer;
  if (a === null || b === null) return [`layer ${a ?? b}${of}, in ${a === null ? 'B' : 'A'} only`];
  const by = compared === undefined ? '' : `, paired by ${compared.by}`;
  return [`layer ${a}${of}${a === b ? '' : ` of A, layer ${b} of B`}${by}`];
}

function isOf(group: DifferenceCount, { kind, field }: Difference): boolean {
  return kind === group.kind && (kind === 'document' || field === group.field);
}

function describeFirst({ first }: ComparedLayer): string[] {
  const { offset, member, field, hexdump } = first!;
  const place = (side: 'a' | 'b'): string =>
    member[side] === null ? field[side] : `${field[side]} of "${member[side]}"`;
  const where = place('a') === place('b') ? place('a') : `A ${place('a')}, B ${place('b')}`;
  return [`first differing byte ${offset}: ${where}`, ...describeDump(hexdump)];
}

function describeDump({ a, b }: { readonly a: string; readonly b: string }): string[] {
  const lines = (side: string, dump: string): string[] => dump.split('\n').map((line) => `  ${side} ${line}`);
  return [...lines('A', a), ...lines('B', b)];
}

function describeGroup(group: DifferenceCount, listed: readonly Difference[], all: boolean): string[] {
  const { kind, field = '', count } = group;
  if (kind === 'archive' && listed[0]!.member !== undefined) {
    // Of what no field says.
    const { member, offset, hexdump } = listed[0]!;
    return [`first differing byte ${offset?.a}: ${field} of "${member}"`, ...(hexdump ? describeDump(hexdump) : [])];
  }
  if (kind === 'container' || kind === 'archive' || kind === 'image' || kind === 'layer' || kind === 'blob') {
    return listed.map(
      (one) =>
        `${[kind === 'archive' || kind === 'container' ? '' : kind, field].filter(Boolean).join(' ')}: ${valuesOf(one)}`,
    );
  }
  const shown = all ? listed : listed.slice(0, kind === 'document' ? listed.length : SHOWN);
  const lines = shown.flatMap((one) => [describeOne(one), ...(all && one.hexdump ? describeDump(one.hexdump) : [])]);
  if (kind === 'document') {
    const rest = count - listed.length;
    return all || rest === 0 ? lines : [...lines, `and ${rest} more values, digests among them (--all)`];
  }
  const rest = count - shown.length;
  return [titleOf(group), ...lines.map((line) => `  ${line}`), ...(rest > 0 ? [`  and ${rest} more (--all)`] : [])];
}

function titleOf({ kind, field = '', count }: DifferenceCount): string {
  const members = `${count} member${count === 1 ? '' : 's'}`;
  switch (kind) {
    case 'member':
      return `${members} ${field}`;
    case 'content':
      return `content of ${members}`;
    case 'order':
      return `order of ${members}`;
    case 'header':
      return `${field} of ${members}, which says the same in other bytes`;
    default:
      return `${field} of ${members}`;
  }
}

function describeOne(difference: Difference): string {
  const { kind, member, field, offset, a } = difference;
  if (kind === 'document') return `${field}: ${valuesOf(difference)}`;
  const name = `"${member}"`;
  if (kind === 'member') return name;
  const at = offset === undefined ? '' : kind === 'content' ? `, from byte ${offset.a} on` : '';
  if (kind === 'header') return `${name}${offset === undefined ? '' : `, byte ${offset.a}`}`;
  return a === null && difference.b === null ? name : `${name}: ${valuesOf(difference)}${at}`;
}

function valuesOf({ a, b }: Difference): string {
  return a === b ? `${a}` : `A ${a ?? 'nothing'}, B ${b ?? 'nothing'}`;
}
