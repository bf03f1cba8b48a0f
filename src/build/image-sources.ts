import { lstatSync, realpathSync } from 'node:fs';
import { type ByteString, displayName, encodeUtf8, toFsPath } from '../bytes/index.js';
import {
  type ArchiveEntry,
  compileGlob,
  type EntryAttributes,
  type EntryBody,
  type FileIdentity,
  type ModeChanges,
  parseOctalMode,
  parseOwnerPair,
} from '../entry/index.js';
import {
  checkImagePath,
  type FoundObject,
  ImageTree,
  type NodeOrigin,
  type PathTransform,
  parseImagePath,
  parsePrefixReplacement,
  prefixTransform,
  TreeError,
  throwIfUnreadable,
  type UnreadablePath,
  walk,
} from '../tree/index.js';
import { applyAttributeRules, ownerOfIds } from './attribute-rules.js';
import { BuildError } from './build-error.js';
import type { BuildSpec } from './spec.js';
import { splitAt, splitLast } from './split.js';

export interface SourceSettings {
  readonly owner: { readonly name: ByteString; readonly id: number };
  readonly group: { readonly name: ByteString; readonly id: number };
  readonly mtimeSeconds: number;
  readonly mode: ModeChanges | undefined;
  readonly outputs: readonly FileIdentity[];
  /** Guix's rule: a symlink directive replaces what is there. */
  readonly symlinksReplace: boolean;
  readonly onWarning: (message: string) => void;
}

/** One tree of all sources, and what they are called. */
export interface ImageSources {
  readonly tree: ImageTree;
  /** Image paths of the items, in the order given, each once, without those inside another. */
  readonly items: readonly ByteString[];
  /** Image paths of everything that is no item, as laid. */
  readonly labels: readonly ByteString[];
}

const NO_ITEM = undefined;

/**
 * Lays all sources of a specification into one tree, in the order of the command line's table, and applies its rules.
 * Reads names and metadata, no contents (but those of texts that the specification itself has).
 *
 * @param spec with absolute paths
 * @throws {TreeError} SOURCE_MISSING, SOURCE_UNREADABLE (all of them listed), TREE_CONFLICT, PATH_INVALID,
 *   WHITEOUT_NAME; {EntryError} for a wrong glob, mode or owner; {BuildError} SPEC_INVALID
 */
export function readImageSources(spec: BuildSpec, settings: SourceSettings): ImageSources {
  return new SourceReader(spec, settings).read();
}

class SourceReader {
  readonly #spec: BuildSpec;
  readonly #settings: SourceSettings;
  readonly #transform: PathTransform;
  readonly #excludes: readonly ((path: ByteString) => boolean)[];
  readonly #tree: ImageTree;
  readonly #unreadable: UnreadablePath[] = [];
  readonly #labels = new Set<ByteString>();
  /** Modes that a directive gives by itself, for a warning when `--mode` changes them. */
  readonly #givenModes = new Map<ByteString, number>();

  constructor(spec: BuildSpec, settings: SourceSettings) {
    this.#spec = spec;
    this.#settings = settings;
    this.#transform = prefixTransform((spec.transform ?? []).map((text) => parsePrefixReplacement(encodeUtf8(text))));
    this.#excludes = (spec.exclude ?? []).map((glob) => compileGlob(encodeUtf8(glob)));
    this.#tree = new ImageTree({ ...ROOT_OWNER, mode: 0, mtimeSeconds: settings.mtimeSeconds });
  }

