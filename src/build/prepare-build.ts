import { baseName, decodeUtf8, displayName, displayText, encodeUtf8 } from '../bytes/index.js';
import type { HashEngine } from '../digest/index.js';
import { parseModeChanges, parseOwner } from '../entry/index.js';
import { layOverBase } from '../image/index.js';
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
import { checkMaxLayers, MAX_MAX_LAYERS, MIN_MAX_LAYERS, PlanError } from '../plan/index.js';
import { splitNameAndVersion, storePathName } from '../store/index.js';
import { TAR_FORMATS, type TarFormat, type TarOptions } from '../tar/index.js';
import {
  archiveTarget,
  type BaseImage,
  directoryTarget,
  identityOf,
  isEmptyOrOciLayout,
  type OutputTarget,
  readBaseImage,
} from '../transport/index.js';
import { annotationsOf, containerConfigOf } from './container-config.js';
import type { SourceSettings } from './image-sources.js';
import { selectItems } from './item-selection.js';
import type { LayeringOptions } from './layering.js';
import { checkTexts, type ResolvedSpec, resolveSpecPaths } from './resolve-spec.js';
import type { ItemSelection } from './selection.js';
import type { BaseSource, BuildContext, BuildSpec } from './spec.js';
import { chooseDefaults, conflict, oneOf, type SpecChoices } from './spec-choices.js';

/** Everything that decides the bytes of an image but what its sources hold. */
export interface PreparedBuild extends SpecChoices {
  readonly spec: ResolvedSpec;
  /** `undefined` where only a plan is wanted. */
  readonly target: OutputTarget | undefined;
  /** The image that this one is built on; whoever has a prepared build closes it. */
  readonly base: BaseImage | undefined;
  readonly sources: Omit<SourceSettings, 'lookAhead' | 'defer' | 'onWarning'>;
  /** How the layers above the base's are made. */
  readonly layering: LayeringOptions;
  readonly tags: readonly Reference[];
  readonly platform: Platform;
  readonly createdSeconds: number;
  readonly config: ContainerConfig;
  readonly annotations: StringMap;
  /** Absolute path of the profile (guix.md 2, 14). */
  readonly profile: string | undefined;
  /** So far; more may come. */
  readonly warnings: readonly string[];
  warn(message: string): void;
}

/**
 * Does everything that comes before the sources are read: checks the specification and the output, opens the base image and
 * finds the items.
 *
 * @throws {TarsealError} of the room that finds something wrong; nothing has been written
 */
export async function prepareBuild(
  given: BuildSpec,
  context: BuildContext,
  engine: HashEngine,
): Promise<PreparedBuild> {
  checkTexts(given);
  const spec = resolveSpecPaths(given, context.cwd);
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    context.onWarning?.(message);
  };
  const choices = chooseDefaults(spec);
  const { dialect, format, strategy } = choices;
  const profile = spec.prefix ?? spec.paths?.at(-1);
  const tar: TarOptions = { format: tarFormatOf(spec, dialect), strict: spec.strict ?? false };
  const platform = platformOf(spec);
  const config = containerConfigOf(spec, profile);
  const image = {
    createdSeconds: createdOf(spec, context),
    annotations: annotationsOf(spec),
    tags: tagsOf(spec, dialect),
  };
  const attributes = {
    owner: parseOwner(encodeUtf8(spec.owner ?? 'root:0'), 'owner'),
    group: parseOwner(encodeUtf8(spec.group ?? 'root:0'), 'group'),
    mtimeSeconds: parseTime(spec.mtime ?? '@1'),
    mode: spec.mode === undefined ? undefined : parseModeChanges(spec.mode),
  };
  if (strategy !== 'single') checkMaxLayers(spec.maxLayers ?? DEFAULT_MAX_LAYERS);
  const target = targetOf(spec.output, format, context);
  const base = spec.from === undefined ? undefined : await openBase(spec, spec.from, platform, context, engine);
  try {
    const maxLayers = strategy === 'single' ? MAX_MAX_LAYERS : maxLayersAbove(base?.layers.length ?? 0, spec.maxLayers);
    const selection = await selectItems(spec, config, context);
    warnOfDanglingLinks(spec, selection, warn);
    const outputs = target?.identity === undefined ? [] : [target.identity];
    return {
      ...choices,
      ...image,
      spec,
      platform: base?.platform ?? platform,
      config: base === undefined ? config : layOverBase(base.config, config),
      base,
      target,
      sources: { ...attributes, items: selection.items, outputs, dialect },
      layering: { strategy, maxLayers, tar },
      profile,
      warnings,
      warn,
    };
  } catch (error) {
    base?.close();
    throw error;
  }
}

