import { lstatSync, realpathSync, type Stats } from 'node:fs';
import {
  type ByteString,
  baseName,
  directoryName,
  displayName,
  encodeUtf8,
  joinPath,
  toFsPath,
} from '../bytes/index.js';
import {
  type ArchiveEntry,
  compileGlob,
  type EntryAttributes,
  type EntryBody,
  type FileIdentity,
  type ModeChanges,
  parentsOf,
  parseOctalMode,
  parseOwnerPair,
} from '../entry/index.js';
import { systemCode } from '../errors/index.js';
import {
  checkImagePath,
  type FoundObject,
  ImageTree,
  type LookAhead,
  type NodeOrigin,
  type PathTransform,
  parseImagePath,
  parsePrefixReplacement,
  prefixTransform,
  symlinkUnion,
  TreeError,
  throwIfUnreadable,
  type UnreadablePath,
  walk,
} from '../tree/index.js';
import { type AttributeRules, applyAttributeRules, compileAttributeRules, ownerOfIds } from './attribute-rules.js';
import { BuildError } from './build-error.js';
import { choosePresets } from './presets.js';
import { diskPathOf, type ResolvedSpec } from './resolve-spec.js';
import type { AddedSource } from './spec.js';
import type { SpecChoices } from './spec-choices.js';
import { splitAt } from './split.js';

export interface SourceSettings {
  /** Absolute image paths of the items. */
  readonly items: readonly ByteString[];
  readonly owner: { readonly name: ByteString; readonly id: number };
  readonly group: { readonly name: ByteString; readonly id: number };
  readonly mtimeSeconds: number;
  readonly mode: ModeChanges | undefined;
  readonly outputs: readonly FileIdentity[];
  /**
   * `guix`: items and everything else are two trees, as they are two directories of the file system there; names are
   * still those before transformation, which decide the order; a symlink directive replaces another directive.
   */
  readonly dialect: SpecChoices['dialect'];
  readonly lookAhead: LookAhead | undefined;
  /** Takes each directory of a source, when it is laid, whose content is then left out; by default none is. */
  readonly defer?: (directory: DeferredDirectory) => void;
  readonly onWarning: (message: string) => void;
}

/** A directory that is laid without what is in it. */
export interface DeferredDirectory {
  readonly place: ByteString;
  readonly fsPath: ByteString;
  readonly origin: Omit<NodeOrigin, 'fsPath'>;
}

/** One tree of all sources, and what they are called. */
export interface ImageSources {
  /** All of the image; in the guix dialect the items alone. */
  readonly tree: ImageTree;
  /** Everything that is no item: in our own dialect the same tree. */
  readonly extra: ImageTree;
  /** The items in the order of the settings, each once, without those inside another; they are what a node's items are called by. */
  readonly items: readonly ByteString[];
  /** The image path of an item, for people. */
  readonly nameOf: (item: ByteString) => ByteString;
  /** What names become in the end; the identity where they have it already. */
  readonly rename: PathTransform;
  /** Image paths of everything that is no item, as laid. */
  readonly labels: readonly ByteString[];
  /** Those that were applied. */
  readonly rules: AttributeRules;
  /** Owner and time of members without a rule. */
  readonly attributesOf: (origin: Pick<NodeOrigin, 'item'>) => Omit<EntryAttributes, 'mode'>;
  /** Whether a path, or a directory above it, is left out; `undefined` where nothing is. */
  readonly excluded: ((path: ByteString) => boolean) | undefined;
}

const NO_ITEM = undefined;

/**
 * Lays all sources of a specification into one tree, in the order of the command line's table, and applies its rules.
 * Reads names and metadata, no contents (but those of texts that the specification itself has).
 *
 * @throws {TreeError} SOURCE_MISSING, SOURCE_UNREADABLE (all of them listed), TREE_CONFLICT, PATH_INVALID,
 *   WHITEOUT_NAME; {EntryError} for a wrong glob, mode or owner; {BuildError} SPEC_INVALID
 */