  read(): ImageSources {
    const spec = this.#spec;
    const items: ByteString[] = [];
    const paths = outermost((spec.paths ?? []).map((path) => encodeUtf8(path)));
    for (const path of paths) {
      const place = parseImagePath(path, 'path');
      this.#readFileSystem(path, place, { source: `path "${displayName(path)}"`, item: path });
      items.push(path);
    }
    for (const text of spec.add ?? []) this.#add(encodeUtf8(text));
    if (spec.root !== undefined) this.#root(encodeUtf8(spec.root));
    for (const text of spec.symlink ?? []) this.#symlink(encodeUtf8(text));
    for (const text of spec.directory ?? []) this.#directory(encodeUtf8(text));
    for (const [path, file] of Object.entries(spec.files ?? {})) this.#file(encodeUtf8(path), file.content, file.mode);
    if (spec.database !== undefined) this.#database(encodeUtf8(spec.database));
    throwIfUnreadable(this.#unreadable);

    applyAttributeRules(this.#tree, spec, { ...this.#settings, givenModes: this.#givenModes });
    return { tree: this.#tree, items, labels: [...this.#labels] };
  }

  #add(text: ByteString): void {
    const source = `--add "${displayName(text)}"`;
    const { source: from, destination } = splitAdd(text);
    const place = parseImagePath(destination, '--add destination');
    const isDirectory = lstatSync(toFsPath(from)).isDirectory();
    if (!isDirectory && (place === '' || destination.endsWith('/'))) {
      throw new TreeError(
        'PATH_INVALID',
        `Cannot lay ${source}: "${displayName(from)}" is no directory, and "${displayName(destination)}" names one`,
        {
          path: destination,
        },
      );
    }
    this.#label(place);
    this.#readFileSystem(from, place, { source, item: NO_ITEM });
  }

  #root(path: ByteString): void {
    const source = `--root "${displayName(path)}"`;
    const stats = lstatSync(toFsPath(path), { throwIfNoEntry: false });
    if (stats === undefined)
      throw new TreeError('SOURCE_MISSING', `Cannot read ${source}: it does not exist`, { path });
    if (!stats.isDirectory())
      throw new TreeError('SOURCE_INVALID', `Cannot read ${source}: it must be a directory, and is none`, { path });
    this.#label('' as ByteString);
    this.#readFileSystem(path, '' as ByteString, { source, item: NO_ITEM });
  }

  #symlink(text: ByteString): void {
    const source = `--symlink "${displayName(text)}"`;
    const [newPath, linkname] = splitAt(text, text.indexOf('='), '--symlink', 'NEW=OLD');
    if (linkname === '')
      throw new BuildError('SPEC_INVALID', `Cannot lay ${source}: the target after "=" must have at least one byte`);
    const place = parseImagePath(newPath, '--symlink');
    this.#label(place);
    this.#place(
      place,
      { type: 'symlink', linkname },
      0o777,
      { source, item: NO_ITEM, fsPath: undefined },
      this.#settings.symlinksReplace,
    );
  }

  #directory(text: ByteString): void {
    const source = `--directory "${displayName(text)}"`;
    const [, name = '', mode, uid, gid] = /^(.*?)(?::([0-9]+)(?::([0-9]+):([0-9]+))?)?$/s.exec(text)!;
    const place = parseImagePath(name as ByteString, '--directory');
    const owner = uid !== undefined && gid !== undefined ? ownerOfIds(parseOwnerPair(`${uid}:${gid}`)) : {};
    this.#label(place);
    const permissions = mode === undefined ? 0o755 : parseOctalMode(mode);
    if (mode !== undefined) this.#givenModes.set(this.#transform(place), permissions);
    this.#place(place, { type: 'directory' }, permissions, { source, item: NO_ITEM, fsPath: undefined }, false, owner);
  }

  #file(path: ByteString, content: string, mode: string | undefined): void {
    const source = `files "${displayName(path)}"`;
    const place = parseImagePath(path, 'files');
    const bytes = new TextEncoder().encode(content);
    const permissions = mode === undefined ? 0o644 : parseOctalMode(mode);
    if (mode !== undefined) this.#givenModes.set(this.#transform(place), permissions);
    this.#label(place);
    this.#place(place, { type: 'file', sizeBytes: bytes.length, source: { from: 'memory', bytes } }, permissions, {
      source,
      item: NO_ITEM,
      fsPath: undefined,
    });
  }

  /** The store database and its garbage collector roots, as Guix's `install-database-and-gc-roots` lays them. */
  #database(path: ByteString): void {
    const source = `--database "${displayName(path)}"`;
    const prefix = this.#spec.prefix ?? this.#spec.paths?.at(-1);
    if (prefix === undefined) {
      throw new BuildError(
        'SPEC_CONFLICT',
        `Cannot lay ${source}: its profile must be given with --prefix or a path, and there is neither`,
      );
    }
    const origin: NodeOrigin = { source, item: NO_ITEM, fsPath: undefined };
    const file = (place: ByteString, found: FoundObject): void => {
      if (found.body.type !== 'file')
        throw new TreeError('SOURCE_INVALID', `Cannot lay ${source}: it must be a file, and is a ${found.body.type}`, {
          path,
        });
      this.#place(place, found.body, 0o644, { ...origin, fsPath: path });
    };
    walk(realPath(path, source), 'var/guix/db/db.sqlite' as ByteString, file, {
      ...this.#walkOptions(),
      recursive: false,
    });
    const link = (place: string, linkname: string): void =>
      this.#place(place as ByteString, { type: 'symlink', linkname: encodeUtf8(linkname) }, 0o777, origin);
    link('var/guix/gcroots/profiles', '/var/guix/profiles');
    link('var/guix/profiles/per-user/root/guix-profile-1-link', prefix);
    link('var/guix/profiles/per-user/root/guix-profile', 'guix-profile-1-link');
    this.#label('var/guix' as ByteString);
  }

  #walkOptions(): Parameters<typeof walk>[3] {
    const { outputs, onWarning } = this.#settings;
    return {
      outputs,
      onWarning,
      unreadable: this.#unreadable,
      select: (name) => !this.#excluded(this.#transform(name)),
    };
  }

  #readFileSystem(fsPath: ByteString, place: ByteString, origin: Omit<NodeOrigin, 'fsPath'>): void {
    if (place !== '' && this.#excluded(this.#transform(place))) return;
    walk(
      fsPath,
      place,
      (name, found) => {
        // The root of the image has no entry.
        if (name !== '') this.#place(name, found.body, found.mode, { ...origin, fsPath: found.fsPath });
      },
      this.#walkOptions(),
    );
  }

  #place(
    place: ByteString,
    body: EntryBody,
    mode: number,
    origin: NodeOrigin,
    replace = false,
    owner: Partial<EntryAttributes> = {},
  ): void {
    const path = this.#transform(place);
    if (path === '' || this.#excluded(path)) return;
    checkImagePath(path, path, `the name that ${origin.source} gives`);
    const { owner: user, group, mtimeSeconds } = this.#settings;
    const entry: ArchiveEntry = {
      path,
      body,
      mode,
      uid: user.id,
      gid: group.id,
      uname: user.name,
      gname: group.name,
      mtimeSeconds,
      ...owner,
    };
    if (replace) this.#tree.replace(entry, origin);
    else this.#tree.place(entry, origin);
  }

  #excluded(path: ByteString): boolean {
    return this.#excludes.some((matches) => matches(path));
  }

  #label(place: ByteString): void {
    this.#labels.add(`/${this.#transform(place)}` as ByteString);
  }
}

