import { displayName } from '../bytes/index.js';
import type { EntryBody } from '../entry/index.js';
import type { BaseTree } from '../transport/index.js';
import { type ImageTree, TreeError } from '../tree/index.js';

/**
 * Fits a tree to the base image that it is laid over: a directory that only something below it implies gets the
 * attributes that the base gives it, because an entry for a directory replaces those that are there.
 *
 * Files and symlinks may replace the base's. What would take more away than itself is refused: a directory in the place
 * of a symlink (`/bin -> usr/bin`) or a file, or anything else in the place of a directory.
 *
 * @throws {TreeError} TREE_CONFLICT naming both
 */
export function adoptBaseDirectories(tree: ImageTree, base: BaseTree): void {
  for (const { entry, origin, explicit } of [...tree.nodes()]) {
    const below = base.get(entry.path);
    if (below === undefined) continue;
    const isDirectory = entry.body.type === 'directory';
    if (isDirectory !== (below.type === 'directory')) {
      throw new TreeError(
        'TREE_CONFLICT',
        `Cannot lay "/${displayName(entry.path)}" of ${origin.source} over the base image: it is ${describe(entry.body)}, and in the base ${describe(below)}`,
        { path: entry.path, sources: [origin.source, 'base image'] },
      );
    }
    if (below.type === 'directory' && !explicit) {
      const { mode, uid, gid, uname, gname } = below;
      tree.setAttributes(entry.path, () => ({ mode, uid, gid, uname, gname }));
    }
  }
}

function describe(body: EntryBody | NonNullable<ReturnType<BaseTree['get']>>): string {
  if (body.type === 'symlink') return `a symlink to "${displayName(body.linkname)}"`;
  return body.type === 'directory' ? 'a directory' : 'a file';
}