export function readImageSources(spec: ResolvedSpec, settings: SourceSettings): ImageSources {
  return new SourceReader(spec, settings).read();
}

class SourceReader {
  readonly #spec: ResolvedSpec;
  readonly #settings: SourceSettings;
  readonly #transform: PathTransform;
  readonly #excludes: readonly ((path: ByteString) => boolean)[];
  readonly #tree: ImageTree;
  readonly #extra: ImageTree;
  readonly #unreadable: UnreadablePath[] = [];
  readonly #labels = new Set<ByteString>();
  readonly #itemAttributes: Omit<EntryAttributes, 'mode'>;
  /** Of everything that is no item. */
  readonly #extraAttributes: Omit<EntryAttributes, 'mode'>;
  /** Modes that a directive gives by itself, for a warning when `--mode` changes them. */
  readonly #givenModes = new Map<ByteString, number>();
  /** Paths of presets: whoever asks for a /tmp by name wants it to be one, whatever `--mode` is for. */
  readonly #fixedModes = new Set<ByteString>();

  constructor(spec: ResolvedSpec, settings: SourceSettings) {
    this.#spec = spec;
    this.#settings = settings;
    this.#transform = prefixTransform((spec.transform ?? []).map((text) => parsePrefixReplacement(encodeUtf8(text))));
    this.#excludes = (spec.exclude ?? []).map((glob) => compileGlob(encodeUtf8(glob)));
    const { dialect, owner, group, mtimeSeconds } = settings;
    // nixpkgs gives the directories above an item the owner of everything else.
    const names = { uid: owner.id, gid: group.id, uname: owner.name, gname: group.name };
    const implied = { ...(dialect === 'nix' ? names : ROOT_OWNER), mode: 0, mtimeSeconds };
    this.#tree = new ImageTree(implied);
    this.#extra = dialect === 'guix' ? new ImageTree(implied) : this.#tree;
    this.#itemAttributes = { ...names, mtimeSeconds };
    this.#extraAttributes =
      spec.contentsOwner === undefined
        ? this.#itemAttributes
        : { ...ownerOfIds(parseOwnerPair(encodeUtf8(spec.contentsOwner))), mtimeSeconds };
  }

