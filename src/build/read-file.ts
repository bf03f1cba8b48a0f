import { fstatSync, openSync, readSync } from 'node:fs';
import { displayText, encodeUtf8, toFsPath } from '../bytes/index.js';
import { describeSystemCode, systemCode } from '../errors/index.js';
import { closeQuietly } from '../layer/index.js';
import { BuildError } from './build-error.js';

/** The largest JSON or YAML file that is read, in bytes: what registries accept as a config or manifest. */
const MAX_DOCUMENT_SIZE: number = 4 << 20;

/** The first buffer for a file that does not say how large it is, in bytes. */
const FIRST_BUFFER: number = 1 << 16;

/**
 * Reads a text file of at most {@link MAX_DOCUMENT_SIZE} bytes.
 *
 * @param option that names the file, for messages
 * @throws {BuildError} SPEC_FILE as {@link readFileBounded}, and when it is not UTF-8
 */
export function readDocument(path: string, option: string): string {
  const bytes = readFileBounded(path, option, MAX_DOCUMENT_SIZE);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw fileError(path, option, 'it must be UTF-8, and is not', error);
  }
}

/**
 * Reads a file whole; it may be a device or a pipe, which do not say how many bytes they have.
 *
 * @throws {BuildError} SPEC_FILE when it is missing, unreadable or larger than `limitBytes`
 */
export function readFileBounded(path: string, option: string, limitBytes: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    const fd = openSync(toFsPath(encodeUtf8(path)), 'r');
    try {
      bytes = readUpTo(fd, limitBytes + 1);
    } finally {
      closeQuietly(fd);
    }
  } catch (error) {
    const code = systemCode(error);
    throw fileError(path, option, code === 'ENOENT' ? 'it does not exist' : describeSystemCode(code), error);
  }
  if (bytes.length > limitBytes)
    throw fileError(path, option, `it must have at most ${limitBytes} bytes, and has more`);
  return bytes;
}

function readUpTo(fd: number, limitBytes: number): Uint8Array {
  let bytes = new Uint8Array(Math.min(Math.max(fstatSync(fd).size + 1, FIRST_BUFFER), limitBytes));
  let size = 0;
  while (size < limitBytes) {
    if (size === bytes.length) {
      const larger = new Uint8Array(Math.min(bytes.length * 2, limitBytes));
      larger.set(bytes);
      bytes = larger;
    }
    const count = readSync(fd, bytes, size, bytes.length - size, null);
    if (count === 0) break;
    size += count;
  }
  return bytes.subarray(0, size);
}

function fileError(path: string, option: string, problem: string, cause?: unknown): BuildError {
  return new BuildError('SPEC_FILE', `Cannot read ${option} "${displayText(path)}": ${problem}`, { path }, { cause });
}
