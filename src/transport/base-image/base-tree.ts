import { type ByteString, displayName } from '../../bytes/index.js';
import type { TarMember } from '../../tar/index.js';
import type { ReadFailure } from '../stored/read-failure.js';

export interface BaseDirectory {
  readonly type: 'directory';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: ByteString;
  readonly gname: ByteString;
}

/** What stands at a path of an image: `other` is a file, a hard link, a device or a fifo. */
export type BaseNode =
  | BaseDirectory
  | { readonly type: 'symlink'; readonly linkname: ByteString }
  | { readonly type: 'other' };

/** What the layers of an image together show. */
export interface BaseTree {
  /**
   * @param path with or without a slash at its beginning and its end; empty for the root
   * @returns `undefined` where nothing is; symlinks are not followed
   */
  get(path: ByteString): BaseNode | undefined;
}

/** Lays layers over one another, the lowest first. */
export interface BaseTreeBuilder {
  readonly tree: BaseTree;
  beginLayer(): void;
  /** @throws {TransportError} BASE_INVALID for a name that cannot be unpacked below the root, or too many */
  add(member: TarMember): void;
}

interface Directory {
  attributes: BaseDirectory;
  /** The last layer that has the directory or something below it. */
  layer: number;
  /** The layer that last hid what lower ones have in it: once is enough, however often it says so. */
  clearedBy: number;
  /** None where there are none: most directories that one member makes stay empty. */
  children: Map<string, Child> | undefined;
}

/** What is no directory; of files there is one object a layer, for there may be millions. */
interface Leaf {
  readonly node: Exclude<BaseNode, BaseDirectory>;
  readonly layer: number;
}

type Child = Directory | Leaf;

/** A longer path cannot be unpacked on Linux; one of a megabyte could make half a million directories. */
const MAX_PATH_SIZE = 4096;

/** Symlinks that are followed to a parent, as in Linux. */
const MAX_LINKS = 40;

/** Bytes of all names and targets together, which stay in memory. */
const MAX_NAMES_SIZE = 512 << 20;

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Beginning of names in which AUFS kept what is its own. */
const AUFS = '.wh..wh.';

const ROOT = 'root' as ByteString;
/** Of directories that have members and no entry. */
const IMPLIED: BaseDirectory = { type: 'directory', mode: 0o755, uid: 0, gid: 0, uname: ROOT, gname: ROOT };

/**
 * @param maxMembers of all layers together, directories that they imply included
 * @see OCI image specification, layer.md, "Applying Changesets"
 */