  read(): ImageSources {
    const spec = this.#spec;
    const items = outermost(this.#settings.items);
    this.#requireItems(items);
    for (const path of items) {
      const place = parseImagePath(path, 'path');
      this.#readFileSystem(this.#diskPath(path), place, { source: `path "${displayName(path)}"`, item: path });
    }
    for (const added of spec.add ?? []) this.#add(added);
    if (spec.root !== undefined) this.#root(encodeUtf8(spec.root));
    if (spec.contents !== undefined) this.#contents(spec.contents.map((path) => encodeUtf8(path)));
    this.#directives(spec);
    for (const preset of choosePresets(spec.preset ?? [], spec.prefix ?? spec.paths?.at(-1)))
      this.#directives(preset, ` of --preset ${preset.name}`);
    if (spec.database !== undefined) this.#database(encodeUtf8(spec.database));
    throwIfUnreadable(this.#unreadable);

    const rename = this.#isGuix ? this.#transform : (path: ByteString) => path;
    const rules = compileAttributeRules(spec, this.#settings);
    applyAttributeRules([...new Set([this.#tree, this.#extra])], rules, {
      ...this.#settings,
      rename,
      givenModes: this.#givenModes,
      fixedModes: this.#fixedModes,
    });
    const nameOf = (item: ByteString) => `/${this.#transform(parseImagePath(item, 'path'))}` as ByteString;
    return {
      tree: this.#tree,
      extra: this.#extra,
      items,
      nameOf,
      rename,
      labels: [...this.#labels],
      rules,
      attributesOf: (origin) => this.#attributesOf(origin),
      excluded: this.#excludes.length === 0 ? undefined : (path) => this.#excluded(path),
    };
  }

  /**
   * Symlinks, directories and files that the image alone has.
   *
   * @param where what messages add to a directive's name when a preset has it
   */
  #directives({ symlink, directory, files }: Pick<ResolvedSpec, 'symlink' | 'directory' | 'files'>, where = ''): void {
    for (const text of symlink ?? []) this.#symlink(encodeUtf8(text), where);
    for (const text of directory ?? []) this.#directory(encodeUtf8(text), where);
    for (const [path, { content, mode }] of Object.entries(files ?? {}))
      this.#file(encodeUtf8(path), content, mode, where);
  }

  /** Finds every item that is not there, rather than the first: a store that was copied in part lacks many. */
  #requireItems(items: readonly ByteString[]): void {
    const absent = items.filter((item) => {
      try {
        lstatSync(toFsPath(this.#diskPath(item)));
        return false;
      } catch (error) {
        return ['ENOENT', 'ENOTDIR'].includes(systemCode(error));
      }
    });
    if (absent.length === 0) return;
    const listed = absent.map((item) => `\n  "${displayName(this.#diskPath(item))}"`).join('');
    throw new TreeError(
      'SOURCE_MISSING',
      absent.length === 1
        ? `Cannot read source "${displayName(this.#diskPath(absent[0]!))}": it does not exist`
        : `Cannot read ${absent.length} of ${items.length} paths: they do not exist:${listed}`,
      { paths: absent },
    );
  }

  #diskPath(item: ByteString): ByteString {
    return diskPathOf(item, this.#spec.store);
  }

  get #isGuix(): boolean {
    return this.#settings.dialect === 'guix';
  }

  #add(added: AddedSource): void {
    const [from, destination] = [encodeUtf8(added.source), encodeUtf8(added.destination)];
    const source = `--add "${displayName(`${from}=${destination}` as ByteString)}"`;
    const place = parseImagePath(destination, '--add destination');
    const stats = this.#stat(from, source);
    if (stats === undefined) return;
    const isDirectory = stats.isDirectory();
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
    const stats = this.#stat(path, source);
    if (stats === undefined) return;
    if (!stats.isDirectory())
      throw new TreeError('SOURCE_INVALID', `Cannot read ${source}: it must be a directory, and is none`, { path });
    this.#label('' as ByteString);
    this.#readFileSystem(path, '' as ByteString, { source, item: NO_ITEM });
  }

  /** `undefined` where the system refuses to look, which is reported with all else that is unreadable. */
  #stat(path: ByteString, source: string): Stats | undefined {
    try {
      return lstatSync(toFsPath(path));
    } catch (error) {
      return this.#noteUnreadable(path, source, error);
    }
  }

  #noteUnreadable(path: ByteString, source: string, error: unknown): undefined {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw missing(path, source, error);
    this.#unreadable.push({ path, cause: code });
  }

  #memberPlace(path: ByteString, what: string): ByteString {
    const place = parseImagePath(path, what);
    if (place === '')
      throw new TreeError(
        'PATH_INVALID',
        `Cannot use ${what} "${displayName(path)}": the root of an image has no entry of its own`,
        { path },
      );
    return place;
  }

  #contents(paths: readonly ByteString[]): void {
    const sources = [...new Set(paths)].map((imagePath) => ({ imagePath, diskPath: this.#diskPath(imagePath) }));
    const sourceOf = (path: ByteString): string => `--contents "${displayName(path)}"`;
    for (const { imagePath, diskPath } of sources) {
      const stats = this.#stat(diskPath, sourceOf(imagePath));
      if (stats !== undefined && !stats.isDirectory()) {
        throw new TreeError(
          'SOURCE_INVALID',
          `Cannot read ${sourceOf(imagePath)}: it must be a directory, and is none`,
          { path: imagePath },
        );
      }
    }
    // Links name their targets as the image has them in the end.
    const places = sources.map((source) => ({
      ...source,
      imagePath: `/${this.#transform(parseImagePath(source.imagePath, '--contents'))}` as ByteString,
    }));
    for (const { path, linkname, source } of symlinkUnion(places, this.#walkOptions())) {
      const origin = { source: sourceOf(source.imagePath), item: NO_ITEM, fsPath: undefined };
      if (!path.includes('/')) this.#label(path);
      if (linkname === undefined) this.#place(path, { type: 'directory' }, 0o755, origin);
      else this.#place(path, { type: 'symlink', linkname }, 0o777, origin, this.#isGuix);
    }
  }

  #symlink(text: ByteString, where: string): void {
    const source = `--symlink "${displayName(text)}"${where}`;
    const [newPath, linkname] = splitAt(text, text.indexOf('='), '--symlink', 'NEW=OLD');
    if (linkname === '')
      throw new BuildError('SPEC_INVALID', `Cannot lay ${source}: the target after "=" must have at least one byte`);
    const place = this.#memberPlace(newPath, '--symlink');
    this.#label(place);
    this.#place(
      place,
      { type: 'symlink', linkname },
      0o777,
      { source, item: NO_ITEM, fsPath: undefined },
      this.#isGuix,
    );
  }

  #directory(text: ByteString, where: string): void {
    const source = `--directory "${displayName(text)}"${where}`;
    const { name, mode, uid, gid } = splitDirectory(text);
    const place = this.#memberPlace(name, '--directory');
    let owner: Partial<EntryAttributes> =
      uid !== undefined && gid !== undefined ? ownerOfIds(parseOwnerPair(`${uid}:${gid}`)) : {};
    if (this.#isGuix && owner.uid !== undefined) {
      this.#settings.onWarning(
        `${source}: in the guix dialect every member has the one owner, as GNU tar is told there`,
      );
      owner = {};
    }
    this.#label(place);
    const permissions = mode === undefined ? 0o755 : parseOctalMode(mode);
    this.#noteMode(place, mode === undefined ? undefined : permissions, where);
    this.#place(place, { type: 'directory' }, permissions, { source, item: NO_ITEM, fsPath: undefined }, false, owner);
  }

