import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type ByteString, displayName, toFsPath } from '../bytes/index.js';
import type { FileSource } from '../entry/index.js';
import { describeSystemCode, systemCode } from '../errors/index.js';
import { LayerError } from './layer-error.js';

// A name could be replaced by a fifo after the tree was read: opening that must not block, nor follow a new symlink.
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Free space that content is read into; `advance` is told how much of it was filled. */
export interface Slab {
  /** Space that is free now, at least one byte. */
  space(): Promise<Uint8Array> | Uint8Array;
  advance(sizeBytes: number): void;
}

/**
 * Reads exactly `sizeBytes` bytes of a file's content into a slab.
 *
 * A tree is one state of its files: a file that is not what it was when the tree was read is an error, not a guess.
 *
 * @throws {LayerError} SOURCE_CHANGED when the file vanished, or its size or time is another; READ_FAILED when the system
 *   refuses
 */
export async function readContent(source: FileSource, sizeBytes: number, slab: Slab): Promise<void> {
  if (source.from === 'memory') {
    if (source.bytes.length !== sizeBytes) {
      throw new LayerError(
        'CONTENT_SIZE',
        `Cannot pack content: it must have ${sizeBytes} bytes, and has ${source.bytes.length}`,
      );
    }
    let done = 0;
    while (done < sizeBytes) {
      const space = await slab.space();
      const part = source.bytes.subarray(done, done + space.length);
      space.set(part);
      slab.advance(part.length);
      done += part.length;
    }
    return;
  }
  const fd = openSource(source.path);
  try {
    let left = sizeBytes;
    while (left > 0) {
      const free = slab.space();
      // Awaiting what is there already would cost a turn of the microtask queue for each small file.
      const space = free instanceof Uint8Array ? free : await free;
      const count = readSome(fd, space, Math.min(left, space.length), source.path);
      if (count === 0)
        throw changed(source.path, `it should have ${sizeBytes} bytes, and ends after ${sizeBytes - left}`);
      slab.advance(count);
      left -= count;
    }
    const stats = fstatSync(fd);
    if (stats.size !== sizeBytes) throw changed(source.path, `it had ${sizeBytes} bytes, and has ${stats.size}`);
    if (stats.mtimeMs !== source.mtimeMs) throw changed(source.path, 'it was written to');
  } finally {
    closeSync(fd);
  }
}

function openSource(path: ByteString): number {
  try {
    return openSync(toFsPath(path), OPEN_FLAGS);
  } catch (error) {
    throw failure(path, systemCode(error), error);
  }
}

function readSome(fd: number, space: Uint8Array, sizeBytes: number, path: ByteString): number {
  try {
    return readSync(fd, space, 0, sizeBytes, null);
  } catch (error) {
    throw failure(path, systemCode(error), error);
  }
}

function changed(path: ByteString, how: string, cause?: unknown): LayerError {
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
  ENXIO: 'it became a socket or a device',
};

function failure(path: ByteString, code: string, cause: unknown): LayerError {
  const how = CHANGES[code];
  if (how !== undefined) return changed(path, how, cause);
  return new LayerError(
    'READ_FAILED',
    `Cannot read "${displayName(path)}": ${describeSystemCode(code)}`,
    { path, cause: code },
    { cause },
  );
}
