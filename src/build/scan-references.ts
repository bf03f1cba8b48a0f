import { readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ByteString, compareBytes, createReadBuffer, displayName, joinPath, toFsPath } from '../bytes/index.js';
import { describeSystemCode, systemCode } from '../errors/index.js';
import { throwIfAborted } from '../layer/index.js';
import {
  createReferenceGraph,
  createReferenceScanner,
  hashPartOf,
  type ReferenceGraph,
  StoreError,
  type StoreItem,
} from '../store/index.js';
import { TreeError } from '../tree/index.js';
import { scanItem } from './scan-item.js';

/** A directory of store items. */
export interface StoreDirectory {
  /** Where it is on this machine. */
  readonly diskPath: ByteString;
  /** What its items are called, e.g. `/nix/store`; absolute, without a slash at its end. */
  readonly storePath: ByteString;
}

/** What a closure begins with. */
export interface ScanRoot {
  /** Where it is on this machine; an item of the store is read there. */
  readonly diskPath: ByteString;
  /** What it is called; below the store's path it is that item or what is in it, otherwise an item of its own. */
  readonly path: ByteString;
}

export interface ScanOptions {
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Told how many items were scanned, and how many bytes of files were read. */
  readonly onProgress?: ((doneItems: number, doneBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Large enough that a system call's cost vanishes, small enough for the processor's cache. */
const BUFFER_SIZE = 256 << 10;

/**
 * Finds the closure of `roots` by scanning, as Nix and Guix find references: an item refers to each item of the store
 * whose hash part occurs in it. Only what is reached is read.
 *
 * @returns sizes included; a root outside the store is an item that nothing refers to
 * @throws {TreeError} SOURCE_MISSING, SOURCE_INVALID, SOURCE_UNREADABLE, SOURCE_CHANGED; {LayerError} SOURCE_CHANGED,
 *   READ_FAILED, ABORTED; {StoreError} GRAPH_PATH_ABSENT naming every root that is not in the store, GRAPH_DUPLICATE
 *   when a hash part that occurs is that of two items, GRAPH_PATH_INVALID and GRAPH_CYCLE as `createReferenceGraph`
 */
export async function scanStore(
  store: StoreDirectory,
  roots: readonly ScanRoot[],
  { onWarning = () => {}, onProgress, signal }: ScanOptions = {},
): Promise<ReferenceGraph> {
  const source = `--scan "${displayName(store.storePath)}"`;
  const names = listStore(store.diskPath);
  const namesOfHash = groupByHash(names, source);
  const diskPaths = new Map<ByteString, ByteString>();
  const addItem = (name: ByteString): ByteString => {
    const path = joinPath(store.storePath, name);
    diskPaths.set(path, joinPath(store.diskPath, name));
    return path;
  };
  for (const { path, name, diskPath } of locateRoots(store, names, roots, source)) {
    if (name === undefined) diskPaths.set(path, diskPath);
    else addItem(name);
  }

  const scanner = createReferenceScanner(namesOfHash.keys());
  const items: StoreItem[] = [];
  let doneBytes = 0;
  const scan = {
    scanner,
    buffer: createReadBuffer(BUFFER_SIZE),
    onWarning,
    onProgress(sizeBytes: number) {
      throwIfAborted(signal);
      doneBytes += sizeBytes;
      onProgress?.(items.length, doneBytes);
    },
  };
  // What is found is added to the map, and a map's iteration comes to that, too: breadth first.
  for (const [path, diskPath] of diskPaths) {
    await nextTurn();
    throwIfAborted(signal);
    const { hashParts, narSizeBytes } = await scanItem(diskPath, scan);
    const references = hashParts.map((hashPart) => addItem(itemNamed(namesOfHash.get(hashPart) ?? [], path, source)));
    items.push({ path, references, narSizeBytes });
    onProgress?.(items.length, doneBytes);
  }
  return createReferenceGraph(items, source);
}

/**
 * @returns all names in a store, those of its items and others, in byte order
 * @throws {TreeError} SOURCE_MISSING, SOURCE_INVALID for what is no directory, SOURCE_UNREADABLE
 */
export function listStore(diskPath: ByteString): readonly ByteString[] {
  try {
    return (readdirSync(toFsPath(diskPath), 'latin1') as ByteString[]).sort(compareBytes);
  } catch (error) {
    const [code, problem] = listingProblem(systemCode(error));
    throw new TreeError(
      code,
      `Cannot scan store "${displayName(diskPath)}": ${problem}`,
      { path: diskPath },
      { cause: error },
    );
  }
}

function listingProblem(code: string): readonly [code: string, problem: string] {
  if (code === 'ENOENT') return ['SOURCE_MISSING', 'it does not exist'];
  if (code === 'ENOTDIR') return ['SOURCE_INVALID', 'it must be a directory, and is none'];
  return ['SOURCE_UNREADABLE', describeSystemCode(code)];
}

/** The names `HASH-NAME`, by their hash parts: one each, but for what is left over in a store. */
function groupByHash(names: readonly ByteString[], source: string): ReadonlyMap<string, readonly ByteString[]> {
  const groups = new Map<string, ByteString[]>();
  for (const name of names) {
    const hashPart = hashPartOf(name);
    if (hashPart === undefined) continue;
    const group = groups.get(hashPart);
    if (group === undefined) groups.set(hashPart, [name]);
    else group.push(name);
  }
  if (groups.size > 0) return groups;
  throw new TreeError(
    'SOURCE_INVALID',
    `Cannot use ${source}: a store must have items that are called HASH-NAME, and none of its ${names.length} names is such`,
  );
}

/** What Nix and Guix put beside an item while they build it, and leave there when they are stopped. */
const LEFT_OVER: readonly string[] = ['.lock', '.check', '.chroot'];

/** The one item that has a hash part, which `referrer` refers to. */
function itemNamed(names: readonly ByteString[], referrer: ByteString, source: string): ByteString {
  const items = names.filter((name) => !LEFT_OVER.some((suffix) => names.some((other) => name === other + suffix)));
  if (items.length === 1) return items[0] as ByteString;
  throw new StoreError(
    'GRAPH_DUPLICATE',
    `Cannot use ${source}: a hash part must be that of one item, and the one that "${displayName(referrer)}" refers to is that of ${listNames(items)}`,
    { path: referrer, names: items },
  );
}

interface LocatedRoot extends ScanRoot {
  /** Name of the item of the store that it is or is in; `undefined` for what is not in the store. */
  readonly name: ByteString | undefined;
}

function locateRoots(
  { storePath }: StoreDirectory,
  names: readonly ByteString[],
  roots: readonly ScanRoot[],
  source: string,
): readonly LocatedRoot[] {
  const known = new Set(names);
  const located = roots.map((root): LocatedRoot => {
    const isInside = root.path.startsWith(`${storePath}/`);
    return {
      ...root,
      name: isInside ? (root.path.slice(storePath.length + 1).split('/', 1)[0] as ByteString) : undefined,
    };
  });
  const absent = located.filter(({ name }) => name !== undefined && !known.has(name)).map(({ path }) => path);
  if (absent.length === 0) return located;
  throw new StoreError(
    'GRAPH_PATH_ABSENT',
    `Cannot find ${listNames(absent)} in ${source}: every path below "${displayName(storePath)}" must be there`,
    { paths: absent },
  );
}

function listNames(names: readonly ByteString[]): string {
  return names.map((name) => `"${displayName(name)}"`).join(', ');
}
