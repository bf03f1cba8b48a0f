import { constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type ByteString, createReadBuffer, toFsPath } from '../../bytes/index.js';
import { describeSystemCode, systemCode } from '../../errors/index.js';
import { closeQuietly, nextTurn, throwIfAborted } from '../../layer/index.js';
import type { ReadFailure } from './read-failure.js';

/** Bytes that can be read at any place: a file, or a part of one. */
export interface StoredFile {
  readonly sizeBytes: number;
  /** Reads up to `into.length` bytes at `position`. @returns their number; 0 at the end */
  readAt(into: Uint8Array, position: number): number;
  close(): void;
}

const PIECE_SIZE = 1 << 20;

/** After so many bytes the event loop has a turn, in which signals arrive. */
const TURN_BYTES = 16 << 20;

/**
 * Opens a regular file.
 *
 * @param isGiven whether the path is the user's, which may be a symlink; below a layout that would lead elsewhere
 * @returns `undefined` where there is none
 * @throws {TransportError} BASE_INVALID for another kind of file, or when the system refuses
 */
export function openStoredFile(
  path: ByteString,
  subject: string,
  isGiven: boolean,
  fail: ReadFailure,
): StoredFile | undefined {
  // What is there may be anybody's: a fifo must not block.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (isGiven ? 0 : (constants.O_NOFOLLOW ?? 0));
  const refused = (error: unknown): Error =>
    fail('INVALID', `${subject} cannot be read: ${describeSystemCode(systemCode(error))}`, { path }, error);
  let fd: number;
  try {
    fd = openSync(toFsPath(path), flags);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw refused(error);
  }
  let stats: Stats;
  try {
    stats = fstatSync(fd);
  } catch (error) {
    closeQuietly(fd);
    throw refused(error);
  }
  if (!stats.isFile()) {
    closeQuietly(fd);
    throw fail('INVALID', `${subject} must be a regular file, and is none`, { path });
  }
  let isOpen = true;
  return {
    sizeBytes: stats.size,
    readAt(into, position) {
      try {
        return readSync(fd, into, 0, into.length, position);
      } catch (error) {
        throw refused(error);
      }
    },
    close() {
      if (isOpen) closeQuietly(fd);
      isOpen = false;
    },
  };
}

/** A part of a file, within its bounds; closing it leaves the file open. */
export function partOf(file: StoredFile, offset: number, sizeBytes: number): StoredFile {
  return {
    sizeBytes,
    readAt: (into, position) =>
      file.readAt(into.subarray(0, Math.max(0, sizeBytes - position)), offset + Math.min(position, sizeBytes)),
    close() {},
  };
}

/** Reads up to `limitBytes` bytes from `position` on; fewer at the end. */
export function readBytes(file: StoredFile, position: number, limitBytes: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(limitBytes, file.sizeBytes - position)));
  let done = 0;
  while (done < bytes.length) {
    const count = file.readAt(bytes.subarray(done), position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/**
 * Hands on the bytes of a file in pieces, each lent until the call (its promise) is done. A file that has become
 * shorter ends early, which is for whoever hashes it to find.
 *
 * @throws {LayerError} ABORTED
 */
export async function readPieces(
  file: StoredFile,
  signal: AbortSignal | undefined,
  use: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const buffer = createReadBuffer(Math.min(PIECE_SIZE, file.sizeBytes));
  let nextTurnAt = TURN_BYTES;
  for (let done = 0; done < file.sizeBytes; ) {
    throwIfAborted(signal);
    const count = file.readAt(buffer.subarray(0, Math.min(buffer.length, file.sizeBytes - done)), done);
    if (count === 0) return;
    await use(buffer.subarray(0, count));
    done += count;
    if (done >= nextTurnAt) {
      nextTurnAt = done + TURN_BYTES;
      await nextTurn();
    }
  }
}
