import { type ByteString, baseName, displayName, joinPath } from '../bytes/index.js';
import { type ArchiveEntry, type EntryAttributes, type ModeChanges, parentsOf } from '../entry/index.js';
import {
  createLookAhead,
  modeByRule,
  type StreamMember,
  type StreamMembers,
  type StreamRules,
} from '../layer/index.js';
import { measureMember, trailerSize } from '../tar/index.js';
import { identityOf } from '../transport/index.js';
import {
  checkImagePath,
  type FoundObject,
  type ListedObject,
  throwIfUnreadable,
  type UnreadablePath,
  walk,
  walkListings,
} from '../tree/index.js';
import { BuildError } from './build-error.js';
import { type DeferredDirectory, type ImageSources, readImageSources } from './image-sources.js';
import type { PlannedLayer } from './layering.js';
import type { PreparedBuild } from './prepare-build.js';
import { planLayers } from './read-layers.js';

/** Layers whose members are listed while they are packed. */
export interface ListedLayers {
  /** At least one; their entries are without what is in directories of the sources. */
  readonly layers: readonly PlannedLayer[];
  /** The members of each. @throws {BuildError} NOT_LISTED, and what reading the sources throws */
  readonly members: readonly StreamMembers[];
  readonly rules: Pick<StreamRules, 'owners' | 'modes'>;
  /** What each must become, in bytes, where their order depends on it; otherwise nobody knows. */
  readonly sizes: readonly number[] | undefined;
  /**
   * What reading the sources warns of, in that order.
   *
   * @param isAll whether all members are listed
   */
  warnings(isAll: boolean): string[];
}

/**
 * Lists layers, where that gives what `readLayers` does: in our own dialect, where sources do not overlap and names do not
 * depend on what is in them. Then a tree is needed of nothing but where sources begin. Where layers are made by size all
 * files are looked at even so, but nothing is kept of them.
 *
 * @param jobs the most threads
 * @throws {TarsealError} what reading the sources throws, not always what would be thrown first
 */
export function listLayers(build: PreparedBuild, jobs: number): ListedLayers | undefined {
  const { spec, dialect, layering } = build;
  if (dialect !== 'native' || (spec.transform ?? []).length > 0) return undefined;
  const held: (string | readonly string[])[] = [];
  const deferred = new Map<ByteString, Deferred>();
  let isDisjoint = true;
  const sources = readImageSources(spec, {
    ...build.sources,
    lookAhead: undefined,
    defer(directory) {
      const warnings: string[] = [];
      held.push(warnings);
      isDisjoint &&= !deferred.has(directory.place);
      deferred.set(directory.place, { ...directory, warnings });
    },
    onWarning: (message) => void held.push(message),
  });
  for (const { entry } of sources.tree.nodes())
    isDisjoint &&= !parentsOf(entry.path).some((parent) => deferred.has(parent));
  if (!isDisjoint) return undefined;
  const table = createRuleTable(sources);
  const below = layering.strategy === 'size' ? measureBelow(deferred.values(), build, sources, table, jobs) : undefined;
  const sizeBelow = (path: ByteString): number => below?.get(path) ?? 0;
  const layers = planLayers(build, sources, { ...layering, sizeBelow });
  if (layers.length === 0) return undefined;

  /** Of a directory that is in several layers, what is in it is in the first that has it: that of its item. */
  const open = (path: ByteString): StreamMembers | undefined => {
    const directory = deferred.get(path);
    deferred.delete(path);
    return directory && listBelow(directory, build, sources, table);
  };
  return {
    layers,
    members: layers.map(({ entries }) => membersOf(entries.map(table.memberOf), open)),
    rules: { owners: table.owners, modes: table.modes },
    sizes: below && sizesOf(layers, below),
    warnings(isAll) {
      if (isAll) sources.rules.warnOfUnused();
      return held.flat();
    },
  };
}

interface Deferred extends DeferredDirectory {
  /** What a walk of it warns of. */
  readonly warnings: string[];
}

/** Bytes of the members below each directory. */
function measureBelow(
  directories: Iterable<DeferredDirectory>,
  { sources: { outputs }, layering: { tar } }: PreparedBuild,
  { excluded }: ImageSources,
  { owners, ownerOf }: RuleTable,
  jobs: number,
): Map<ByteString, number> {
  const sizes = new Map<ByteString, number>();
  const unreadable: UnreadablePath[] = [];
  const lookAhead = createLookAhead(jobs);
  const select = excluded && ((name: ByteString): boolean => !excluded(name));
  // Whoever lists the members warns.
  const options = { outputs, lookAhead, unreadable, onWarning: () => {}, ...(select && { select }) };
  try {
    for (const { place, fsPath, origin } of directories) {
      let sizeBytes = 0;
      const visit = (path: ByteString, { body, mode }: FoundObject): void => {
        if (path !== place) sizeBytes += measureMember({ path, body, mode, ...owners[ownerOf(path, origin)]! }, tar);
      };
      walk(fsPath, place, visit, options);
      sizes.set(place, sizeBytes);
    }
  } finally {
    lookAhead?.stop();
  }
  throwIfUnreadable(unreadable);
  return sizes;
}

