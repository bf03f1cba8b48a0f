import { isAbsolute } from 'node:path';
import { type ByteString, displayName, encodeUtf8, fromFsPath, joinPath } from '../bytes/index.js';
import { type ArchiveEntry, applyModeChanges, compileExclude, parseModeChanges, parseOwner } from '../entry/index.js';
import { parseTime } from '../oci/index.js';
import {
  type FoundObject,
  parseSedExpression,
  throwIfUnreadable,
  type UnreadablePath,
  type WalkOptions,
  walkLazily,
} from '../tree/index.js';
import { BuildError } from './build-error.js';
import { safeMemberName } from './member-names.js';
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

/**
 * Reads the members of an archive and the names, modes and owners that they have in it, in the order of the archive,
 * each when it is asked for. What cannot be read ends the members; the error comes when everything has been looked at.
 *
 * @param files that are never members: `outputs` with a warning, `ownFiles` without, to which more may be added
 * @throws {TreeError} SOURCE_MISSING, SOURCE_UNREADABLE (all of them listed), TRANSFORM_INVALID, TRANSFORM_UNSUPPORTED;
 *   {EntryError} for a wrong mode or owner; {BuildError} SPEC_INVALID
 */
export function* readTarMembers(
  spec: TarSpec,
  context: BuildContext,
  files: Pick<WalkOptions, 'outputs' | 'ownFiles'>,
  warn: (message: string) => void,
): Generator<ArchiveEntry, void> {
  const excludes = (spec.exclude ?? [])
    .map((exclude) => (typeof exclude === 'string' ? { pattern: exclude, contents: true } : exclude))
    .map(({ pattern, contents }) => compileExclude(encodeUtf8(pattern), contents));
  const transform = parseSedExpression(...(spec.transform ?? []).map((expression) => encodeUtf8(expression)));
  const owner = parseOwner(encodeUtf8(spec.owner ?? 'root:0'), 'owner');
  const group = parseOwner(encodeUtf8(spec.group ?? 'root:0'), 'group');
  const mtimeSeconds = parseTime(spec.mtime ?? '@1');
  const modeChanges = spec.mode === undefined ? undefined : parseModeChanges(spec.mode);
  if (spec.sort === 'none')
    warn("with --sort=none the order of members is the file system's, and differs from one machine to another");

  const unreadable: UnreadablePath[] = [];
  const removedPrefixes = new Set<string>();
  const excluded = (name: ByteString): boolean => excludes.some((matches) => matches(name));
  const entryOf = ({ name, body, mode }: FoundObject): ArchiveEntry => {
    const safe = spec.absoluteNames ? { name, removed: '' } : safeMemberName(name);
    if (safe.removed !== '' && !removedPrefixes.has(safe.removed)) {
      removedPrefixes.add(safe.removed);
      warn(`removing leading "${displayName(safe.removed as ByteString)}" from member names`);
    }
    const path = transform.apply(safe.name, 'regular');
    const isDirectory = body.type === 'directory';
    return {
      // GNU tar writes a directory that is renamed to nothing as `/`.
      path: path === '' && isDirectory ? ('/' as ByteString) : path,
      originalPath: safe.name,
      body: body.type === 'symlink' ? { ...body, linkname: transform.apply(body.linkname, 'symlink') } : body,
      mode: modeChanges === undefined ? mode : applyModeChanges(modeChanges, mode, isDirectory),
      uid: owner.id,
      gid: group.id,
      uname: owner.name,
      gname: group.name,
      mtimeSeconds,
    };
  };
  for (const { name: given, directory, recursive = true } of spec.members) {
    const name = withoutTrailingSlashes(fromFsPath(given));
    if (name === '')
      throw new BuildError('SPEC_INVALID', 'Cannot archive a member without a name: it must have at least one byte');
    if (excluded(name)) continue;
    const found = walkLazily(absolutePath(name, directory ?? context.cwd), name, {
      ...files,
      recursive,
      order: spec.sort === 'none' ? 'asListed' : 'byName',
      unreadable,
      onWarning: warn,
      select: (child) => !excluded(child),
    });
    for (const object of found) if (unreadable.length === 0) yield entryOf(object);
  }
  throwIfUnreadable(unreadable);
}

function withoutTrailingSlashes(name: ByteString): ByteString {
  return (name.replace(/\/+$/, '') || (name.startsWith('/') ? '/' : '')) as ByteString;
}
