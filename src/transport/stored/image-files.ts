import { statSync } from 'node:fs';
import { type ByteString, joinPath, toFsPath } from '../../bytes/index.js';
import { createGunzip } from '../../compress/index.js';
import { describeSystemCode, systemCode } from '../../errors/index.js';
import { createMemberIndexer, indexArchive, type MemberIndex } from './member-index.js';
import { explainError, type ReadFailure } from './read-failure.js';
import { type SpoolOptions, spoolFile } from './spool-file.js';
import { openStoredFile, partOf, readBytes, readPieces, type StoredFile } from './stored-file.js';

/** The files of an image, whether they are in a directory or in an archive. */
export interface ImageFiles {
  readonly isDirectory: boolean;
  /**
   * @param name a path below the image; in a directory one that holds no name from the image but a digest's digits
   * @returns `undefined` where there is no such file; else the caller closes it
   * @throws {TransportError} BASE_INVALID when it is none that can be read
   */
  get(name: string): StoredFile | undefined;
  close(): void;
}

export interface ImageFilesOptions extends SpoolOptions {
  readonly signal?: AbortSignal | undefined;
}

/** First bytes of what compresses archives and layers; any byte where bzip2 has its level. */
const COMPRESSIONS: readonly (readonly [name: string, magic: readonly (number | undefined)[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['bzip2', [0x42, 0x5a, 0x68, undefined, 0x31, 0x41, 0x59, 0x26]],
];

/** The compression of a file by its first bytes; `undefined` where there is none. */
export function compressionOf(file: StoredFile): string | undefined {
  const start = readBytes(file, 0, 8);
  return COMPRESSIONS.find(([, magic]) => magic.every((byte, at) => byte === undefined || start[at] === byte))?.[0];
}

/**
 * Opens an OCI layout, or an archive with or without gzip.
 *
 * @throws {TransportError} BASE_MISSING, BASE_INVALID, BASE_UNSUPPORTED, SPOOL_MISSING; {LayerError} ABORTED
 */
export async function openImageFiles(path: ByteString, options: ImageFilesOptions): Promise<ImageFiles> {
  const { fail } = options;
  if (isDirectory(path, fail)) return directoryFiles(path, fail);
  const file = openStoredFile(path, 'it', true, fail);
  if (file === undefined) throw fail('MISSING', 'it does not exist', { path });
  try {
    const compression = compressionOf(file);
    if (compression === undefined) return archiveFiles(file, indexArchive(file, fail));
    if (compression !== 'gzip') {
      throw fail('UNSUPPORTED', `its archive must be uncompressed or gzip, and is ${compression}`);
    }
    return await spooledFiles(file, options);
  } catch (error) {
    file.close();
    throw error;
  }
}

function isDirectory(path: ByteString, fail: ReadFailure): boolean {
  try {
    return statSync(toFsPath(path)).isDirectory();
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') throw fail('MISSING', 'it does not exist', { path }, error);
    throw fail('INVALID', `it cannot be read: ${describeSystemCode(code)}`, { path }, error);
  }
}

function directoryFiles(path: ByteString, fail: ReadFailure): ImageFiles {
  return {
    isDirectory: true,
    get: (name) => openStoredFile(joinPath(path, name as ByteString), `its file "${name}"`, false, fail),
    close() {},
  };
}

function archiveFiles(file: StoredFile, members: MemberIndex): ImageFiles {
  return {
    isDirectory: false,
    get(name) {
      const place = members.get(name);
      return place && partOf(file, place.offset, place.sizeBytes);
    },
    close: () => file.close(),
  };
}

/** Decompresses an archive into a temporary file, and indexes it on the way: what is no archive ends at once. */
async function spooledFiles(file: StoredFile, options: ImageFilesOptions): Promise<ImageFiles> {
  const { fail, signal } = options;
  const indexer = createMemberIndexer(fail);
  const spooled = await spoolFile(options, async (append) => {
    const gunzip = createGunzip((bytes) => {
      append(bytes);
      indexer.decoder.push(bytes);
    });
    try {
      await readPieces(file, signal, (piece) => gunzip.push(piece));
      gunzip.finish();
    } catch (error) {
      throw explainError(error, 'its archive', fail);
    }
  });
  try {
    const members = indexer.finish();
    file.close();
    return archiveFiles(spooled, members);
  } catch (error) {
    spooled.close();
    throw error;
  }
}