/** A link to an item does not bring it: only paths and the config do. */
function warnOfDanglingLinks(
  { symlink }: ResolvedSpec,
  { index, graph }: ItemSelection,
  warn: (message: string) => void,
): void {
  for (const text of symlink ?? []) {
    const item = index?.placeOf(encodeUtf8(text.slice(text.indexOf('=') + 1)));
    if (item !== undefined && !graph?.has(item))
      warn(`--symlink "${displayText(text)}" leads to "${displayName(item)}", which the image does not hold`);
  }
}

/** Layers of a layered image where no number is given: room for what is built on it, below Docker's 125. */
const DEFAULT_MAX_LAYERS = 100;

/**
 * How many layers may be made above those of a base: `maxLayers` is of the whole image.
 *
 * @throws {PlanError} PLAN_MAX_LAYERS when fewer than two are left
 */
function maxLayersAbove(baseLayers: number, maxLayers: number | undefined): number {
  // Where no number is given, a base of many layers may use the room that is kept for others.
  const limit = maxLayers ?? Math.min(Math.max(DEFAULT_MAX_LAYERS, baseLayers + MIN_MAX_LAYERS), MAX_MAX_LAYERS);
  const left = limit - baseLayers;
  if (left < MIN_MAX_LAYERS) {
    throw new PlanError(
      'PLAN_MAX_LAYERS',
      `Cannot plan layers: the base image must leave at least ${MIN_MAX_LAYERS} of ${limit} layers, and has ${baseLayers}`,
      { value: baseLayers, limit: limit - MIN_MAX_LAYERS },
    );
  }
  return left;
}

function openBase(
  { platform: givenPlatform, system }: ResolvedSpec,
  { path, reference }: BaseSource,
  platform: Platform,
  { temporaryDirectory, signal }: BuildContext,
  engine: HashEngine,
): Promise<BaseImage> {
  return readBaseImage(encodeUtf8(path), {
    engine,
    platform,
    platformIsDefault: givenPlatform === undefined && system === undefined,
    reference,
    temporaryDirectory: temporaryDirectory === undefined ? undefined : encodeUtf8(temporaryDirectory),
    signal,
    shown: path,
  });
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
    const item = soleItemTag(spec);
    if (item !== undefined) return [item];
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

/** One store item with its closure, `HASH-NAME-VERSION`, is called `NAME:HASH` (guix.md 20). */
function soleItemTag({ paths = [], graph, scan }: BuildSpec): Reference | undefined {
  const [only] = paths;
  if (only === undefined || paths.length > 1 || (graph ?? scan) === undefined) return undefined;
  const { hash, name } = storePathName(encodeUtf8(only));
  if (hash === undefined) return undefined;
  return { repository: defaultRepositoryName(decodeUtf8(splitNameAndVersion(name).name)), tag: hash };
}

function withoutStoreHash(name: string): string {
  return decodeUtf8(storePathName(encodeUtf8(name)).name);
}

function targetOf(
  output: string | undefined,
  format: string,
  { sink, notMember }: BuildContext,
): OutputTarget | undefined {
  if (sink !== undefined) {
    if (format === 'oci-layout') throw conflict('an OCI layout is a directory, and cannot go to a sink');
    return {
      kind: 'sink',
      take: sink,
      identity: notMember === undefined ? undefined : identityOf(encodeUtf8(notMember)),
    };
  }
  if (output === undefined) return undefined;
  const path = encodeUtf8(output);
  return format === 'oci-layout' ? directoryTarget(path, isEmptyOrOciLayout) : archiveTarget(path);
}
