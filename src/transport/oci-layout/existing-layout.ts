import { constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { type ByteString, displayName, joinPath, toFsPath } from '../../bytes/index.js';
import { describeSystemCode, systemCode } from '../../errors/index.js';
import { closeQuietly } from '../../layer/index.js';
import { TransportError } from '../transport-error.js';
import { parseIndexJson } from './merge-index.js';

/** The largest `index.json` or `oci-layout` that is read back, in bytes; registries accept manifests of 4 MiB. */
const MAX_JSON_SIZE = 4 << 20;

/** Where the images of a layout are listed. */
export const INDEX: ByteString = 'index.json' as ByteString;

/**
 * Whether a directory is empty or holds an OCI layout of version 1.0.0.
 *
 * @throws {TransportError} OUTPUT_INVALID when it is a layout whose `index.json` cannot be added to
 */
export function isEmptyOrOciLayout(directory: ByteString): boolean {
  try {
    if (readdirSync(toFsPath(directory)).length === 0) return true;
  } catch (error) {
    throw unreadableLayout(directory, error);
  }
  const text = readSmallFile(joinPath(directory, 'oci-layout' as ByteString));
  if (text === undefined || !isLayoutVersion(text)) return false;
  const index = joinPath(directory, INDEX);
  const existing = readSmallFile(index);
  if (existing !== undefined) parseIndexJson(existing, index);
  return true;
}

function isLayoutVersion(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return (
      typeof value === 'object' &&
      value !== null &&
      'imageLayoutVersion' in value &&
      value.imageLayoutVersion === '1.0.0'
    );
  } catch {
    return false;
  }
}

function unreadableLayout(path: ByteString, error: unknown): TransportError {
  return new TransportError(
    'OUTPUT_INVALID',
    `Cannot read "${displayName(path)}": ${describeSystemCode(systemCode(error))}`,
    { path },
    { cause: error },
  );
}

/**
 * Reads a document of an existing layout.
 *
 * @returns its text; `undefined` where there is no such file
 * @throws {TransportError} OUTPUT_INVALID when it is no regular file, too large or unreadable
 */
export function readSmallFile(path: ByteString): string | undefined {
  try {
    // What is there may be anybody's: a fifo must not block, and a symlink must not lead elsewhere.
    const fd = openSync(toFsPath(path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) {
        throw new TransportError(
          'OUTPUT_INVALID',
          `Cannot read "${displayName(path)}": it must be a regular file, and is none`,
          { path },
        );
      }
      const { size } = stats;
      if (size > MAX_JSON_SIZE) {
        throw new TransportError(
          'OUTPUT_INVALID',
          `Cannot read "${displayName(path)}": it must have at most ${MAX_JSON_SIZE} bytes, and has ${size}`,
          { path },
        );
      }
      const bytes = Buffer.alloc(size);
      const count = readSync(fd, bytes, 0, size, 0);
      return bytes.toString('utf8', 0, count);
    } finally {
      closeQuietly(fd);
    }
  } catch (error) {
    if (error instanceof TransportError) throw error;
    if (systemCode(error) === 'ENOENT') return undefined;
    throw unreadableLayout(path, error);
  }
}