  #file(path: ByteString, content: string, mode: string | undefined, where: string): void {
    const source = `files "${displayName(path)}"${where}`;
    const place = this.#memberPlace(path, 'files');
    const bytes = new TextEncoder().encode(content);
    const permissions = mode === undefined ? 0o644 : parseOctalMode(mode);
    this.#noteMode(place, mode === undefined ? undefined : permissions, where);
    this.#label(place);
    this.#place(place, { type: 'file', sizeBytes: bytes.length, source: { from: 'memory', bytes } }, permissions, {
      source,
      item: NO_ITEM,
      fsPath: undefined,
    });
  }

  #noteMode(place: ByteString, given: number | undefined, where: string): void {
    if (where !== '') this.#fixedModes.add(this.#transform(place));
    else if (given !== undefined) this.#givenModes.set(this.#transform(place), given);
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
    const target = this.#realPath(path, source);
    if (target !== undefined) {
      walk(target, 'var/guix/db/db.sqlite' as ByteString, file, { ...this.#walkOptions(), recursive: false });
    }
    const link = (place: string, linkname: string): void =>
      this.#place(place as ByteString, { type: 'symlink', linkname: encodeUtf8(linkname) }, 0o777, origin);
    link('var/guix/gcroots/profiles', '/var/guix/profiles');
    link('var/guix/profiles/per-user/root/guix-profile-1-link', prefix);
    link('var/guix/profiles/per-user/root/guix-profile', 'guix-profile-1-link');
    this.#label('var/guix' as ByteString);
  }

  /** Where a chain of symlinks ends; `undefined` as in `#stat`. */
  #realPath(path: ByteString, source: string): ByteString | undefined {
    try {
      return realpathSync(toFsPath(path), 'latin1') as ByteString;
    } catch (error) {
      return this.#noteUnreadable(path, source, error);
    }
  }

  #walkOptions(): Parameters<typeof walk>[3] & { readonly select: (name: ByteString) => boolean } {
    const { outputs, lookAhead, onWarning } = this.#settings;
    return {
      outputs,
      lookAhead,
      onWarning,
      unreadable: this.#unreadable,
      // Below a directory that is left out, a transformation can still place something elsewhere.
      select: (name) => (this.#spec.transform ?? []).length > 0 || !this.#excluded(name),
    };
  }

  #readFileSystem(fsPath: ByteString, place: ByteString, origin: Omit<NodeOrigin, 'fsPath'>): void {
    const shared: NodeOrigin = { ...origin, fsPath: undefined };
    const { defer } = this.#settings;
    const options = this.#walkOptions();
    // The root of the image has no entry: of it, what is in it is deferred.
    const select = (name: ByteString): boolean => !name.includes('/') && options.select(name);
    walk(
      canonicalPath(fsPath),
      place,
      (name, found) => {
        // The root of the image has no entry.
        if (name === '') return;
        // One origin for all files of a source: an object for each would be a quarter of the memory of a large tree.
        const ownOrigin =
          found.body.type === 'file' || found.body.type === 'directory' ? shared : { ...origin, fsPath: found.fsPath };
        this.#place(name, found.body, found.mode, ownOrigin);
        if (found.body.type === 'directory') defer?.({ place: name, fsPath: found.fsPath, origin });
      },
      defer === undefined ? options : { ...options, recursive: place === '', select },
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
    const renamed = this.#transform(place);
    if (renamed !== '' && this.#excluded(renamed)) return;
    // A member whose name is transformed to nothing goes; in the guix dialect what is below it may need it until then.
    if (renamed === '' && !this.#isGuix) return;
    if (renamed !== '') checkImagePath(renamed, renamed, `the name that ${origin.source} gives`);
    const path = this.#isGuix ? place : renamed;
    const tree = origin.item === undefined ? this.#extra : this.#tree;
    const { uid, gid, uname, gname, mtimeSeconds } = this.#attributesOf(origin);
    const entry: ArchiveEntry = { path, body, mode, uid, gid, uname, gname, mtimeSeconds, ...owner };
    if (replace) tree.replace(entry, origin);
    else tree.place(entry, origin);
  }

  #attributesOf({ item }: Pick<NodeOrigin, 'item'>): Omit<EntryAttributes, 'mode'> {
    return item === NO_ITEM ? this.#extraAttributes : this.#itemAttributes;
  }

  #excluded(path: ByteString): boolean {
    if (this.#excludes.length === 0) return false;
    return [path, ...parentsOf(path)].some((each) => this.#excludes.some((matches) => matches(each)));
  }

  #label(place: ByteString): void {
    this.#labels.add(`/${this.#transform(place)}` as ByteString);
  }
}