/** @param below bytes of the members below directories, each of which is in the first layer that has the directory */
function sizesOf(layers: readonly PlannedLayer[], below: ReadonlyMap<ByteString, number>): number[] {
  const left = new Map(below);
  return layers.map(({ entries, tar }) => {
    let sizeBytes = 0;
    for (const entry of entries) {
      sizeBytes += measureMember(entry, tar) + (left.get(entry.path) ?? 0);
      left.delete(entry.path);
    }
    return sizeBytes + trailerSize(sizeBytes);
  });
}

/** Members, each directory followed by what `open` has of it. */
function membersOf(
  members: readonly StreamMember[],
  open: (path: ByteString) => StreamMembers | undefined,
): StreamMembers {
  let index = 0;
  let below: StreamMembers | undefined;
  return {
    next() {
      const found = below?.next();
      if (found?.done === false) return found;
      const member = members[index++];
      below = member && 'body' in member && member.body.type === 'directory' ? open(member.path) : undefined;
      return member === undefined ? { done: true, value: undefined } : { done: false, value: member };
    },
  };
}

/** What is in a directory of a source, and below. */
function listBelow(
  { place, fsPath, origin, warnings }: Deferred,
  { base, target }: PreparedBuild,
  { excluded, rules }: ImageSources,
  { owners, modes, ownerOf }: RuleTable,
): StreamMembers {
  const unreadable: UnreadablePath[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const select = excluded && ((name: ByteString): boolean => !excluded(name));
  const listings = walkListings(fsPath, place, { unreadable, onWarning: warn, ...(select && { select }) });
  const isOutput = outputTest(target);
  const memberOf = (found: FoundObject | ListedObject): StreamMember => {
    const path = checkImagePath(found.name, found.name, `the name that ${origin.source} gives`);
    const kind = 'body' in found ? found.body.type : found.type;
    const under = base?.files.get(path);
    if (under !== undefined && (under.type === 'directory') !== (kind === 'directory')) throw notListed();
    const owner = ownerOf(path, origin);
    if (!('body' in found))
      return { kind: found.type, path, originalPath: NO_OTHER, fsPath: found.fsPath, owner, mode: rules.modeOf(path) };
    // A symlink's mode means nothing, and no rule is for it.
    const mode = kind === 'symlink' ? found.mode : modeByRule(modes[rules.modeOf(path)], found.mode, false);
    return { path, body: found.body, mode, ...owners[owner]! };
  };
  const itself = listings.next();
  const isThere = !itself.done && !('body' in itself.value) && itself.value.type === 'directory';
  return {
    next() {
      if (!isThere) throw notListed();
      for (;;) {
        const { done, value } = listings.next();
        throwIfUnreadable(unreadable);
        if (done) return { done, value };
        if ('body' in value || !isOutput(value)) return { done: false, value: memberOf(value) };
        warn(`"${displayName(value.fsPath)}" is the output and is left out`);
      }
    },
  };
}

const NO_OTHER = '' as ByteString;

/**
 * Tells the output from other files by its name, and asks the system only then. Under another name whoever opens it finds
 * it.
 */
function outputTest(target: PreparedBuild['target']): (found: ListedObject) => boolean {
  if (target?.kind !== 'file' || target.identity === undefined) return () => false;
  const { path, identity } = target;
  const name = baseName(path);
  return ({ base, type, fsPath }) => {
    if (base !== name || type !== 'file') return false;
    const found = identityOf(fsPath);
    return found?.device === identity.device && found.inode === identity.inode;
  };
}

/** Owners and modes of members by their numbers. */
interface RuleTable extends Pick<StreamRules, 'owners' | 'modes'> {
  /** Of a member that no directive gave. */
  ownerOf(path: ByteString, origin: DeferredDirectory['origin']): number;
  /** An entry as a member; before members are packed, as it may need numbers of its own. */
  memberOf(entry: ArchiveEntry): StreamMember;
}

function createRuleTable({ rules, attributesOf }: ImageSources): RuleTable {
  const ofItem = attributesOf({ item: NO_OTHER });
  const ofExtra = attributesOf({ item: undefined });
  const { mtimeSeconds } = ofItem;
  const owners = [ofItem, ofExtra, ...rules.owners.map((owner) => ({ ...owner, mtimeSeconds }))];
  const modes: (ModeChanges | number | undefined)[] = [rules.changes, ...rules.modes];
  const numberOf = <T>(list: T[], value: T, isIt: (other: T) => boolean): number => {
    const index = list.findIndex(isIt);
    return index < 0 ? list.push(value) - 1 : index;
  };
  return {
    owners,
    modes,
    ownerOf(path, { item }) {
      const rule = rules.ownerOf(path);
      return rule > 0 ? rule + 1 : item === undefined ? 1 : 0;
    },
    memberOf(entry) {
      const { path, body, mode, ...owner } = entry;
      if (body.type !== 'file' || body.source.from === 'memory') return entry;
      return {
        kind: 'file',
        path,
        originalPath: NO_OTHER,
        fsPath: joinPath(body.source.directory, body.source.name),
        owner: numberOf(owners, owner, (other) => isSameOwner(owner, other)),
        mode: numberOf(modes, mode, (other) => other === mode),
      };
    },
  };
}

function isSameOwner(a: Omit<EntryAttributes, 'mode'>, b: Omit<EntryAttributes, 'mode'>): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.uname === b.uname && a.gname === b.gname;
}

/** Sources must be read the thorough way, which says what is wrong with them, or can do more. */
export function notListed(): BuildError {
  return new BuildError('NOT_LISTED', 'Cannot list the members of an image: its sources must be read');
}
