import {
  displayText,
  type Finding,
  type Rebuild,
  readBuildSpec,
  rebuildImage,
  TARGETS,
  type Target,
  TarsealError,
  type Verification,
  verifyImage,
} from '../index.js';
import type { Command, CommandCall } from './command.js';
import { withCreated } from './created.js';
import { EXIT_FAILURE } from './exit-codes.js';
import { givenImage, readOptions } from './given-image.js';
import { print } from './print.js';

interface VerifyOptions {
  readonly target?: readonly string[];
  readonly rebuild?: string;
  readonly hashEngine?: 'auto' | 'wasm' | 'native';
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
}

const EXAMPLE = `
Example:
  $ tarseal verify hello.tar

Exit code 1 with errors or warnings, 0 with notes alone. IMAGE is a docker-archive, an OCI archive or a layer (gzip or
not), an OCI layout, or - for standard input.`;

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'verify an image: digests, structure, determinism',
  description: 'Computes every digest of an image anew, and says all that is wrong with it.',
  operands: [['<image>', 'IMAGE[:REFERENCE]']],
  options: {
    'Options:': [
      [
        '--target <LOADER[,LOADER]>',
        `say what a loader would refuse: ${TARGETS.join(', ')} (repeatable)`,
        'repeatable',
      ],
      ['--rebuild <SPEC>', 'build from a JSON or YAML file again, in memory, and compare'],
      [
        '--hash-engine <ENGINE>',
        'never changes a finding (default: wasm, which builds do not take)',
        ['auto', 'wasm', 'native'],
      ],
      ['--json', 'print one JSON object'],
      ['--quiet', 'the exit code alone'],
      ['--debug', 'print stack traces'],
    ],
  },
  example: EXAMPLE,
  run: verify,
};

async function verify({ operands, options: given, signals }: CommandCall): Promise<void> {
  const [image] = operands as [string];
  const { target = [], rebuild: specFile, hashEngine, json, quiet } = given as VerifyOptions;
  const targets = target.flatMap((list) => list.split(',')).map(parseTarget);
  const spec = specFile === undefined ? undefined : withCreated(await readBuildSpec(specFile, process.cwd()));
  const options = readOptions(signals);
  const verification = await verifyImage(givenImage(image), {
    ...options,
    targets,
    ...(hashEngine !== undefined && { hashEngine }),
  });
  const rebuild = spec && (await rebuildImage(spec, image === '-' ? undefined : image, verification, options));
  if (json) print(1, `${JSON.stringify({ ...verification, ...(rebuild && { rebuild }) })}\n`);
  else if (!quiet) print(1, describe(image, verification, rebuild));
  const { error, warning } = verification.counts;
  if (error + warning > 0 || rebuild?.isEqual === false) process.exitCode = EXIT_FAILURE;
}

function describeRebuild({ isEqual, differences, bytesCompared }: Rebuild): string[] {
  if (!isEqual) return differences.map((difference) => `rebuild differs: ${difference}`);
  return [bytesCompared ? 'rebuild equal, byte for byte' : 'rebuild equal, by every digest'];
}

function parseTarget(name: string): Target {
  const target = TARGETS.find((known) => known === name);
  if (target !== undefined) return target;
  throw new TarsealError(
    'TARGET_UNKNOWN',
    `Cannot verify for "${displayText(name)}": the loader must be one of ${TARGETS.join(', ')}`,
    { value: name, limit: TARGETS },
  );
}

function describe(
  name: string,
  { formats, images, findings, counts }: Verification,
  rebuild: Rebuild | undefined,
): string {
  const verified = images.flatMap(({ image, manifest, layers }) => [
    ...(image === null ? [] : [`image ${image}`]),
    ...(manifest === null ? [] : [`manifest ${manifest}`]),
    ...layers.map(({ diffId, sizeBytes, members }) => `layer ${diffId ?? '?'} ${sizeBytes} ${members} members`),
  ]);
  const found = (['error', 'warning', 'note'] as const).map((severity) => {
    const count = counts[severity];
    return `${count} ${severity}${count === 1 ? '' : 's'}`;
  });
  const what = formats.length === 0 ? 'no image' : formats.join(' and ');
  return [
    ...verified,
    ...findings.map(describeFinding),
    ...(rebuild ? describeRebuild(rebuild) : []),
    `${displayText(name)}: ${what}, ${found.join(', ')}`,
    '',
  ].join('\n');
}

/** One line, which begins with what a search looks for. */
export function describeFinding({ severity, code, message, image, layer, member, offset }: Finding): string {
  const place = [
    ...(image === undefined ? [] : [image]),
    ...(layer === undefined ? [] : [`layer ${layer.index}`]),
    ...(member === undefined ? [] : [`"${member}"`]),
    ...(offset === undefined ? [] : [`byte ${offset}`]),
  ];
  return `${severity} ${code}${place.length > 0 ? ` ${place.join(', ')}` : ''}: ${message}`;
}