export function createBaseTree(maxMembers: number, fail: ReadFailure): BaseTreeBuilder {
  const root = newDirectory(IMPLIED, 0);
  let layer = 0;
  let file: Leaf = { node: { type: 'other' }, layer };
  let members = 0;
  let namesSize = 0;
  const attributesOf = internAttributes();

  const tooMany = (limit: number, what: string): Error =>
    fail('INVALID', `its layers must have at most ${limit} ${what}, and have more`, { limit });
  const invalid = (member: TarMember, what: string): Error =>
    fail(
      'INVALID',
      `its layer ${layer} has a member "${displayName(member.name.slice(0, 300) as ByteString)}" ${what}`,
    );
  const count = (): void => {
    if (++members > maxMembers) throw tooMany(maxMembers, 'members');
  };

  const addChild = (member: TarMember, directory: Directory, name: string, child: Child): void => {
    // A part of a string keeps the whole of it.
    namesSize += member.name.length + member.linkname.length;
    if (namesSize > MAX_NAMES_SIZE) throw tooMany(MAX_NAMES_SIZE, 'bytes of names');
    directory.children ??= new Map();
    directory.children.set(name, child);
  };

  /**
   * The directory where a member of these parents lands: parents that are missing are made, symlinks followed.
   * `undefined` below what is no directory.
   */
  const enter = (parents: readonly string[], member: TarMember): Directory | undefined => {
    const stack: Directory[] = [root];
    const ahead = parents.toReversed();
    let links = 0;
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      const directory = stack.at(-1)!;
      directory.layer = layer;
      if (name === '' || name === '.') continue;
      if (name === '..') {
        if (stack.length > 1) stack.pop();
        continue;
      }
      let child = directory.children?.get(name);
      if (child === undefined) {
        count();
        child = newDirectory(IMPLIED, layer);
        addChild(member, directory, name, child);
      }
      if ('children' in child) {
        stack.push(child);
        continue;
      }
      const { node } = child;
      if (node.type !== 'symlink') return undefined;
      if (++links > MAX_LINKS) throw invalid(member, `below more than ${MAX_LINKS} symlinks`);
      if (node.linkname.startsWith('/')) stack.length = 1;
      ahead.push(...node.linkname.split('/').reverse());
    }
    const directory = stack.at(-1)!;
    directory.layer = layer;
    return directory;
  };

  const put = (directory: Directory, name: string, member: TarMember): void => {
    const existing = directory.children?.get(name);
    if (member.type === 'directory' && existing !== undefined && 'children' in existing) {
      existing.attributes = attributesOf(member);
      existing.layer = layer;
      return;
    }
    if (member.type === 'directory') addChild(member, directory, name, newDirectory(attributesOf(member), layer));
    else if (member.type === 'symlink') {
      addChild(member, directory, name, { node: { type: 'symlink', linkname: member.linkname }, layer });
    } else addChild(member, directory, name, file);
  };

  /** Hides a name of lower layers: a directory that this layer has too stays, without what is in it of lower ones. */
  const hide = (directory: Directory, name: string): void => {
    const child = directory.children?.get(name);
    if (child === undefined) return;
    if (child.layer < layer) directory.children?.delete(name);
    else if ('children' in child) hideContents(child);
  };

  const hideContents = (directory: Directory): void => {
    const stack = [directory];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (at.clearedBy === layer) continue;
      at.clearedBy = layer;
      for (const [name, child] of at.children ?? []) {
        if (child.layer < layer) at.children?.delete(name);
        else if ('children' in child) stack.push(child);
      }
    }
  };

  return {
    tree: {
      get(path) {
        let at: Child = root;
        for (const name of componentsOf(path)) {
          const child: Child | undefined = 'children' in at ? at.children?.get(name) : undefined;
          if (child === undefined) return undefined;
          at = child;
        }
        return 'children' in at ? at.attributes : at.node;
      },
    },
    beginLayer() {
      layer++;
      file = { node: file.node, layer };
    },
    add(member) {
      count();
      if (member.name.length > MAX_PATH_SIZE)
        throw invalid(member, `whose name must have at most ${MAX_PATH_SIZE} bytes`);
      if (member.type === 'symlink' && member.linkname.length > MAX_PATH_SIZE) {
        throw invalid(member, `whose target must have at most ${MAX_PATH_SIZE} bytes`);
      }
      const components = componentsOf(member.name);
      if (components.includes('..')) throw invalid(member, 'whose name must have no ".."');
      const name = components.pop();
      if (name === undefined) {
        if (member.type !== 'directory') throw invalid(member, 'that must be a directory, for it is the root');
        root.attributes = attributesOf(member);
        root.layer = layer;
        return;
      }
      if ((components[0] ?? name).startsWith(AUFS) && (components[0] ?? name) !== OPAQUE) return;
      const directory = enter(components, member);
      if (directory === undefined) {
        // umoci hides what was in a directory that it has made a file before: nothing is left to hide.
        if (name.startsWith(WHITEOUT)) return;
        throw invalid(member, 'below what is no directory');
      }
      if (name === OPAQUE) hideContents(directory);
      else if (name.startsWith(WHITEOUT)) {
        const hidden = name.slice(WHITEOUT.length);
        if (hidden === '' || hidden === '.' || hidden === '..') throw invalid(member, 'that hides no name');
        hide(directory, hidden);
      } else put(directory, name, member);
    },
  };
}

function newDirectory(attributes: BaseDirectory, layer: number): Directory {
  return { attributes, layer, clearedBy: -1, children: undefined };
}

function componentsOf(path: ByteString): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** Directories of equal attributes share them: there are few of those and many of these. */
function internAttributes(): (member: TarMember) => BaseDirectory {
  const known = new Map<string, BaseDirectory>();
  return ({ mode, uid, gid, uname, gname }) => {
    const key = `${mode} ${uid} ${gid} ${uname}\0${gname}`;
    const attributes = known.get(key) ?? { type: 'directory', mode, uid, gid, uname, gname };
    known.set(key, attributes);
    return attributes;
  };
}
