import { availableParallelism, tmpdir } from 'node:os';
import {
  type BuildSpec,
  type BuiltImage,
  buildImage,
  displayText,
  type ImagePlan,
  type LayerReport,
  mergeBuildSpecs,
  planImage,
  presetNames,
  readBuildSpec,
  TarsealError,
} from '../index.js';
import type { Command, CommandCall } from './command.js';
import { withCreated } from './created.js';
import { isTerminal, print } from './print.js';
import { createProgress } from './progress.js';
import { rawArguments, requireUtf8 } from './raw-arguments.js';

interface BuildOptions extends Omit<BuildSpec, 'paths'> {
  readonly spec?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly debug?: boolean;
  readonly progress?: boolean;
}

const EXAMPLE = `
Example:
  $ tarseal build --add ./app=/app --entrypoint /app/run -t hello:1 -o hello.tar
  $ docker load -i hello.tar`;

export const buildCommand: Command = {
  name: 'build',
  summary: 'build a container image from directories and files',
  description: 'Builds a container image from directories and files, the same bytes from the same input.',
  operands: [['[path...]', 'store items, files or directories, placed at their absolute location']],
  options: {
    'Sources:': [
      ['--add <SRC=DEST>', 'a file or directory SRC placed at DEST (repeatable)', 'repeatable'],
      ['--root <DIR>', 'the children of DIR at the root of the image'],
      ['--contents <PATH>', 'the union of directories as symlinks, in the top layer (repeatable)', 'repeatable'],
      ['-S, --symlink <NEW=OLD>', 'a symlink NEW to OLD (repeatable)', 'repeatable'],
      ['--directory <NAME[:MODE[:UID:GID]]>', 'an empty directory, e.g. /tmp:1777 (repeatable)', 'repeatable'],
      ['--preset <NAME[,NAME]>', `directives with a name: ${presetNames.join(', ')} (repeatable)`, 'repeatable'],
      ['--transform <OLD=NEW>', 'member names that begin with OLD begin with NEW (repeatable)', 'repeatable'],
      ['--exclude <GLOB>', 'leave out what matches; * stops at /, ** does not (repeatable)', 'repeatable'],
      ['--chown <GLOB=UID:GID>', 'owner of what matches; the last match wins (repeatable)', 'repeatable'],
      ['--chmod <GLOB=MODE>', 'mode of what matches, octal; the last match wins (repeatable)', 'repeatable'],
      ['--mode <CHANGES>', 'mode changes for all members but symlinks, before --chmod, e.g. go+u,go-w'],
      ['--owner <NAME:ID>', 'owner of every member (default: root:0)'],
      ['--group <NAME:ID>', 'group of every member (default: root:0)'],
      ['--contents-owner <UID:GID>', 'owner of everything that is no item (default: as every member)'],
      ['--mtime <TIME>', 'time of every member, @SECONDS or ISO 8601 (default: @1)'],
      ['--database <FILE>', 'the Guix store database of the image'],
      ['--prefix <PATH>', 'the profile: base of a relative --entrypoint (default: the last path)'],
      ['--store <SRC=DEST>', 'the items of the store DEST, e.g. /nix/store, lie in SRC on this machine'],
      ['--spec <FILE>', 'all of these in a JSON or YAML file; options given as well win'],
      ['--dry-run', 'plan only: layers, items and sizes'],
    ],
    'Image:': [
      ['-t, --tag <NAME[:TAG]>', 'name of the image (repeatable; default: from the first path)', 'repeatable'],
      ['--entrypoint <ARG>', 'repeatable, or one JSON array', 'repeatable'],
      ['--cmd <ARG>', 'repeatable, or one JSON array', 'repeatable'],
      ['--env <NAME=VALUE>', 'environment variable (repeatable)', 'repeatable'],
      ['--label <K=V>', 'label (repeatable)', 'repeatable'],
      ['--user <U[:G]>', 'user that the container runs as'],
      ['--workdir <DIR>', 'working directory'],
      ['--expose <PORT[/PROTO]>', 'port (repeatable)', 'repeatable'],
      ['--volume <DIR>', 'volume (repeatable)', 'repeatable'],
      ['--stop-signal <S>', 'signal that stops the container'],
      ['--config <FILE>', 'a JSON object laid under the options above'],
      ['--platform <OS/ARCH[/VARIANT]>', 'platform (default: linux/amd64)'],
      ['--system <TRIPLET>', 'platform as a system, e.g. aarch64-linux'],
      ['--created <TIME>', 'time of the image: @SECONDS, ISO 8601 or now (default: $SOURCE_DATE_EPOCH, else @1)'],
      ['--annotation <K=V>', 'annotation of the manifest (repeatable)', 'repeatable'],
      ['--from <IMAGE[:REFERENCE]>', 'base image: a docker-archive, OCI archive or OCI layout'],
    ],
    'Layers:': [
      [
        '--layers <STRATEGY>',
        'one layer, or items by size or popularity (default: single; size with --max-layers, popularity with a graph)',
        ['single', 'size', 'popularity'],
      ],
      ['--max-layers <N>', '2 to 125, those of a base included (default where layered: 100)', 'integer'],
      ['--graph <FILE>', 'references of store items: the image holds the closure of the paths and the config'],
      ['--scan <DIR>', 'the same by scanning, among the items of the store DIR'],
      ['--dialect <DIALECT>', 'member names and layout (default: native)', ['native', 'guix', 'nix']],
      ['--tar-format <FORMAT>', 'format of the layers (default: ustar)', ['ustar', 'gnu', 'posix']],
      ['--strict', 'refuse what plain ustar cannot represent'],
    ],
    'Output:': [
      ['-o, --output <TARGET>', 'a file, - for stdout, a directory for oci-layout'],
      [
        '--format <FORMAT>',
        'docker-archive is an OCI archive as well (default: docker-archive)',
        ['docker-archive', 'oci-archive', 'oci-layout'],
      ],
      ['--layer-compression <none|gzip[:LEVEL]>', 'of each layer (default: none; gzip in an OCI layout)'],
      ['-C, --compression <none|gzip[:LEVEL]>', 'of the whole archive (default: none)'],
      ['--codec <NAME>', 'frozen codec (default: gzip-libdeflate-1)'],
      ['-j, --jobs <N>', 'at most so many threads; never changes a byte (default: processors)', 'integer'],
      ['--hash-engine <ENGINE>', 'never changes a byte (default: auto)', ['auto', 'wasm', 'native']],
    ],
    'General:': [
      ['--json', 'print one JSON object'],
      ['--quiet', 'no warnings, no progress, no text result'],
      ['--no-progress', 'no progress bar'],
      ['--debug', 'print stack traces'],
    ],
  },
  example: EXAMPLE,
  run: runBuild,
};

