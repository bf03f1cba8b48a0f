import { fstatSync, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { type ByteString, directoryName, displayName, joinPath, toFsPath } from '../../bytes/index.js';
import type { FileIdentity } from '../../entry/index.js';
import { describeSystemCode, systemCode } from '../../errors/index.js';
import { TransportError } from '../transport-error.js';

/** A regular file, there or not: written beside the target and renamed. */
export interface FileTarget {
  readonly kind: 'file';
  readonly path: ByteString;
  readonly identity: FileIdentity | undefined;
  readonly mode: number | undefined;
}

/** Where an output goes, decided before anything is read. */
export type OutputTarget =
  | { readonly kind: 'stdout'; readonly identity: FileIdentity | undefined }
  | FileTarget
  /** Whatever the caller does with the bytes. `identity` is of a file that must not be a member. */
  | {
      readonly kind: 'sink';
      readonly take: (bytes: Uint8Array) => void | Promise<void>;
      readonly identity: FileIdentity | undefined;
    }
  /** A fifo or a device: written as a stream. */
  | { readonly kind: 'stream'; readonly path: ByteString; readonly identity: undefined }
  | {
      readonly kind: 'directory';
      readonly path: ByteString;
      readonly identity: FileIdentity | undefined;
      readonly exists: boolean;
    };

/** Most outputs are not there yet, and to make an error of it takes ten times as long as to look. */
const WITHOUT_ERROR = { throwIfNoEntry: false } as const;

/** Links that are followed before a target counts as a loop, as in Linux. */
const MAX_LINKS = 40;

/**
 * Looks at the target of an archive: `-` is standard output, a symlink is followed, a directory is refused.
 *
 * @throws {TransportError} OUTPUT_INVALID
 */
export function archiveTarget(path: ByteString): OutputTarget {
  if (path === '-') return { kind: 'stdout', identity: stdoutIdentity() };
  // Links such as /dev/stdout lead to what has no path of its own: anything that is no file is opened as it was given.
  const given = statOf(path);
  if (given !== undefined && !given.isFile() && !given.isDirectory() && !given.isSocket()) {
    return { kind: 'stream', path, identity: undefined };
  }
  const real = followLinks(path);
  const stats = statOf(real);
  if (stats === undefined) {
    if (real.endsWith('/')) throw invalid(path, 'it names a directory, and an archive is a file');
    checkParent(real, path);
    return { kind: 'file', path: real, identity: undefined, mode: undefined };
  }
  if (stats.isDirectory()) throw invalid(path, 'it is a directory, and an archive is a file');
  if (stats.isSocket()) throw invalid(path, 'it is a socket');
  return { kind: 'file', path: real, identity: regularIdentity(stats), mode: stats.mode & 0o7777 };
}

/**
 * Looks at the target of an OCI layout: a directory that is missing, empty or already a layout.
 *
 * @throws {TransportError} OUTPUT_INVALID
 */
export function directoryTarget(path: ByteString, isAcceptable: (directory: ByteString) => boolean): OutputTarget {
  if (path === '-') throw invalid(path, 'an OCI layout is a directory, and cannot go to standard output');
  const trimmed = (path.replace(/\/+$/, '') || '/') as ByteString;
  const real = followLinks(trimmed);
  const stats = statOf(real);
  if (stats === undefined) {
    checkParent(real, path);
    return { kind: 'directory', path: real, identity: undefined, exists: false };
  }
  if (!stats.isDirectory()) throw invalid(path, 'it is no directory, and an OCI layout is one');
  if (!isAcceptable(real)) throw invalid(path, 'it is a directory that is neither empty nor an OCI layout');
  return { kind: 'directory', path: real, identity: { device: stats.dev, inode: stats.ino }, exists: true };
}

function followLinks(path: ByteString): ByteString {
  let current = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    let stats: Stats | undefined;
    try {
      stats = lstatSync(toFsPath(current), WITHOUT_ERROR);
    } catch (error) {
      const code = systemCode(error);
      throw invalid(path, code === 'ENOTDIR' ? 'a part of its path is no directory' : describeSystemCode(code), error);
    }
    if (!stats?.isSymbolicLink()) return current;
    const target = readlinkSync(toFsPath(current), 'latin1') as ByteString;
    current = target.startsWith('/') ? target : joinPath(directoryName(current), target);
  }
  throw invalid(path, `it is a chain of more than ${MAX_LINKS} symlinks`);
}

function statOf(path: ByteString): Stats | undefined {
  try {
    return statSync(toFsPath(path), WITHOUT_ERROR);
  } catch (error) {
    throw invalid(path, describeSystemCode(systemCode(error)), error);
  }
}

function checkParent(path: ByteString, given: ByteString): void {
  const parent = directoryName(path);
  const stats = statOf(parent);
  if (stats === undefined) throw invalid(given, `the directory "${displayName(parent)}" does not exist`);
  if (!stats.isDirectory()) throw invalid(given, `"${displayName(parent)}" is no directory`);
}

/** Standard output may be closed, which is found when it is written. */
function stdoutIdentity(): FileIdentity | undefined {
  try {
    return regularIdentity(fstatSync(1));
  } catch {
    return undefined;
  }
}

/** What tells a file from every other; `undefined` of what is no regular file. */
function regularIdentity(stats: Stats): FileIdentity | undefined {
  return stats.isFile() ? { device: stats.dev, inode: stats.ino } : undefined;
}

function invalid(path: ByteString, why: string, cause?: unknown): TransportError {
  return new TransportError(
    'OUTPUT_INVALID',
    `Cannot write the output "${displayName(path)}": ${why}`,
    { path },
    { cause },
  );
}

/** The identity of a regular file that is there. */
export function identityOf(path: ByteString): FileIdentity | undefined {
  const stats = statOf(path);
  return stats && regularIdentity(stats);
}
