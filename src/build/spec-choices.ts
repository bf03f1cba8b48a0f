import { displayText } from '../bytes/index.js';
import { parseCompression } from '../compress/index.js';
import { BuildError } from './build-error.js';
import type { BuildSpec } from './spec.js';

/** What a specification says together with its defaults, where one value decides about another. */
export interface SpecChoices {
  readonly dialect: 'native' | 'guix';
  readonly format: NonNullable<BuildSpec['format']>;
  /** `undefined` for a single layer. */
  readonly maxLayers: number | undefined;
  readonly layerCompression: string;
}

/** Layers of a layered image where no number is given: room for what is built on it, below Docker's 125. */
const DEFAULT_MAX_LAYERS = 100;

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
    maxLayers: maxLayersOf(spec),
    layerCompression: spec.layerCompression ?? (format === 'oci-layout' ? 'gzip' : 'none'),
  };
  checkCombinations(spec, choices);
  return choices;
}

/** The number of layers, or `undefined` for a single one. */
function maxLayersOf({ layers, maxLayers }: BuildSpec): number | undefined {
  if (layers === 'single' && maxLayers !== undefined) {
    throw conflict(`--layers single takes no --max-layers, and ${maxLayers} is given`);
  }
  if (layers === undefined && maxLayers === undefined) return undefined;
  if (layers === 'single') return undefined;
  if (layers !== undefined && layers !== 'size') {
    throw new BuildError('SPEC_INVALID', `Cannot use --layers "${String(layers)}": it must be single or size`, {
      value: layers,
    });
  }
  return maxLayers ?? DEFAULT_MAX_LAYERS;
}

function checkCombinations(spec: BuildSpec, { dialect, format, maxLayers, layerCompression }: SpecChoices): void {
  oneOf('dialect', dialect, ['native', 'guix']);
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
  const sources = [spec.paths, spec.add, spec.symlink, spec.directory].flatMap((list) => list ?? []);
  if (
    sources.length === 0 &&
    spec.root === undefined &&
    spec.database === undefined &&
    Object.keys(spec.files ?? {}).length === 0
  ) {
    throw new BuildError('SPEC_INVALID', 'Cannot build: at least one source must be given, and there is none');
  }
  if (spec.platform !== undefined && spec.system !== undefined)
    throw conflict('--platform and --system say the same, and both are given');
  if (format === 'oci-layout' && parseCompression(spec.compression ?? 'none').encoding !== 'none') {
    throw conflict('--compression is of an archive, and an OCI layout is a directory');
  }
  if (dialect !== 'guix') return;
  if (format !== 'docker-archive') throw conflict(`--dialect guix is a docker-archive, and --format is ${format}`);
  if (parseCompression(layerCompression).encoding !== 'none')
    throw conflict('--dialect guix has uncompressed layers, and --layer-compression is given');
  if ((spec.annotation ?? []).length > 0)
    throw conflict('--dialect guix has no manifest that could carry an --annotation');
  if (spec.root !== undefined) {
    const extra = [...(spec.add ?? []), ...(spec.symlink ?? []), ...(spec.directory ?? [])];
    if (extra.length > 0 || spec.database !== undefined || Object.keys(spec.files ?? {}).length > 0) {
      throw conflict(
        '--dialect guix has nothing beside the children of --root in their layer, and other sources are given',
      );
    }
    if (maxLayers === undefined && (spec.paths ?? []).length > 0) {
      throw conflict('--dialect guix has the children of --root instead of paths, and both are given');
    }
  }
  if (maxLayers === undefined && spec.prefix === undefined && (spec.paths ?? []).length === 0) {
    throw conflict(
      '--dialect guix names its layer after the profile: --prefix or a path must be given, and there is neither',
    );
  }
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
