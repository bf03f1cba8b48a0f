import { constants, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ByteString, baseName, bytesOf, displayName, roundUp, toFsPath } from '../bytes/index.js';
import type { EntryBody } from '../entry/index.js';
import { describeSystemCode, systemCode } from '../errors/index.js';
import { closeQuietly, LayerError } from '../layer/index.js';
import type { ReferenceScanner } from '../store/index.js';
import { throwIfUnreadable, type UnreadablePath, walk } from '../tree/index.js';

/** What an item refers to, and how large it is. */
export interface ScannedItem {
  /** Hash parts that occur in it, its own too, in byte order. */
  readonly hashParts: readonly string[];
  /** Size of its serialisation as a NAR (which has no fifos, sockets and devices). */
  readonly narSizeBytes: number;
}

export interface ItemScan {
  readonly scanner: ReferenceScanner;
  /** Space that files are read into, at least one byte; free again when the item is scanned. */
  readonly buffer: Uint8Array;
  /** Told of everything that is left out. */
  readonly onWarning: (message: string) => void;
  /** Told the number of bytes read since the last call; what it throws ends the scan. */
  readonly onProgress?: (sizeBytes: number) => void;
}

interface FoundFile {
  readonly path: ByteString;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

/** After so many bytes the event loop has a turn. */
const TURN_BYTES = 16 << 20;

// A name could be replaced by a fifo after the item was listed: opening that must not block, nor follow a new symlink.
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Scans a file, a symlink or a directory and everything below it for hash parts: contents, link targets and the names in
 * directories, which is what its serialisation has of it. Symlinks are not followed. A fifo, a socket or a device has
 * nothing to scan but its name: a warning.
 *
 * @throws {TreeError} SOURCE_MISSING, SOURCE_CHANGED, SOURCE_UNREADABLE (all of them listed); {LayerError} SOURCE_CHANGED
 *   when a file is not what it was when the item was listed, READ_FAILED when the system refuses
 */
export async function scanItem(path: ByteString, { scanner, buffer, ...told }: ItemScan): Promise<ScannedItem> {
  const { onWarning, onProgress } = told;
  const files: FoundFile[] = [];
  const unreadable: UnreadablePath[] = [];
  let narSizeBytes = NAR_START_SIZE;
  const scanText = (text: ByteString): void => {
    scanner.push(bytesOf(text));
    scanner.end();
  };
  walk(
    path,
    '' as ByteString,
    (name, { fsPath, body, mode }) => {
      if (name !== '') scanText(baseName(name));
      if (body.type === 'symlink') scanText(body.linkname);
      if (body.type === 'file' && body.source.from === 'file') {
        files.push({ path: fsPath, sizeBytes: body.sizeBytes, mtimeMs: body.source.mtimeMs });
      }
      const nodeSizeBytes = narNodeSize(body, (mode & 0o100) !== 0);
      if (nodeSizeBytes === undefined) {
        onWarning(`"${displayName(fsPath)}" is a ${body.type}: nothing but its name is scanned`);
        return;
      }
      narSizeBytes += nodeSizeBytes;
      if (name !== '') narSizeBytes += NAR_ENTRY_SIZE + narStringSize(baseName(name).length);
    },
    { onWarning, unreadable },
  );
  throwIfUnreadable(unreadable);

  let sinceTurn = 0;
  for (const file of files) {
    for (const count of readFile(file, buffer)) {
      scanner.push(buffer.subarray(0, count));
      onProgress?.(count);
      sinceTurn += count;
      if (sinceTurn < TURN_BYTES) continue;
      sinceTurn = 0;
      await nextTurn();
    }
    scanner.end();
  }
  return { hashParts: scanner.take(), narSizeBytes };
}

/** Reads a file into the buffer again and again. @returns after each time how many bytes it was */
function* readFile({ path, sizeBytes, mtimeMs }: FoundFile, buffer: Uint8Array): Generator<number> {
  const fd = system(path, () => openSync(toFsPath(path), OPEN_FLAGS));
  try {
    let left = sizeBytes;
    while (left > 0) {
      const count = system(path, () => readSync(fd, buffer, 0, Math.min(left, buffer.length), null));
      if (count === 0) throw changed(path, `it should have ${sizeBytes} bytes, and ends after ${sizeBytes - left}`);
      left -= count;
      yield count;
    }
    const stats = system(path, () => fstatSync(fd));
    if (stats.size !== sizeBytes) throw changed(path, `it had ${sizeBytes} bytes, and has ${stats.size}`);
    if (stats.mtimeMs !== mtimeMs) throw changed(path, 'it was written to');
  } finally {
    closeQuietly(fd);
  }
}

/** Codes for a name that is no regular file any more. */
const NO_FILE: readonly string[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EAGAIN', 'ENXIO'];

function system<T>(path: ByteString, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const code = systemCode(error);
    if (NO_FILE.includes(code)) throw changed(path, `it was a file, and is none any more (${code})`, error);
    throw new LayerError(
      'READ_FAILED',
      `Cannot read "${displayName(path)}": ${describeSystemCode(code)}`,
      { path, cause: code },
      { cause: error },
    );
  }
}

function changed(path: ByteString, how: string, cause?: unknown): LayerError {
  return new LayerError(
    'SOURCE_CHANGED',
    `Cannot scan "${displayName(path)}": it changed during the scan: ${how}`,
    { path },
    { cause },
  );
}

/** A string of a NAR: eight bytes for its length, and its bytes padded to a multiple of eight. */
function narStringSize(lengthBytes: number): number {
  return 8 + roundUp(lengthBytes, 8);
}

function narStringsSize(...strings: readonly string[]): number {
  return strings.reduce((size, text) => size + narStringSize(text.length), 0);
}

const NAR_START_SIZE = narStringsSize('nix-archive-1');
/** What surrounds a node in its directory, but for its name. */
const NAR_ENTRY_SIZE = narStringsSize('entry', '(', 'name', 'node', ')');
const NAR_NODE_SIZES = {
  directory: narStringsSize('(', 'type', 'directory', ')'),
  file: narStringsSize('(', 'type', 'regular', 'contents', ')'),
  executable: narStringsSize('(', 'type', 'regular', 'executable', '', 'contents', ')'),
  symlink: narStringsSize('(', 'type', 'symlink', 'target', ')'),
};

/**
 * Size of a node without what is in it; `undefined` for what a NAR does not hold.
 *
 * @see Dolstra, "The Purely Functional Software Deployment Model", 2006, figure 5.2
 */
function narNodeSize(body: EntryBody, isExecutable: boolean): number | undefined {
  switch (body.type) {
    case 'directory':
      return NAR_NODE_SIZES.directory;
    case 'file':
      return NAR_NODE_SIZES[isExecutable ? 'executable' : 'file'] + narStringSize(body.sizeBytes);
    case 'symlink':
      return NAR_NODE_SIZES.symlink + narStringSize(body.linkname.length);
    default:
      return undefined;
  }
}
