import { displayText } from '../bytes/index.js';
import { parseCompression } from '../compress/index.js';
import { BuildError } from './build-error.js';
import type { BuildSpec } from './spec.js';

/** What a specification says together with its defaults, where one value decides about another. */
export interface SpecChoices {
  readonly dialect: NonNullable<BuildSpec['dialect']>;
  readonly format: NonNullable<BuildSpec['format']>;
  readonly strategy: NonNullable<BuildSpec['layers']>;
  /** Of the whole image where it is layered, as far as it is given; otherwise `undefined`. */
  readonly maxLayers: number | undefined;
  readonly layerCompression: string;
}

/**
 * Fills in what depends on other values, and refuses what cannot be together.
 *
 * @throws {BuildError} SPEC_INVALID, SPEC_CONFLICT
 */
export function chooseDefaults(spec: BuildSpec): SpecChoices {
  const dialect = spec.dialect ?? 'native';
  const format = spec.format ?? 'docker-archive';
  const choices: SpecChoices = {
    dialect,
    format,
    strategy: strategyOf(spec),
    maxLayers: spec.maxLayers,
    layerCompression: spec.layerCompression ?? (format === 'oci-layout' ? 'gzip' : 'none'),
  };
  checkCombinations(spec, choices);
  return choices;
}

function strategyOf(spec: BuildSpec): SpecChoices['strategy'] {
  const { layers, maxLayers } = spec;
  if (layers === 'single' && maxLayers !== undefined) {
    throw conflict(`--layers single takes no --max-layers, and ${maxLayers} is given`);
  }
  if (layers === undefined) return hasGraph(spec) ? 'popularity' : maxLayers === undefined ? 'single' : 'size';
  oneOf('layers', layers, ['single', 'size', 'popularity']);
  if (layers === 'popularity' && !hasGraph(spec))
    throw conflict('--layers popularity needs the references of the items: --graph or --scan must be given');
  return layers;
}

function hasGraph({ graph, scan }: BuildSpec): boolean {
  return graph !== undefined || scan !== undefined;
}

/** Whether anything is given to be laid into the image. */
export function hasSources(spec: BuildSpec): boolean {
  const lists = [spec.paths, spec.contents, spec.preset, spec.add, spec.symlink, spec.directory];
  return (
    lists.some((list) => (list ?? []).length > 0) ||
    spec.root !== undefined ||
    spec.database !== undefined ||
    Object.keys(spec.files ?? {}).length > 0
  );
}

function checkCombinations(spec: BuildSpec, { dialect, format, strategy, layerCompression }: SpecChoices): void {
  oneOf('dialect', dialect, ['native', 'guix', 'nix']);
  oneOf('format', format, ['docker-archive', 'oci-archive', 'oci-layout']);
  if (spec.jobs !== undefined && (!Number.isInteger(spec.jobs) || spec.jobs < 1 || spec.jobs > 1024)) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --jobs ${spec.jobs}: it must be an integer from 1 to 1024, and is ${spec.jobs}`,
      {
        value: spec.jobs,
      },
    );
  }
  if (spec.graph !== undefined && spec.scan !== undefined)
    throw conflict('--graph and --scan say the same, and both are given');
  if (spec.from === undefined && !hasSources(spec)) {
    throw new BuildError('SPEC_INVALID', 'Cannot build: at least one source must be given, and there is none');
  }
  if (spec.platform !== undefined && spec.system !== undefined)
    throw conflict('--platform and --system say the same, and both are given');
  if (format === 'oci-layout' && parseCompression(spec.compression ?? 'none').encoding !== 'none') {
    throw conflict('--compression is of an archive, and an OCI layout is a directory');
  }
  if (dialect === 'native') return;
  if (format !== 'docker-archive')
    throw conflict(`--dialect ${dialect} is a docker-archive, and --format is ${format}`);
  if (parseCompression(layerCompression).encoding !== 'none')
    throw conflict(`--dialect ${dialect} has uncompressed layers, and --layer-compression is given`);
  if ((spec.annotation ?? []).length > 0)
    throw conflict(`--dialect ${dialect} has no manifest that could carry an --annotation`);
  if (dialect === 'nix') checkNix(spec);
  else checkGuix(spec, strategy);
}

function checkGuix(spec: BuildSpec, strategy: SpecChoices['strategy']): void {
  if (spec.from !== undefined) throw conflict('--dialect guix has no base images, and --from is given');
  if (spec.contentsOwner !== undefined)
    throw conflict('--dialect guix has one owner of all members, and --contents-owner is given');
  if (spec.root !== undefined) {
    const extra = [spec.contents, spec.preset, spec.add, spec.symlink, spec.directory].flatMap((list) => list ?? []);
    if (extra.length > 0 || spec.database !== undefined || Object.keys(spec.files ?? {}).length > 0) {
      throw conflict(
        '--dialect guix has nothing beside the children of --root in their layer, and other sources are given',
      );
    }
    if (strategy === 'single' && (spec.paths ?? []).length > 0) {
      throw conflict('--dialect guix has the children of --root instead of paths, and both are given');
    }
  }
  if (strategy === 'single' && spec.prefix === undefined && (spec.paths ?? []).length === 0) {
    throw conflict(
      '--dialect guix names its layer after the profile: --prefix or a path must be given, and there is neither',
    );
  }
}

function checkNix(spec: BuildSpec): void {
  if (spec.tarFormat !== undefined)
    throw conflict(`--dialect nix has a format of its own, and --tar-format ${spec.tarFormat} is given`);
  if (spec.strict) throw conflict('--dialect nix has a format of its own, and --strict is given');
}

/** @throws {BuildError} SPEC_INVALID for a value that is not among those known */
export function oneOf(option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --${option} "${displayText(value)}": it must be one of ${known.join(', ')}`,
      { option, value, known },
    );
  }
}

/** Two parts of a specification that cannot be together. */
export function conflict(why: string): BuildError {
  return new BuildError('SPEC_CONFLICT', `Cannot build: ${why}`);
}
