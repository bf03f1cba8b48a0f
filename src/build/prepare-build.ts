import { type ByteString, baseName, decodeUtf8, encodeUtf8 } from '../bytes/index.js';
import { parseModeChanges, parseOwner } from '../entry/index.js';
import {
  type ContainerConfig,
  canonicalizeRepositoryName,
  defaultRepositoryName,
  type Platform,
  parsePlatform,
  parseReference,
  parseTime,
  platformOfSystem,
  type Reference,
  type StringMap,
} from '../oci/index.js';
import { measureArchive, TAR_FORMATS, type TarFormat, type TarOptions } from '../tar/index.js';
import { archiveTarget, directoryTarget, isEmptyOrOciLayout, type OutputTarget } from '../transport/index.js';
import { annotationsOf, containerConfigOf } from './container-config.js';
import { readImageSources } from './image-sources.js';
import { type PlannedLayer, planGuixLayers, planNativeLayers } from './layering.js';
import { checkTexts, resolveSpecPaths } from './resolve-spec.js';
import type { BuildContext, BuildSpec } from './spec.js';
import { chooseDefaults, conflict, oneOf, type SpecChoices } from './spec-choices.js';

export interface MeasuredLayer extends PlannedLayer {
  /** Exact size of the uncompressed tar in bytes. */
  readonly tarSizeBytes: number;
}

/** Everything that decides the bytes of an image but the contents of files. */
export interface PreparedBuild extends SpecChoices {
  /** `undefined` where only a plan is wanted. */
  readonly target: OutputTarget | undefined;
  readonly layers: readonly MeasuredLayer[];
  readonly tags: readonly Reference[];
  readonly platform: Platform;
  readonly createdSeconds: number;
  readonly config: ContainerConfig;
  readonly annotations: StringMap;
  /** Absolute path of the profile (guix.md 2, 14). */
  readonly profile: string | undefined;
  readonly warnings: readonly string[];
}

/**
 * Does everything that comes before a file's content is read: checks the specification and the output, reads names and
 * metadata of the sources, cuts them into layers and measures these.
 *
 * @throws {TarsealError} of the room that finds something wrong; nothing has been written
 */
export function prepareBuild(given: BuildSpec, context: BuildContext): PreparedBuild {
  checkTexts(given);
  const spec = resolveSpecPaths(given, context.cwd);
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    context.onWarning?.(message);
  };
  const choices = chooseDefaults(spec);
  const { dialect, format, maxLayers } = choices;
  const profile = spec.prefix ?? spec.paths?.at(-1);
  const tar: TarOptions = { format: tarFormatOf(spec, dialect), strict: spec.strict ?? false };
  const image = {
    platform: platformOf(spec),
    createdSeconds: createdOf(spec, context),
    config: containerConfigOf(spec, profile),
    annotations: annotationsOf(spec),
    tags: tagsOf(spec, dialect),
  };
  const target = spec.output === undefined ? undefined : targetOf(encodeUtf8(spec.output), format);

  const sources = readImageSources(spec, {
    owner: parseOwner(encodeUtf8(spec.owner ?? 'root:0'), 'owner'),
    group: parseOwner(encodeUtf8(spec.group ?? 'root:0'), 'group'),
    mtimeSeconds: parseTime(spec.mtime ?? '@1'),
    mode: spec.mode === undefined ? undefined : parseModeChanges(spec.mode),
    outputs: target?.identity === undefined ? [] : [target.identity],
    dialect,
    onWarning: warn,
  });
  const planned =
    dialect === 'guix' ? planGuixLayers(sources, { maxLayers, tar }) : planNativeLayers(sources, { maxLayers, tar });
  if (planned.length === 0) warn('the image has no layers: nothing of the sources is left');
  const layers = planned.map((layer) => ({ ...layer, tarSizeBytes: measureArchive(layer.entries, layer.tar) }));
  return { ...choices, ...image, target, layers, profile, warnings };
}

function createdOf({ created }: BuildSpec, { nowSeconds }: BuildContext): number {
  return created === 'now' && nowSeconds !== undefined ? nowSeconds : parseTime(created ?? '@1');
}

function tarFormatOf({ tarFormat, strict }: BuildSpec, dialect: string): TarFormat {
  const format = tarFormat ?? (dialect === 'guix' ? 'gnu' : 'ustar');
  oneOf('tar-format', format, TAR_FORMATS);
  if (strict && format !== 'ustar') throw conflict(`--strict is for the ustar format, and the format is ${format}`);
  return format;
}

function platformOf({ platform, system }: BuildSpec): Platform {
  return system === undefined ? parsePlatform(platform ?? 'linux/amd64') : platformOfSystem(system);
}

function tagsOf(spec: BuildSpec, dialect: string): Reference[] {
  const given = spec.tag ?? [];
  if (given.length === 0) {
    const first = spec.paths?.[0];
    const name = first === undefined ? '' : decodeUtf8(baseName(encodeUtf8(first)));
    return [
      {
        repository:
          dialect === 'guix' && name !== ''
            ? canonicalizeRepositoryName(withoutStoreHash(name))
            : defaultRepositoryName(name),
        tag: 'latest',
      },
    ];
  }
  if (dialect !== 'guix') return given.map((text) => parseReference(text));
  if (given.length > 1) throw conflict(`--dialect guix has one tag, and ${given.length} are given`);
  return given.map((text) => {
    // A tag follows the last colon after the last slash; what is before it is any name.
    const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
    const { tag } = parseReference(`image${colon < 0 ? '' : text.slice(colon)}`);
    return { repository: canonicalizeRepositoryName(colon < 0 ? text : text.slice(0, colon)), tag };
  });
}

function withoutStoreHash(name: string): string {
  return name.replace(/^[0-9abcdfghijklmnpqrsvwxyz]{32}-/, '');
}

function targetOf(output: ByteString, format: string): OutputTarget {
  return format === 'oci-layout' ? directoryTarget(output, isEmptyOrOciLayout) : archiveTarget(output);
}
