import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type ByteString, displayName, joinPath, toFsPath } from '../bytes/index.js';
import type { FileSource } from '../entry/index.js';
import { describeSystemCode, systemCode } from '../errors/index.js';
import { LayerError } from './layer-error.js';

/** A part of a file's content and its place in a slab. */
export interface Piece {
  readonly source: FileSource & { readonly from: 'file' };
  /** Size of the whole file when the tree was read. */
  readonly fileSizeBytes: number;
  /** Offset of the part in the file. */
  readonly position: number;
  /** Offset of the part in the slab. */
  readonly offset: number;
  /** Bytes; 0 for an empty file, which is looked at all the same. */
  readonly sizeBytes: number;
}

// A name could be replaced by a fifo after the tree was read: opening that must not block, nor follow a new symlink.
export const OPEN_FLAGS: number = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Reads a part of a file into its place in a slab.
 *
 * A tree is one state of its files: a file that is not what it was when the tree was read is an error, not a guess. The
 * parts of a large file are read by themselves, and each is held against that same state.
 *
 * @throws {LayerError} SOURCE_CHANGED when the file vanished, or its size or time is another; READ_FAILED when the system
 *   refuses
 */
export function readPiece(piece: Piece, slab: Uint8Array): void {
  const { source, fileSizeBytes, position, offset, sizeBytes } = piece;
  const path = joinPath(source.directory, source.name);
  let fd: number | undefined;
  try {
    fd = openSync(toFsPath(path), OPEN_FLAGS);
    let done = 0;
    while (done < sizeBytes) {
      // Where reading goes on by itself, no position is given: what became a fifo then says so in its own way.
      const at = position === 0 ? null : position + done;
      const count = readSync(fd, slab, offset + done, sizeBytes - done, at);
      if (count === 0)
        throw sourceChanged(path, `it should have ${fileSizeBytes} bytes, and ends after ${position + done}`);
      done += count;
    }
    const stats = fstatSync(fd);
    if (stats.size !== fileSizeBytes) throw sourceChanged(path, `it had ${fileSizeBytes} bytes, and has ${stats.size}`);
    if (stats.mtimeMs !== source.mtimeMs) throw sourceChanged(path, 'it was written to');
  } catch (error) {
    throw error instanceof LayerError ? error : readFailure(path, error);
  } finally {
    if (fd !== undefined) closeQuietly(fd);
  }
}

/** Closes what was only read, or is thrown away: nothing can be lost, and an error would hide the one that led here. */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {}
}

/** @param how it is another than it was */
export function sourceChanged(path: ByteString, how: string, cause?: unknown): LayerError {
  return new LayerError(
    'SOURCE_CHANGED',
    `Cannot seal "${displayName(path)}": it changed during the build: ${how}`,
    { path },
    { cause },
  );
}

/** What a system error says of a file that was a readable regular file when the tree was read. */
const CHANGES: Readonly<Record<string, string>> = {
  ENOENT: 'it vanished',
  ENOTDIR: 'its directory is none any more',
  ELOOP: 'it became a symlink',
  EISDIR: 'it became a directory',
  EAGAIN: 'it became a fifo',
  ESPIPE: 'it became a fifo',
  ENXIO: 'it became a socket or a device',
};

/** The error for a system error of reading what was there a moment ago. */
export function readFailure(path: ByteString, cause: unknown): LayerError {
  const code = systemCode(cause);
  const how = CHANGES[code];
  if (how !== undefined) return sourceChanged(path, how, cause);
  return new LayerError(
    'READ_FAILED',
    `Cannot read "${displayName(path)}": ${describeSystemCode(code)}`,
    { path, cause: code },
    { cause },
  );
}
