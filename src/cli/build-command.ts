import { availableParallelism, tmpdir } from 'node:os';
import { type Command, Option } from 'commander';
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
import { withCreated } from './created.js';
import { integer, repeatable } from './option-values.js';
import { isTerminal, print } from './print.js';
import { createProgress } from './progress.js';
import { rawArguments, requireUtf8 } from './raw-arguments.js';
import type { Signals } from './signals.js';

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

export function addBuildCommand(program: Command, signals: Signals): void {
  const command = program
    .command('build')
    .summary('build a container image from directories and files')
    .description('Builds a container image from directories and files, the same bytes from the same input.')
    .argument('[path...]', 'store items, files or directories, placed at their absolute location');

  command.optionsGroup('Sources:');
  command
    .option('--add <SRC=DEST>', 'a file or directory SRC placed at DEST (repeatable)', repeatable)
    .option('--root <DIR>', 'the children of DIR at the root of the image')
    .option('--contents <PATH>', 'the union of directories as symlinks, in the top layer (repeatable)', repeatable)
    .option('-S, --symlink <NEW=OLD>', 'a symlink NEW to OLD (repeatable)', repeatable)
    .option('--directory <NAME[:MODE[:UID:GID]]>', 'an empty directory, e.g. /tmp:1777 (repeatable)', repeatable)
    .option('--preset <NAME[,NAME]>', `directives with a name: ${presetNames.join(', ')} (repeatable)`, repeatable)
    .option('--transform <OLD=NEW>', 'member names that begin with OLD begin with NEW (repeatable)', repeatable)
    .option('--exclude <GLOB>', 'leave out what matches; * stops at /, ** does not (repeatable)', repeatable)
    .option('--chown <GLOB=UID:GID>', 'owner of what matches; the last match wins (repeatable)', repeatable)
    .option('--chmod <GLOB=MODE>', 'mode of what matches, octal; the last match wins (repeatable)', repeatable)
    .option('--mode <CHANGES>', 'mode changes for all members but symlinks, before --chmod, e.g. go+u,go-w')
    .option('--owner <NAME:ID>', 'owner of every member (default: root:0)')
    .option('--group <NAME:ID>', 'group of every member (default: root:0)')
    .option('--contents-owner <UID:GID>', 'owner of everything that is no item (default: as every member)')
    .option('--mtime <TIME>', 'time of every member, @SECONDS or ISO 8601 (default: @1)')
    .option('--database <FILE>', 'the Guix store database of the image')
    .option('--prefix <PATH>', 'the profile: base of a relative --entrypoint (default: the last path)')
    .option('--store <SRC=DEST>', 'the items of the store DEST, e.g. /nix/store, lie in SRC on this machine')
    .option('--spec <FILE>', 'all of these in a JSON or YAML file; options given as well win')
    .option('--dry-run', 'plan only: layers, items and sizes');

  command.optionsGroup('Image:');
  command
    .option('-t, --tag <NAME[:TAG]>', 'name of the image (repeatable; default: from the first path)', repeatable)
    .option('--entrypoint <ARG>', 'repeatable, or one JSON array', repeatable)
    .option('--cmd <ARG>', 'repeatable, or one JSON array', repeatable)
    .option('--env <NAME=VALUE>', 'environment variable (repeatable)', repeatable)
    .option('--label <K=V>', 'label (repeatable)', repeatable)
    .option('--user <U[:G]>', 'user that the container runs as')
    .option('--workdir <DIR>', 'working directory')
    .option('--expose <PORT[/PROTO]>', 'port (repeatable)', repeatable)
    .option('--volume <DIR>', 'volume (repeatable)', repeatable)
    .option('--stop-signal <S>', 'signal that stops the container')
    .option('--config <FILE>', 'a JSON object laid under the options above')
    .option('--platform <OS/ARCH[/VARIANT]>', 'platform (default: linux/amd64)')
    .option('--system <TRIPLET>', 'platform as a system, e.g. aarch64-linux')
    .option('--created <TIME>', 'time of the image: @SECONDS, ISO 8601 or now (default: $SOURCE_DATE_EPOCH, else @1)')
    .option('--annotation <K=V>', 'annotation of the manifest (repeatable)', repeatable)
    .option('--from <IMAGE[:REFERENCE]>', 'base image: a docker-archive, OCI archive or OCI layout');

  command.optionsGroup('Layers:');
  command
    .addOption(
      new Option(
        '--layers <STRATEGY>',
        'one layer, or items by size or popularity (default: single; size with --max-layers, popularity with a graph)',
      ).choices(['single', 'size', 'popularity']),
    )
    .option('--max-layers <N>', '2 to 125, those of a base included (default where layered: 100)', integer)
    .option('--graph <FILE>', 'references of store items: the image holds the closure of the paths and the config')
    .option('--scan <DIR>', 'the same by scanning, among the items of the store DIR')
    .addOption(
      new Option('--dialect <DIALECT>', 'member names and layout (default: native)').choices(['native', 'guix', 'nix']),
    )
    .addOption(
      new Option('--tar-format <FORMAT>', 'format of the layers (default: ustar)').choices(['ustar', 'gnu', 'posix']),
    )
    .option('--strict', 'refuse what plain ustar cannot represent');

  command.optionsGroup('Output:');
  command
    .option('-o, --output <TARGET>', 'a file, - for stdout, a directory for oci-layout')
    .addOption(
      new Option('--format <FORMAT>', 'docker-archive is an OCI archive as well (default: docker-archive)').choices([
        'docker-archive',
        'oci-archive',
        'oci-layout',
      ]),
    )
    .option('--layer-compression <none|gzip[:LEVEL]>', 'of each layer (default: none; gzip in an OCI layout)')
    .option('-C, --compression <none|gzip[:LEVEL]>', 'of the whole archive (default: none)')
    .option('--codec <NAME>', 'frozen codec (default: gzip-libdeflate-1)')
    .option('-j, --jobs <N>', 'at most so many threads; never changes a byte (default: processors)', integer)
    .addOption(
      new Option('--hash-engine <ENGINE>', 'never changes a byte (default: auto)').choices(['auto', 'wasm', 'native']),
    );

  command.optionsGroup('General:');
  command
    .option('--json', 'print one JSON object')
    .option('--quiet', 'no warnings, no progress, no text result')
    .option('--no-progress', 'no progress bar')
    .option('--debug', 'print stack traces')
    .helpOption('--help', 'print help')
    .addHelpText('after', EXAMPLE)
    .action((paths: string[], options: BuildOptions) => runBuild(paths, options, signals));
}

async function runBuild(paths: readonly string[], options: BuildOptions, signals: Signals): Promise<void> {
  const args = process.argv.slice(2);
  for (const [index, raw] of rawArguments(args).entries()) requireUtf8(args[index]!, raw);
  const { spec: specFile, dryRun, json, quiet, debug: _, progress: wantsProgress, ...given } = options;
  const cwd = process.cwd();
  const fromFile = specFile === undefined ? {} : await readBuildSpec(specFile, cwd);
  const spec = withCreated(mergeBuildSpecs(fromFile, { ...given, ...(paths.length > 0 && { paths }) }));

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
