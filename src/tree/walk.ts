import {
  accessSync,
  constants,
  type Dirent,
  lstatSync,
  opendirSync,
  readdirSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import {
  type ByteString,
  baseName,
  compareBytes,
  directoryName,
  displayName,
  joinPath,
  toFsPath,
} from '../bytes/index.js';
import type { EntryBody, FileIdentity } from '../entry/index.js';
import { describeSystemCode, systemCode } from '../errors/index.js';
import { TreeError } from './tree-error.js';

/** One object of the file system, as an archive sees it. */
export interface FoundObject {
  /** Member name. */
  readonly name: ByteString;
  readonly fsPath: ByteString;
  readonly body: EntryBody;
  /** Permission bits, in [0, 0o7777]. */
  readonly mode: number;
}

export interface WalkOptions {
  /** `byName` is GNU tar's order; `asListed` is the file system's, which differs from one machine to another. */
  readonly order?: 'byName' | 'asListed';
  /** Whether to descend into directories; default true. */
  readonly recursive?: boolean;
  /** Never members; each is reported as a warning. */
  readonly outputs?: readonly FileIdentity[];
  /** Never members, either; looked at each time, so that files can be added on the way. */
  readonly ownFiles?: readonly FileIdentity[];
  /** Asked before anything is read of a name; false leaves it and everything below out. */
  readonly select?: (name: ByteString) => boolean;
  /** Looks at files while the walk goes on; for a walk by name. */
  readonly lookAhead?: LookAhead | undefined;
  readonly onWarning: (message: string) => void;
  /** Paths that cannot be read are added here, so that all of them can be reported at once. */
  readonly unreadable: UnreadablePath[];
}

/** What is known of an object of the file system: numbers as in the system's `struct stat`. */
export interface StatNumbers {
  readonly mode: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly dev: number;
  readonly ino: number;
  readonly rdev: number;
}

/** Looks at paths before anybody needs to know. */
export interface LookAhead {
  /**
   * Begins to look at some paths; what comes of it is asked for in the order of these calls.
   *
   * @returns waits and says what was found of each path, by its index; `undefined` where it is to be looked at again
   */
  begin(paths: readonly ByteString[]): () => (index: number) => StatNumbers | undefined;
}

/** Paths that are looked at together, and how many such groups are on their way. */
const GROUP = 128;
const GROUPS_AHEAD = 12;

export interface UnreadablePath {
  readonly path: ByteString;
  /** The system's code, e.g. `EACCES`. */
  readonly cause: string;
}

/**
 * Walks the file system from `fsPath`: the object itself and, for a directory, everything below it, a directory before
 * what is in it. Symlinks are not followed. Sockets are left out with a warning. Nothing is looked at before it is asked
 * for.
 *
 * @param name member name of the object; children are `name/child`, or `child` where `name` is empty
 * @throws {TreeError} SOURCE_MISSING when `fsPath` does not exist; SOURCE_CHANGED when something vanishes on the way
 */
export function* walkLazily(fsPath: ByteString, name: ByteString, options: WalkOptions): Generator<FoundObject, void> {
  /** Directories from the first down to where the walk is; deeper than any stack of calls may go. */
  const open: { readonly found: FoundObject; readonly children: readonly ByteString[]; next: number }[] = [];
  const stats = statSource(fsPath, options);
  let found = stats && look(fsPath, name, stats, options);
  for (;;) {
    if (found !== undefined) {
      yield found;
      if (found.body.type === 'directory' && options.recursive !== false)
        open.push({ found, children: listDirectory(found.fsPath, options), next: 0 });
    }
    while (open.length > 0 && open.at(-1)!.next === open.at(-1)!.children.length) open.pop();
    const parent = open.at(-1);
    if (parent === undefined) return;
    const child = parent.children[parent.next++]!;
    const childName = (parent.found.name === '' ? child : joinPath(parent.found.name, child)) as ByteString;
    found = undefined;
    if (options.select?.(childName) === false) continue;
    const childPath = joinPath(parent.found.fsPath, child);
    const childStats = statChild(childPath, options);
    if (childStats !== undefined) found = look(childPath, childName, childStats, options, parent.found.fsPath, child);
  }
}

/** A regular file or a directory of which nothing is known yet but what its directory says. */
export interface ListedObject {
  readonly name: ByteString;
  readonly fsPath: ByteString;
  /** The directory of `fsPath`, one string for all that is in it, and the name there. */
  readonly directory: ByteString;
  readonly base: ByteString;
  readonly type: 'file' | 'directory';
}

/** A directory that a walk is in. */
interface ListedDirectory {
  readonly fsPath: ByteString;
  /** What the names of its children begin with, and their paths. */
  readonly nameStart: string;
  readonly pathStart: string;
  readonly children: readonly ListedChild[];
  next: number;
}

/**
 * Walks as {@link walkLazily} does, by name, but without looking at regular files and directories, where a directory's
 * listing says which these are: whoever opens them then finds their mode and size, and may find an output among them.
 *
 * No generator, as that takes V8 twice as long to compile, which trees of a few thousand files feel.
 */
export function walkListings(
  fsPath: ByteString,
  name: ByteString,
  options: Omit<WalkOptions, 'order' | 'outputs' | 'ownFiles'>,
): IterableIterator<FoundObject | ListedObject, undefined> {
  /** Directories from the first down to where the walk is. */
  const open: ListedDirectory[] = [];
  /** The directory that was found last, and is still to be listed. */
  let unlisted: ListedObject | undefined;
  let isBegun = false;

  const listed = (
    path: ByteString,
    itsName: ByteString,
    directory: ByteString,
    base: ByteString,
    type: ListedObject['type'],
  ): ListedObject => {
    const object = { name: itsName, fsPath: path, directory, base, type };
    if (type === 'directory' && options.recursive !== false) unlisted = object;
    return object;
  };
  const lookAt = (path: ByteString, itsName: ByteString, stats: Stats | undefined) => {
    if (stats?.isDirectory()) return listed(path, itsName, directoryName(path), baseName(path), 'directory');
    if (stats?.isFile()) return listed(path, itsName, directoryName(path), baseName(path), 'file');
    return stats && look(path, itsName, stats, options);
  };
  const childOf = (parent: ListedDirectory, child: ListedChild): FoundObject | ListedObject | undefined => {
    const base = child.name as ByteString;
    const childName = (parent.nameStart + base) as ByteString;
    if (options.select?.(childName) === false) return undefined;
    const childPath = (parent.pathStart + base) as ByteString;
    if (child.isFile()) return listed(childPath, childName, parent.fsPath, base, 'file');
    if (child.isDirectory()) return listed(childPath, childName, parent.fsPath, base, 'directory');
    return lookAt(childPath, childName, statChild(childPath, options));
  };
  const find = (): FoundObject | ListedObject | undefined => {
    if (!isBegun) {
      isBegun = true;
      return lookAt(fsPath, name, statSource(fsPath, options));
    }
    if (unlisted !== undefined) {
      const { name: itsName, fsPath: path } = unlisted;
      open.push({
        fsPath: path,
        nameStart: itsName === '' ? '' : joinPath(itsName, '' as ByteString),
        pathStart: joinPath(path, '' as ByteString),
        children: listTypes(path, options),
        next: 0,
      });
      unlisted = undefined;
    }
    for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
      if (last.next === last.children.length) open.pop();
      else {
        const found = childOf(last, last.children[last.next++]!);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
  return {
    next() {
      const value = find();
      return value === undefined ? { done: true, value } : { done: false, value };
    },
    [Symbol.iterator]() {
      return this;
    },
  };
}

/** Whether a walk over listings finds what a walk over the files does: not where modes are made up. */
export function canWalkListings(): boolean {
  return process.platform !== 'win32';
}

/** Walks as {@link walkLazily} does, by name; directories are listed before what is in those before them is looked at. */
function* walkAhead(
  fsPath: ByteString,
  name: ByteString,
  lookAhead: LookAhead,
  options: WalkOptions,
): Generator<FoundObject, void> {
  const listings = walkListings(fsPath, name, options);
  const groups: { objects: readonly (FoundObject | ListedObject)[]; look: ReturnType<LookAhead['begin']> }[] = [];
  let isEnded = false;
  /** What the paths begin with that are below a directory that is no member. */
  let below: ByteString | undefined;
  for (;;) {
    while (!isEnded && groups.length < GROUPS_AHEAD) {
      const objects: (FoundObject | ListedObject)[] = [];
      while (!isEnded && objects.length < GROUP) {
        const { done, value } = listings.next();
        if (done) isEnded = true;
        else objects.push(value);
      }
      const paths = objects.map((object) => object.fsPath);
      groups.push({ objects, look: lookAhead.begin(paths) });
    }
    const group = groups.shift();
    if (group === undefined) return;
    const statsOf = group.look();
    for (const [index, object] of group.objects.entries()) {
      if (below !== undefined && object.fsPath.startsWith(below)) continue;
      if ('body' in object) {
        yield object;
        continue;
      }
      const stats = statsOf(index) ?? statChild(object.fsPath, options);
      const { fsPath: itsPath, directory, base } = object;
      const found = stats && look(itsPath, object.name, stats, options, directory, base);
      if (found === undefined) {
        if (object.type === 'directory') below = joinPath(itsPath, '' as ByteString);
        continue;
      }
      if ((found.body.type === 'directory') !== (object.type === 'directory')) throw vanished(object.fsPath, undefined);
      yield found;
    }
  }
}

/** Walks as {@link walkLazily} does, at once. */
export function walk(
  fsPath: ByteString,
  name: ByteString,
  visit: (name: ByteString, found: FoundObject) => void,
  options: WalkOptions,
): void {
  const { lookAhead, order } = options;
  const found =
    lookAhead === undefined || order === 'asListed' || !canWalkListings()
      ? walkLazily(fsPath, name, options)
      : walkAhead(fsPath, name, lookAhead, options);
  for (const object of found) visit(object.name, object);
}

function statSource(fsPath: ByteString, options: WalkOptions): Stats | undefined {
  try {
    return lstatSync(toFsPath(fsPath));
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new TreeError(
        'SOURCE_MISSING',
        `Cannot read source "${displayName(fsPath)}": it does not exist`,
        { path: fsPath },
        { cause: error },
      );
    }
    options.unreadable.push({ path: fsPath, cause: code });
    return undefined;
  }
}

/**
 * The object as a member; `undefined` where it is none.
 *
 * @param directory of `fsPath`, and `base` the name there: whoever has them gives them, so that files share the one
 */
function look(
  fsPath: ByteString,
  name: ByteString,
  stats: StatNumbers,
  options: WalkOptions,
  directory: ByteString = directoryName(fsPath),
  base: ByteString = baseName(fsPath),
): FoundObject | undefined {
  const isOneOf = (files: readonly FileIdentity[] | undefined): boolean =>
    files?.some(({ device, inode }) => stats.dev === device && stats.ino === inode) ?? false;
  if (isOneOf(options.ownFiles)) return undefined;
  if (isOneOf(options.outputs)) {
    options.onWarning(`"${displayName(fsPath)}" is the output and is left out`);
    return undefined;
  }
  const body = bodyOf(fsPath, directory, base, stats, options);
  return body && { name, fsPath, body, mode: modeOf(stats) };
}

const DIRECTORY: EntryBody = { type: 'directory' };

/** Permission bits: a symlink's mean nothing and differ between systems, and Windows has none, so that rules give them. */
function modeOf({ mode }: StatNumbers): number {
  if (typeOf(mode) === constants.S_IFLNK) return 0o777;
  if (process.platform === 'win32') return typeOf(mode) === constants.S_IFDIR ? 0o755 : 0o644;
  return mode & 0o7777;
}

function statChild(fsPath: ByteString, options: WalkOptions): Stats | undefined {
  try {
    return lstatSync(toFsPath(fsPath));
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') throw vanished(fsPath, error);
    options.unreadable.push({ path: fsPath, cause: code });
    return undefined;
  }
}

/** The bits of a mode that say what something is. */
function typeOf(mode: number): number {
  return mode & constants.S_IFMT;
}

function bodyOf(
  fsPath: ByteString,
  directory: ByteString,
  name: ByteString,
  stats: StatNumbers,
  options: WalkOptions,
): EntryBody | undefined {
  switch (typeOf(stats.mode)) {
    case constants.S_IFDIR:
      return DIRECTORY;
    case constants.S_IFREG:
      // Asking the system about every file would cost a call each; a file that anyone may read needs no question. What
      // other rules forbid (an ACL, say) is found when the file is opened.
      if ((stats.mode & 0o444) !== 0o444) checkReadable(fsPath, options);
      return { type: 'file', sizeBytes: stats.size, source: { from: 'file', directory, name, mtimeMs: stats.mtimeMs } };
    case constants.S_IFLNK: {
      const linkname = readLink(fsPath, options);
      return linkname === undefined ? undefined : { type: 'symlink', linkname };
    }
    case constants.S_IFIFO:
      return { type: 'fifo' };
    case constants.S_IFCHR:
      return { type: 'character-device', ...deviceNumbers(stats.rdev) };
    case constants.S_IFBLK:
      return { type: 'block-device', ...deviceNumbers(stats.rdev) };
    default:
      options.onWarning(`"${displayName(fsPath)}" is a socket and is left out`);
      return undefined;
  }
}

function checkReadable(fsPath: ByteString, options: WalkOptions): void {
  try {
    accessSync(toFsPath(fsPath), constants.R_OK);
  } catch (error) {
    options.unreadable.push({ path: fsPath, cause: systemCode(error) });
  }
}

function readLink(fsPath: ByteString, options: WalkOptions): ByteString | undefined {
  try {
    return readlinkSync(toFsPath(fsPath), 'latin1') as ByteString;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'EINVAL') throw vanished(fsPath, error);
    options.unreadable.push({ path: fsPath, cause: code });
    return undefined;
  }
}

function listDirectory(fsPath: ByteString, options: WalkOptions): ByteString[] {
  try {
    if (options.order !== 'asListed') {
      return (readdirSync(toFsPath(fsPath), 'latin1') as ByteString[]).sort(compareBytes);
    }
    // readdir sorts; opendir gives the system's own order.
    const directory = opendirSync(toFsPath(fsPath), { encoding: 'latin1' as BufferEncoding });
    try {
      const names: ByteString[] = [];
      for (let item = directory.readSync(); item !== null; item = directory.readSync())
        names.push(item.name as ByteString);
      return names;
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    return cannotList(fsPath, error, options);
  }
}

function cannotList(fsPath: ByteString, error: unknown, { unreadable }: Pick<WalkOptions, 'unreadable'>): [] {
  const code = systemCode(error);
  if (code === 'ENOENT') throw vanished(fsPath, error);
  unreadable.push({ path: fsPath, cause: code });
  return [];
}

type ListedChild = Pick<Dirent, 'name' | 'isFile' | 'isDirectory'>;

/** What is in a directory and of which types, in byte order. */
function listTypes(fsPath: ByteString, options: Pick<WalkOptions, 'onWarning' | 'unreadable'>): ListedChild[] {
  try {
    const children = readdirSync(toFsPath(fsPath), { withFileTypes: true, encoding: 'latin1' });
    return children.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    // A file system need not list types. The runtime then looks at each file itself, and does not find those whose names
    // are not ASCII.
    return listDirectory(fsPath, options).map((name) => ({ name, isFile: () => false, isDirectory: () => false }));
  }
}

/** Linux's and macOS's encodings of device numbers (`makedev`). */
function deviceNumbers(rdev: number): { devMajor: number; devMinor: number } {
  if (process.platform === 'darwin') return { devMajor: Math.floor(rdev / 2 ** 24) & 0xff, devMinor: rdev % 2 ** 24 };
  const device = BigInt(rdev);
  return {
    devMajor: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)),
    devMinor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}

/**
 * Throws when anything was found unreadable.
 *
 * @throws {TreeError} SOURCE_UNREADABLE, its message naming every path
 */
export function throwIfUnreadable(unreadable: readonly UnreadablePath[]): void {
  if (unreadable.length === 0) return;
  const sorted = unreadable.toSorted((a, b) => compareBytes(a.path, b.path));
  const list = sorted.map(({ path, cause }) => `\n  "${displayName(path)}": ${describeSystemCode(cause)}`).join('');
  throw new TreeError(
    'SOURCE_UNREADABLE',
    `Cannot read ${sorted.length} of the source's files and directories:${list}`,
    {
      paths: sorted.map(({ path }) => path),
    },
  );
}

function vanished(fsPath: ByteString, cause: unknown): TreeError {
  return new TreeError(
    'SOURCE_CHANGED',
    `Cannot read "${displayName(fsPath)}": it vanished while the tree was read`,
    { path: fsPath },
    { cause },
  );
}
