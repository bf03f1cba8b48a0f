import { closeSync, fchmodSync, openSync, readSync, renameSync, unlinkSync } from 'node:fs';
import { type ByteString, baseName, directoryName, displayName, joinPath, toFsPath } from '../../bytes/index.js';
import { describeSystemCode, systemCode } from '../../errors/index.js';
import { closeQuietly, type FileRegion, writeFullyAt } from '../../layer/index.js';
import { TransportError } from '../transport-error.js';
import type { FileTarget } from './target.js';

/** A file that is written at any offset, in a temporary file beside its target, and appears whole or not at all. */
export interface AtomicFile {
  /** @throws {TransportError} OUTPUT_FAILED */
  writeAt(bytes: Uint8Array, position: number): void;
  /** The file from an offset on, for a stream to be written into before this one is committed or discarded. */
  region(position: number): FileRegion;
  /** Renames the file over its target, or to `path`. @throws {TransportError} OUTPUT_FAILED, the target untouched */
  commit(path?: ByteString): void;
  /** Removes the temporary file; nothing after {@link commit}. */
  discard(): void;
}

/**
 * @param mode permission bits of the finished file; `undefined` for the system's default
 * @param shown how messages name the output, where `target` is a part of it
 * @throws {TransportError} OUTPUT_INVALID when no file can be made there
 */
export function openAtomicFile(target: ByteString, mode: number | undefined, shown: ByteString = target): AtomicFile {
  const { fd, path } = openTemporary(target);
  let open = true;
  const failed = (error: unknown): TransportError => outputFailed(shown, error);
  return {
    writeAt(bytes, position) {
      try {
        writeFullyAt(fd, bytes, position);
      } catch (error) {
        throw failed(error);
      }
    },
    region: (position) => ({ fd, position, failed }),
    commit(finalPath = target) {
      try {
        if (mode !== undefined) fchmodSync(fd, mode);
        // Closing reports what a network file system could not store: it comes before the rename.
        open = false;
        closeSync(fd);
        renameSync(toFsPath(path), toFsPath(finalPath));
      } catch (error) {
        unlinkQuietly(path);
        throw failed(error);
      }
    },
    discard() {
      if (!open) return;
      open = false;
      closeQuietly(fd);
      unlinkQuietly(path);
    },
  };
}

/**
 * Writes a target by `write`: it appears when that is done, and is untouched when that fails.
 *
 * @throws {TransportError} OUTPUT_INVALID, OUTPUT_FAILED; whatever `write` throws
 */
export async function writeAtomically<T>(target: FileTarget, write: (file: AtomicFile) => Promise<T>): Promise<T> {
  const file = openAtomicFile(target.path, target.mode);
  try {
    const result = await write(file);
    file.commit();
    return result;
  } finally {
    file.discard();
  }
}

/** A temporary file without a name, for what must be read again before it can be written. */
export interface Spool {
  append(bytes: Uint8Array): void;
  /** Reads up to `into.length` bytes at `position`; the number of bytes read. */
  readAt(into: Uint8Array, position: number): number;
  close(): void;
}

/** @param directory where the temporary file is made; its name is removed at once where the system allows */
export function openSpool(directory: ByteString): Spool {
  const { fd, path } = openTemporary(joinPath(directory, 'spool' as ByteString));
  let unlinked = unlinkQuietly(path);
  let end = 0;
  return {
    append(bytes) {
      try {
        writeFullyAt(fd, bytes, end);
      } catch (error) {
        throw outputFailed(path, error);
      }
      end += bytes.length;
    },
    readAt: (into, position) => readSync(fd, into, 0, into.length, position),
    close() {
      closeQuietly(fd);
      if (!unlinked) unlinked = unlinkQuietly(path);
    },
  };
}

function openTemporary(target: ByteString): { fd: number; path: ByteString } {
  const directory = directoryName(target);
  // A file name has at most 255 bytes; the rest is room for what is put around it.
  const base = baseName(target).slice(0, 200);
  for (let attempt = 0; ; attempt++) {
    const path = joinPath(directory, `.${base}.tarseal-${attempt}.tmp` as ByteString);
    try {
      return { fd: openSync(toFsPath(path), 'wx+', 0o666), path };
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EEXIST') continue;
      throw new TransportError(
        'OUTPUT_INVALID',
        `Cannot write the output "${displayName(target)}": no file can be made in "${displayName(directory)}": ${describeSystemCode(code)}`,
        { path: target, cause: code },
        { cause: error },
      );
    }
  }
}

function unlinkQuietly(path: ByteString): boolean {
  try {
    unlinkSync(toFsPath(path));
    return true;
  } catch {
    return false;
  }
}

export function outputFailed(target: ByteString, error: unknown): TransportError {
  const code = systemCode(error);
  return new TransportError(
    'OUTPUT_FAILED',
    `Cannot write the output "${target === '-' ? 'standard output' : displayName(target)}": ${describeSystemCode(code)}`,
    { path: target, cause: code },
    { cause: error },
  );
}