function missing(path: ByteString, source: string, cause: unknown): TreeError {
  return new TreeError(
    'SOURCE_MISSING',
    `Cannot read ${source}: "${displayName(path)}" does not exist`,
    { path },
    { cause },
  );
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

/**
 * One name of the several that an object can be written by: two sources that are the same object agree about it. Its
 * own last component stays, as it may be a symlink.
 */
function canonicalPath(path: ByteString): ByteString {
  try {
    const base = baseName(path);
    if (base === '' || base === '.' || base === '..') return realpathSync(toFsPath(path), 'latin1') as ByteString;
    return joinPath(realpathSync(toFsPath(directoryName(path)), 'latin1') as ByteString, base);
  } catch {
    // What is wrong with it is found, and said, when it is read.
    return path;
  }
}

/** `NAME[:MODE[:UID:GID]]`; a colon in the last component always separates. */
function splitDirectory(text: ByteString): {
  name: ByteString;
  mode: string | undefined;
  uid: string | undefined;
  gid: string | undefined;
} {
  const last = text.lastIndexOf('/') + 1;
  const [name = '', mode, uid, gid, ...more] = text.slice(last).split(':');
  if (more.length > 0 || (uid === undefined) !== (gid === undefined)) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --directory "${displayName(text)}": it must have the form NAME[:MODE[:UID:GID]]`,
      { value: text },
    );
  }
  return { name: (text.slice(0, last) + name) as ByteString, mode, uid, gid };
}
