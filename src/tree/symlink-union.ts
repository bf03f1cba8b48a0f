import { type ByteString, directoryName, displayName, joinPath } from '../bytes/index.js';
import { type UnreadablePath, type WalkOptions, walk } from './walk.js';

/** A directory that takes part in a union. */
export interface UnionSource {
  /** Where it lies on this machine. */
  readonly diskPath: ByteString;
  /** Where the image has it: what links lead to. Absolute. */
  readonly imagePath: ByteString;
}

/** A member of a union; `undefined` in place of a link's target makes it a directory. */
export interface UnionMember {
  /** Relative to the root of the union. */
  readonly path: ByteString;
  readonly linkname: ByteString | undefined;
  /** The first source that has it. */
  readonly source: UnionSource;
}

export interface UnionOptions extends Pick<WalkOptions, 'onWarning'> {
  readonly unreadable: UnreadablePath[];
}

/**
 * The union of directories as Nix's `symlinkJoin` makes it: directories are real and merged, everything else is a link
 * to the source's own. Where two sources disagree the first wins, with a warning that names both.
 *
 * A symlink is repeated with its own target, so that `sh -> bash` still leads to whatever `bash` the union has; one whose
 * relative target leads out of its source would break where the union stands, and becomes a link to the source's.
 *
 * @throws {TreeError} as {@link walk}
 */
export function symlinkUnion(sources: readonly UnionSource[], options: UnionOptions): UnionMember[] {
  const members = new Map<ByteString, UnionMember>();
  for (const source of sources) {
    const hidden = new Set<ByteString>();
    const visit: Parameters<typeof walk>[2] = (path, { body }) => {
      if (path === '') return;
      if (hidden.has(directoryName(path))) {
        if (body.type === 'directory') hidden.add(path);
        return;
      }
      const linkname =
        body.type === 'directory'
          ? undefined
          : body.type === 'symlink' && !leadsOut(path, body.linkname)
            ? body.linkname
            : joinPath(source.imagePath, path);
      const present = members.get(path);
      if (present === undefined) {
        members.set(path, { path, linkname, source });
        return;
      }
      if (present.linkname === linkname) return;
      if (body.type === 'directory') hidden.add(path);
      options.onWarning(
        `"${displayName(present.source.imagePath)}" and "${displayName(source.imagePath)}" both have "${displayName(path)}": that of the first is taken`,
      );
    };
    walk(source.diskPath, '' as ByteString, visit, options);
  }
  return [...members.values()];
}

/** Whether the target of a link at `path` lies above the root that `path` is relative to. */
function leadsOut(path: ByteString, target: ByteString): boolean {
  if (target.startsWith('/')) return false;
  let depth = path.split('/').length - 1;
  for (const component of target.split('/')) {
    if (component === '..') depth--;
    else if (component !== '' && component !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}
