import { isAbsolute } from 'node:path';
import { type ByteString, displayName, encodeUtf8, fromFsPath, joinPath } from '../bytes/index.js';
import {
  type ArchiveEntry,
  applyModeChanges,
  compileExclude,
  type EntryAttributes,
  type ModeChanges,
  parseModeChanges,
  parseOwner,
} from '../entry/index.js';
import type { StreamMember } from '../layer/index.js';
import { parseTime } from '../oci/index.js';
import {
  type FoundObject,
  type ListedObject,
  loadNameTransform,
  throwIfUnreadable,
  type UnreadablePath,
  type WalkOptions,
  walkLazily,
  walkListings,
} from '../tree/index.js';
import { BuildError } from './build-error.js';
import { unsafeStart } from './member-names.js';
import type { BuildContext } from './spec.js';
import type { TarSpec } from './tar-spec.js';

/**
 * A path under a directory, without any change to the path itself: GNU tar takes names as they are.
 *
 * @throws {BuildError} SPEC_INVALID for a relative path without a directory
 */
export function absolutePath(path: ByteString, directory: string | undefined): ByteString {
  if (path.startsWith('/')) return path;
  if (directory === undefined || !isAbsolute(directory)) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use the path "${displayName(path)}": it must be absolute where no absolute directory is given for it`,
    );
  }
  return joinPath(encodeUtf8(directory), path);
}

/** What a spec says of each member's name, mode and owners. */
interface MemberRules {
  /** Asked of each name; `undefined` where nothing is left out. */
  readonly selects: ((name: ByteString) => boolean) | undefined;
  /** A member's name in the archive, and the one that it had before transformations. */
  nameOf(name: ByteString, isDirectory: boolean): { readonly path: ByteString; readonly originalPath: ByteString };
  entryOf(found: FoundObject): ArchiveEntry;
  readonly attributes: Omit<EntryAttributes, 'mode'>;
  readonly modeChanges: ModeChanges | undefined;
}

async function memberRules(spec: TarSpec, warn: (message: string) => void): Promise<MemberRules> {
  const excludes = (spec.exclude ?? [])
    .map((exclude) => (typeof exclude === 'string' ? { pattern: exclude, contents: true } : exclude))
    .map(({ pattern, contents }) => compileExclude(encodeUtf8(pattern), contents));
  const transform = await loadNameTransform((spec.transform ?? []).map((expression) => encodeUtf8(expression)));
  const owner = parseOwner(encodeUtf8(spec.owner ?? 'root:0'), 'owner');
  const group = parseOwner(encodeUtf8(spec.group ?? 'root:0'), 'group');
  const mtimeSeconds = parseTime(spec.mtime ?? '@1');
  const modeChanges = spec.mode === undefined ? undefined : parseModeChanges(spec.mode);
  const attributes = { uid: owner.id, gid: group.id, uname: owner.name, gname: group.name, mtimeSeconds };

  const removedPrefixes = new Set<string>();
  const warnOfRemoved = (prefix: ByteString): void => {
    if (removedPrefixes.has(prefix)) return;
    removedPrefixes.add(prefix);
    warn(`removing leading "${displayName(prefix)}" from member names`);
  };
  const nameOf: MemberRules['nameOf'] = (name, isDirectory) => {
    const start = spec.absoluteNames ? 0 : unsafeStart(name);
    if (start > 0) warnOfRemoved(name.slice(0, start) as ByteString);
    const safe = (name.slice(start) || '.') as ByteString;
    const path = transform.apply(safe, 'regular');
    // GNU tar writes a directory that is renamed to nothing as `/`.
    return { path: path === '' && isDirectory ? ('/' as ByteString) : path, originalPath: safe };
  };
  return {
    selects: excludes.length === 0 ? undefined : (name) => !excludes.some((matches) => matches(name)),
    nameOf,
    attributes,
    modeChanges,
    entryOf({ name, body, mode }) {
      const isDirectory = body.type === 'directory';
      const { path, originalPath } = nameOf(name, isDirectory);
      return {
        path,
        originalPath,
        body: body.type === 'symlink' ? { ...body, linkname: transform.apply(body.linkname, 'symlink') } : body,
        mode: modeChanges === undefined ? mode : applyModeChanges(modeChanges, mode, isDirectory),
        ...attributes,
      };
    },
  };
}

/** The sources of an archive: names and what they are on this machine. */
function* sourcesOf(
  spec: TarSpec,
  { cwd }: BuildContext,
  selects: MemberRules['selects'],
): Generator<{ name: ByteString; fsPath: ByteString; recursive: boolean }, void> {
  for (const { name: given, directory, recursive = true } of spec.members) {
    const name = withoutTrailingSlashes(fromFsPath(given));
    if (name === '')
      throw new BuildError('SPEC_INVALID', 'Cannot archive a member without a name: it must have at least one byte');
    if (selects?.(name) !== false) yield { name, fsPath: absolutePath(name, directory ?? cwd), recursive };
  }
}

/**
 * Reads the members of an archive and the names, modes and owners that they have in it, in the order of the archive,
 * each when it is asked for. What cannot be read ends the members; the error comes when everything has been looked at.
 *
 * @param files that are never members: `outputs` with a warning, `ownFiles` without, to which more may be added
 * @throws {TreeError} SOURCE_MISSING, SOURCE_UNREADABLE (all of them listed), TRANSFORM_INVALID, TRANSFORM_UNSUPPORTED;
 *   {EntryError} for a wrong mode or owner; {BuildError} SPEC_INVALID
 */
export async function readTarMembers(
  spec: TarSpec,
  context: BuildContext,
  files: Pick<WalkOptions, 'outputs' | 'ownFiles'>,
  warn: (message: string) => void,
): Promise<Iterator<ArchiveEntry, void>> {
  return readMembers(spec, context, files, await memberRules(spec, warn), warn);
}

function* readMembers(
  spec: TarSpec,
  context: BuildContext,
  files: Pick<WalkOptions, 'outputs' | 'ownFiles'>,
  { selects, entryOf }: MemberRules,
  warn: (message: string) => void,
): Generator<ArchiveEntry, void> {
  if (spec.sort === 'none')
    warn("with --sort=none the order of members is the file system's, and differs from one machine to another");
  const unreadable: UnreadablePath[] = [];
  for (const { name, fsPath, recursive } of sourcesOf(spec, context, selects)) {
    const found = walkLazily(fsPath, name, {
      ...files,
      recursive,
      order: spec.sort === 'none' ? 'asListed' : 'byName',
      unreadable,
      onWarning: warn,
      ...(selects && { select: selects }),
    });
    for (const object of found) if (unreadable.length === 0) yield entryOf(object);
  }
  throwIfUnreadable(unreadable);
}

/** The members of an archive by their names alone, and what else makes them. */
export interface ListedMembers {
  /** @throws as {@link readTarMembers}, but SOURCE_UNREADABLE names only some */
  readonly members: Iterator<StreamMember, undefined>;
  readonly attributes: Omit<EntryAttributes, 'mode'>;
  readonly modeChanges: ModeChanges | undefined;
}

/** Lists the members that {@link readTarMembers} reads, in the same order, outputs among them, without looking at files. */
export async function listTarMembers(
  spec: TarSpec,
  context: BuildContext,
  warn: (message: string) => void,
): Promise<ListedMembers> {
  const { selects, nameOf, entryOf, attributes, modeChanges } = await memberRules(spec, warn);
  const sources = sourcesOf(spec, context, selects);
  const unreadable: UnreadablePath[] = [];
  const memberOf = (found: FoundObject | ListedObject): StreamMember => {
    if ('body' in found) return entryOf(found);
    const { path, originalPath } = nameOf(found.name, found.type === 'directory');
    const original = originalPath === path ? ('' as ByteString) : originalPath;
    return { kind: found.type, path, originalPath: original, fsPath: found.fsPath, owner: 0, mode: 0 };
  };
  /** Of the source that is being listed. */
  let walk: ReturnType<typeof walkListings> | undefined;
  const next = (): IteratorResult<StreamMember, undefined> => {
    for (;;) {
      const found = walk?.next();
      if (unreadable.length > 0) throwIfUnreadable(unreadable);
      if (found?.done === false) return { done: false, value: memberOf(found.value) };
      const source = sources.next();
      if (source.done) return { done: true, value: undefined };
      const { name, fsPath, recursive } = source.value;
      walk = walkListings(fsPath, name, {
        recursive,
        unreadable,
        onWarning: warn,
        ...(selects && { select: selects }),
      });
    }
  };
  return { members: { next }, attributes, modeChanges };
}

function withoutTrailingSlashes(name: ByteString): ByteString {
  return (name.replace(/\/+$/, '') || (name.startsWith('/') ? '/' : '')) as ByteString;
}