async function runBuild({ operands: paths, options: given, signals }: CommandCall): Promise<void> {
  const args = process.argv.slice(2);
  for (const [index, raw] of rawArguments(args).entries()) requireUtf8(args[index]!, raw);
  const { spec: specFile, dryRun, json, quiet, debug: _, progress: wantsProgress, ...ownSpec } = given as BuildOptions;
  const cwd = process.cwd();
  const fromFile = specFile === undefined ? {} : await readBuildSpec(specFile, cwd);
  const spec = withCreated(mergeBuildSpecs(fromFile, { ...ownSpec, ...(paths.length > 0 && { paths }) }));

  if (spec.output === '-' && !dryRun && isTerminal(1)) {
    throw new TarsealError('OUTPUT_INVALID', 'Cannot write an image to a terminal: a file must be given with -o');
  }
  const progress = await createProgress(wantsProgress !== false && !quiet && !dryRun && isTerminal(2));
  const context = {
    cwd,
    temporaryDirectory: tmpdir(),
    jobs: availableParallelism(),
    nowSeconds: Math.floor(Date.now() / 1000),
    onReady: signals.install,
    signal: signals.signal,
    onWarning: (message: string): void => {
      if (!quiet) progress.message(`tarseal: warning: ${message}`);
    },
    onProgress: progress.update,
  };
  // The archive has standard output to itself: then results go where messages go.
  const results = spec.output === '-' && !dryRun ? 2 : 1;
  try {
    const text = dryRun
      ? describePlan(await planImage(spec, context), json)
      : describeImage(await buildImage(spec, context), json);
    progress.stop();
    if (!quiet || json) print(results, text);
  } finally {
    progress.stop();
  }
}

function describeImage(built: BuiltImage, json: boolean | undefined): string {
  const { image, manifest, tags, platform, layers, output, sizeBytes, warnings } = built;
  if (json) {
    const listed = layers.map(({ diffId, digest, sizeBytes: size, items, isBase }) => ({
      diffId,
      digest,
      sizeBytes: size,
      items,
      ...(isBase && { base: true }),
    }));
    return `${JSON.stringify({ image, manifest, tags, platform, layers: listed, output, sizeBytes, warnings })}\n`;
  }
  return [
    `image ${image}`,
    ...(manifest === null ? [] : [`manifest ${manifest}`]),
    ...layers.map(({ diffId, sizeBytes: size, ...layer }) => `layer ${diffId} ${size} ${namesOf(layer)}`),
    `${displayText(output)} ${sizeBytes}`,
    '',
  ].join('\n');
}

function describePlan({ tags, platform, layers, warnings }: ImagePlan, json: boolean | undefined): string {
  if (json) {
    const listed = layers.map(({ items, tarSizeBytes, entries, isBase }) => ({
      items,
      sizeBytes: tarSizeBytes,
      entries,
      ...(isBase && { base: true }),
    }));
    return `${JSON.stringify({ tags, platform, layers: listed, warnings })}\n`;
  }
  return [
    ...layers.map(
      ({ tarSizeBytes, entries, ...layer }, index) => `layer ${index + 1} ${tarSizeBytes} ${entries} ${namesOf(layer)}`,
    ),
    '',
  ].join('\n');
}

function namesOf({ items, isBase }: Pick<LayerReport, 'items' | 'isBase'>): string {
  return isBase ? '(base image)' : items.join(' ');
}
