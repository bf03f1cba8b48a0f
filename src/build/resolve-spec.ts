import { isAbsolute, resolve, sep } from 'node:path';
import { type ByteString, decodeUtf8, displayText, encodeUtf8 } from '../bytes/index.js';
import { pathExists, splitImageName } from '../transport/index.js';
import { parseImagePath } from '../tree/index.js';
import { BuildError } from './build-error.js';
import type { AddedSource, BaseSource, BuildSpec } from './spec.js';
import { splitLast } from './split.js';

/** A specification whose paths are absolute, those of items as in the image, and whose pairs are split. */
export interface ResolvedSpec extends BuildSpec {
  readonly add?: readonly AddedSource[];
  readonly store?: AddedSource;
  readonly from?: BaseSource;
}

/**
 * Makes every path on this machine absolute, against `base`; what is absolute stays.
 *
 * @throws {BuildError} SPEC_INVALID for a relative path without a base
 */
export function resolveSpecPaths(spec: BuildSpec, base: string | undefined): ResolvedSpec {
  const absolute = (path: string): string => {
    if (path === '')
      throw new BuildError('SPEC_INVALID', 'Cannot use an empty path: it must have at least one character');
    if (base === undefined && !isAbsolute(path)) {
      throw new BuildError(
        'SPEC_INVALID',
        `Cannot use the path "${displayText(path)}": it must be absolute where no working directory is given`,
        { path },
      );
    }
    const resolved = base === undefined ? resolve(path) : resolve(base, path);
    // Inside, every path has forward slashes, which Windows takes too.
    return sep === '\\' ? resolved.replaceAll('\\', '/') : resolved;
  };
  const added = (given: string | AddedSource, option: string): AddedSource => {
    const { source, destination } = typeof given === 'string' ? splitAdded(given, option, absolute) : given;
    return { source: absolute(source), destination };
  };
  const store = spec.store === undefined ? undefined : resolveStore(added(spec.store, '--store'));
  const inImage = (path: string): string => imagePathOf(absolute(path), store);
  const { add, store: _, from, ...rest } = spec;
  return {
    ...rest,
    ...(store && { store }),
    ...(spec.paths && { paths: spec.paths.map(inImage) }),
    ...(spec.contents && { contents: spec.contents.map(inImage) }),
    ...(spec.scan !== undefined && { scan: inImage(spec.scan) }),
    ...(spec.prefix !== undefined && { prefix: inImage(spec.prefix) }),
    ...(add && { add: add.map((given) => added(given, '--add')) }),
    ...(from !== undefined && {
      from: typeof from === 'string' ? splitImageName(from, absolute) : { ...from, path: absolute(from.path) },
    }),
    ...(spec.root !== undefined && { root: absolute(spec.root) }),
    ...(spec.database !== undefined && { database: absolute(spec.database) }),
    ...(spec.graph !== undefined && { graph: absolute(spec.graph) }),
    ...(typeof spec.config === 'string' && { config: absolute(spec.config) }),
    ...(spec.output !== undefined &&
      spec.output !== '-' && { output: keepTrailingSlash(spec.output, absolute(spec.output)) }),
  };
}

/** `SRC=DEST`, separated by the last `=` that is not in a SRC that exists. */
function splitAdded(text: string, option: string, absolute: (path: string) => string): AddedSource {
  splitLast(encodeUtf8(text), option, 'SRC=DEST');
  for (let at = text.lastIndexOf('='); at > 0; at = text.lastIndexOf('=', at - 1)) {
    if (pathExists(encodeUtf8(absolute(text.slice(0, at)))))
      return { source: text.slice(0, at), destination: text.slice(at + 1) };
  }
  const at = text.lastIndexOf('=');
  return { source: text.slice(0, at), destination: text.slice(at + 1) };
}

/** Where a store lies on this machine and in the image, neither with a slash at its end. */
function resolveStore({ source, destination }: AddedSource): AddedSource {
  const place = parseImagePath(encodeUtf8(destination), '--store destination');
  if (place === '')
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --store "${displayText(destination)}": a store must be a directory below the root`,
    );
  return { source, destination: `/${decodeUtf8(place)}` };
}

/** Where an object of this machine is in the image: below the store's destination when it is below its source. */
function imagePathOf(path: string, store: AddedSource | undefined): string {
  return store === undefined ? path : (replacePrefix(path, store.source, store.destination) ?? path);
}

/** Where an item of the image lies on this machine. */
export function diskPathOf(path: ByteString, store: AddedSource | undefined): ByteString {
  if (store === undefined) return path;
  return replacePrefix(path, encodeUtf8(store.destination), encodeUtf8(store.source)) ?? path;
}

/** `path` with the directory `to` in place of `from`; `undefined` where it is not `from` or below it. */
function replacePrefix<T extends string>(path: T, from: T, to: T): T | undefined {
  return path === from || path.startsWith(`${from}/`) ? ((to + path.slice(from.length)) as T) : undefined;
}

/** `resolve` drops the slash that says that a directory is meant. */
function keepTrailingSlash(given: string, resolved: string): string {
  return given.endsWith('/') && !resolved.endsWith('/') ? `${resolved}/` : resolved;
}

/** Pairs of keys that say the same thing in two ways: giving one puts the other out of force. */
const ALTERNATIVES: readonly (readonly [keyof BuildSpec, keyof BuildSpec])[] = [
  ['platform', 'system'],
  ['system', 'platform'],
  ['graph', 'scan'],
  ['scan', 'graph'],
];

/** Lays one specification over another: every key that `over` has wins, whole. */
export function mergeBuildSpecs(base: BuildSpec, over: BuildSpec): BuildSpec {
  const outdated = new Set(ALTERNATIVES.filter(([given]) => over[given] !== undefined).map(([, other]) => other));
  if (over.layers === 'single') outdated.add('maxLayers');
  if (over.maxLayers !== undefined && base.layers === 'single') outdated.add('layers');
  return {
    ...Object.fromEntries(Object.entries(base).filter(([key]) => !outdated.has(key as keyof BuildSpec))),
    ...over,
  };
}

/**
 * Refuses text that would not arrive as it was given: a lone surrogate has no UTF-8, and a NUL ends a name.
 *
 * @param place of the value, for messages
 * @throws {BuildError} SPEC_INVALID
 */
export function checkTexts(value: unknown, place: string = ''): void {
  if (typeof value === 'string') {
    const isContent = place.startsWith('files.') && place.endsWith('.content');
    const problem = /\p{Surrogate}/u.test(value)
      ? 'a lone surrogate'
      : value.includes('\0') && !isContent
        ? 'a NUL'
        : undefined;
    if (problem !== undefined) {
      throw new BuildError(
        'SPEC_INVALID',
        `Cannot use ${displayText(place)} "${displayText(value)}": it must have no NUL and be Unicode text, and has ${problem}`,
        { place },
      );
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      checkTexts(key, place);
      checkTexts(item, place === '' ? key : `${place}.${key}`);
    }
  }
}