/** Where a chain of symlinks ends. */
function realPath(path: ByteString, source: string): ByteString {
  try {
    return realpathSync(toFsPath(path), 'latin1') as ByteString;
  } catch (error) {
    throw new TreeError('SOURCE_MISSING', `Cannot read ${source}: it does not exist`, { path }, { cause: error });
  }
}

const ROOT_OWNER = { uid: 0, gid: 0, uname: 'root' as ByteString, gname: 'root' as ByteString };

/** Each path once, without those inside another: what they hold is there already. */
function outermost(paths: readonly ByteString[]): ByteString[] {
  const all = new Set(paths);
  return [...all].filter((path) => {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      if (all.has(path.slice(0, slash) as ByteString)) return false;
    }
    return true;
  });
}

/** `SRC=DEST`, separated by the last `=` that is not in a SRC that exists. */
function splitAdd(text: ByteString): { source: ByteString; destination: ByteString } {
  splitLast(text, '--add', 'SRC=DEST');
  for (let at = text.lastIndexOf('='); at > 0; at = text.lastIndexOf('=', at - 1)) {
    const source = text.slice(0, at) as ByteString;
    if (lstatSync(toFsPath(source), { throwIfNoEntry: false }) !== undefined) {
      return { source, destination: text.slice(at + 1) as ByteString };
    }
  }
  const source = text.slice(0, text.lastIndexOf('=')) as ByteString;
  throw new TreeError('SOURCE_MISSING', `Cannot read --add source "${displayName(source)}": it does not exist`, {
    path: source,
  });
}
