import { readdirSync, statSync } from 'node:fs';
import { type ByteString, displayText, fromFsPath, joinPath, toFsPath } from '../../bytes/index.js';
import { CompressError, createGunzip } from '../../compress/index.js';
import { describeSystemCode, systemCode } from '../../errors/index.js';
import { createTarDecoder, TarError, type TarMember } from '../../tar/index.js';
import {
  compressionOf,
  createMemberNames,
  decodeSkipping,
  MAX_MEMBERS,
  type MemberNames,
  openStoredFile,
  partOf,
  type ReadFailure,
  readPieces,
  type StoredFile,
  spoolFile,
  TransportError,
} from '../../transport/index.js';
import { checkGzipHeader } from '../check-gzip.js';
import type { Report } from '../finding.js';
import type { ImageInput, StoredFiles } from './stored-image.js';

export interface FilesOptions {
  readonly fail: ReadFailure;
  readonly report: Report;
  readonly temporaryDirectory: ByteString | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens an OCI layout or an archive. What is wrong with its content is reported, and the rest is read.
 *
 * @throws {TransportError} IMAGE_MISSING, IMAGE_INVALID where it cannot be opened, SPOOL_MISSING; {LayerError} ABORTED
 */
export async function openStoredFiles(
  input: ImageInput,
  options: FilesOptions,
): Promise<StoredFiles & { readonly sizeBytes: number | undefined }> {
  const { fail, report } = options;
  if (typeof input === 'string' && isDirectory(input, fail)) {
    return { ...directoryFiles(input, fail, report), sizeBytes: undefined };
  }
  const given = typeof input === 'string' ? openStoredFile(input, 'it', true, fail) : await spooled(input, options);
  if (given === undefined) throw fail('MISSING', 'it does not exist', { path: input });
  const { sizeBytes } = given;
  let archive = given;
  try {
    const compression = compressionOf(given);
    if (compression === 'gzip') archive = await gunzipped(given, options);
    else if (compression !== undefined) {
      report('IMAGE_UNSUPPORTED', `the archive must be uncompressed or gzip, and is ${compression}`);
    }
    return { ...archiveFiles(archive, compression === 'gzip', indexOf(archive, fail, report), report), sizeBytes };
  } catch (error) {
    archive.close();
    throw error;
  }
}

/** Reads an error of the file system or of what is stored as a finding; any other error is thrown. */
function reportUnreadable(error: unknown, report: Report): undefined {
  if (!(error instanceof TransportError)) throw error;
  report('IMAGE_UNREADABLE', error.message);
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

function directoryFiles(path: ByteString, fail: ReadFailure, report: Report): StoredFiles {
  return {
    isDirectory: true,
    archive: undefined,
    members: 0,
    isGzip: false,
    get(name) {
      try {
        return openStoredFile(joinPath(path, name as ByteString), `its file "${name}"`, false, fail);
      } catch (error) {
        return reportUnreadable(error, report);
      }
    },
    *entries() {
      for (const directory of ['', 'blobs/sha256/'] as const) {
        let names: Buffer[];
        try {
          names = readdirSync(toFsPath(joinPath(path, directory as ByteString)), { encoding: 'buffer' });
        } catch {
          // What should be in it is missing, which is found where it is asked for.
          continue;
        }
        for (const name of names.map(fromFsPath).sort()) {
          if (directory === '' && name === 'blobs') continue;
          yield [directory + name, []] as const;
        }
      }
    },
    close() {},
  };
}

function archiveFiles(
  archive: StoredFile,
  isGzip: boolean,
  { names, members }: ArchiveIndex,
  report: Report,
): StoredFiles {
  return {
    isDirectory: false,
    archive,
    members,
    isGzip,
    get(name) {
      try {
        const place = names.get(name);
        return place && partOf(archive, place.offset, Math.min(place.sizeBytes, archive.sizeBytes - place.offset));
      } catch (error) {
        return reportUnreadable(error, report);
      }
    },
    entries: names.entries,
    close: () => archive.close(),
  };
}

interface ArchiveIndex {
  readonly names: MemberNames;
  readonly members: number;
}

/** Names as far as the archive can be read; what is wrong with it is for whoever looks at its headers. */
function indexOf(archive: StoredFile, fail: ReadFailure, report: Report): ArchiveIndex {
  const names = createMemberNames(fail, (name, { startOffset: offset }) =>
    report(
      'ARCHIVE_DOCUMENT_REPEATED',
      `"${displayText(name)}" must stand in the archive once, and stands there again`,
      {
        offset,
      },
    ),
  );
  let members = 0;
  const add = (member: TarMember): void => {
    members++;
    names.add(member);
  };
  try {
    decodeSkipping(archive, createTarDecoder({ member: add }, { maxMembers: MAX_MEMBERS, sparse: true }));
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
  }
  return { names, members };
}

async function spooled(source: AsyncIterable<Uint8Array>, options: FilesOptions): Promise<StoredFile> {
  return spoolFile(options, async (append) => {
    for await (const chunk of source) {
      options.signal?.throwIfAborted();
      append(chunk);
    }
  });
}

/** Decompresses an archive into a temporary file, as far as that is possible. */
async function gunzipped(file: StoredFile, options: FilesOptions): Promise<StoredFile> {
  const { report, signal } = options;
  const result = await spoolFile(options, async (append) => {
    const gunzip = createGunzip(append, { gzipMember: (header) => checkGzipHeader(header, report, {}) });
    try {
      await readPieces(file, signal, (piece) => gunzip.push(piece));
      gunzip.finish();
    } catch (error) {
      if (!(error instanceof CompressError)) throw error;
      report('IMAGE_GZIP', error.message, { offset: error.data['offset'] as number });
    }
  });
  file.close();
  return result;
}
