import { closeSync, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs';
import { blockPadding, displayName, toFsPath } from '../bytes/index.js';
import {
  type ArchiveEntry,
  applyModeChanges,
  type EntryAttributes,
  type FileIdentity,
  type FileSource,
  type ModeChanges,
} from '../entry/index.js';
import { systemCode } from '../errors/index.js';
import { encodeMember, planMember, type TarOptions } from '../tar/index.js';
import { OPEN_FLAGS, readFailure, sourceChanged } from './content.js';
import { LayerError } from './layer-error.js';
import {
  BATCH_FAILED,
  BATCH_WHOLE,
  type BatchMember,
  type FoundMember,
  GOES_ON,
  type SlabEnd,
  type Stream,
} from './stream-memory.js';

/** What all members of a stream have in common that are packed as they are found. */
export interface StreamRules {
  readonly tar: TarOptions;
  /** `mode` is a file's own, changed by `modeChanges`. */
  readonly attributes: Omit<EntryAttributes, 'mode'>;
  readonly modeChanges: ModeChanges | undefined;
  /** Never members. */
  readonly outputs: readonly FileIdentity[];
}

/** Who is told what a reader meets. */
export interface ReaderReports {
  /** A batch cannot be packed: {LayerError} SOURCE_CHANGED, READ_FAILED, NOT_AS_LISTED; {TarError} as `planMember`. */
  failed(batch: number, error: unknown): void;
  /** A member is left out, as it is one of the outputs. */
  leftOut(batch: number, member: FoundMember, output: FileIdentity): void;
}

/** A regular file whose header is packed and whose content is not. */
interface OpenFile {
  readonly fd: number;
  readonly fsPath: FoundMember['fsPath'];
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

const DIRECTORY: ArchiveEntry['body'] = { type: 'directory' };
/** A header has no use for it, and the content is read from what is open. */
const OPENED: FileSource = { from: 'memory', bytes: new Uint8Array(0) };

/**
 * Packs a batch into a reader's slabs: opens each file, takes its mode and size from it, and puts the header and the
 * content one after the other.
 *
 * A file is what it is when it is opened, and must not change until it is closed. One that came to its end in a single
 * read is not looked at again: all that could be seen is its time, which systems count in steps longer than that.
 *
 * Stops (`yield`) when a slab is filled, and as long as the next one is not free. Whoever does not call it to its end must
 * `return()` it, so that no file stays open.
 */
export function* readBatch(
  stream: Stream,
  reader: number,
  batch: number,
  rules: StreamRules,
  reports: ReaderReports,
): Generator<void, void> {
  let slab: Uint8Array | undefined;
  let used = 0;
  let file: OpenFile | undefined;

  const fill = (end: SlabEnd): void => {
    stream.fill(reader, used, end);
    slab = undefined;
    used = 0;
  };
  function* nextSlab(): Generator<void, void> {
    if (slab !== undefined) {
      fill(GOES_ON);
      yield;
    }
    yield* freeSlab();
  }
  function* freeSlab(): Generator<void, void> {
    slab ??= stream.freeSlab(reader);
    for (; slab === undefined; slab = stream.freeSlab(reader)) yield;
  }
  /** @returns the header, where it does not fit what is left of the slab */
  const putHeader = (entry: ArchiveEntry): Uint8Array | undefined => {
    const plan = planMember(entry, rules.tar);
    if (plan.headerSizeBytes <= slab!.length - used) {
      encodeMember(plan, slab!, used);
      used += plan.headerSizeBytes;
      return undefined;
    }
    const header = new Uint8Array(plan.headerSizeBytes);
    encodeMember(plan, header, 0);
    return header;
  };
  /** Opens a file; what is left of its header as {@link putHeader}. */
  const begin = (member: BatchMember): Uint8Array | undefined => {
    if (member.kind === 'encoded') return member.bytes;
    const { fsPath } = member;
    if (member.kind === 'directory') {
      const stats = lookAt(fsPath);
      if (!stats.isDirectory()) throw notAsListed(fsPath, 'a directory');
      return putHeader(entryOf(member, stats.mode, DIRECTORY, rules));
    }
    const fd = openFile(fsPath);
    const { size: sizeBytes, mtimeMs, mode, dev, ino } = describe(fd, fsPath);
    file = { fd, fsPath, sizeBytes, mtimeMs };
    const output = rules.outputs.find(({ device, inode }) => dev === device && ino === inode);
    if (output !== undefined) {
      end();
      reports.leftOut(batch, member, output);
      return undefined;
    }
    const body = { type: 'file', sizeBytes, source: OPENED } as const;
    return putHeader(entryOf(member, mode, body, rules));
  };
  const end = (): void => {
    const { fd } = file!;
    file = undefined;
    closeSync(fd);
  };

  try {
    for (const member of stream.members(batch)) {
      if (slab === undefined || used === slab.length) yield* nextSlab();
      const header = begin(member);
      for (let done = 0; header !== undefined && done < header.length; ) {
        if (used === slab!.length) yield* nextSlab();
        const part = header.subarray(done, done + slab!.length - used);
        slab!.set(part, used);
        used += part.length;
        done += part.length;
      }
      if (file === undefined) continue;

      const { sizeBytes } = file;
      let isWhole = sizeBytes === 0;
      for (let done = 0; done < sizeBytes; ) {
        if (used === slab!.length) yield* nextSlab();
        // One byte more than there should be, where there is room: who gets less than that has come to the end.
        const wanted = Math.min(sizeBytes + 1 - done, slab!.length - used);
        const count = readInto(slab!, used, wanted, file, done);
        isWhole = count === sizeBytes && count < wanted;
        done += count;
        used += count;
      }
      if (!isWhole) checkUnchanged(file);
      end();
      const padding = blockPadding(sizeBytes);
      // Slabs are whole blocks: what is left of a content's last one is in the same slab.
      slab!.fill(0, used, used + padding);
      used += padding;
    }
    if (slab === undefined) yield* nextSlab();
    fill(BATCH_WHOLE);
  } catch (error) {
    if (file !== undefined) end();
    reports.failed(batch, error);
    used = 0;
    yield* freeSlab();
    fill(BATCH_FAILED);
  } finally {
    if (file !== undefined) end();
  }
}

function entryOf(
  { path, originalPath }: FoundMember,
  fileMode: number,
  body: ArchiveEntry['body'],
  { attributes, modeChanges }: StreamRules,
): ArchiveEntry {
  const { uid, gid, uname, gname, mtimeSeconds } = attributes;
  const own = fileMode & 0o7777;
  const mode = modeChanges === undefined ? own : applyModeChanges(modeChanges, own, body.type === 'directory');
  return {
    path,
    originalPath: originalPath === '' ? path : originalPath,
    body,
    mode,
    uid,
    gid,
    uname,
    gname,
    mtimeSeconds,
  };
}

function lookAt(fsPath: FoundMember['fsPath']): Stats {
  try {
    return lstatSync(toFsPath(fsPath));
  } catch (error) {
    throw readFailure(fsPath, error);
  }
}

function openFile(fsPath: FoundMember['fsPath']): number {
  try {
    return openSync(toFsPath(fsPath), OPEN_FLAGS);
  } catch (error) {
    // A symlink, a socket, a device that nothing stands behind.
    if (['ELOOP', 'ENXIO'].includes(systemCode(error))) throw notAsListed(fsPath, 'a regular file', error);
    throw readFailure(fsPath, error);
  }
}

/** A directory lists what is below a mount, not what is mounted there: a device or a socket over an empty file, say. */
function notAsListed(path: FoundMember['fsPath'], what: string, cause?: unknown): LayerError {
  return new LayerError(
    'NOT_AS_LISTED',
    `Cannot pack "${displayName(path)}" as it was listed: it must be ${what}, and is none`,
    { path },
    { cause },
  );
}

/** @throws {LayerError} when it is no regular file; it is closed then */
function describe(fd: number, fsPath: FoundMember['fsPath']): Stats {
  try {
    const stats = statOf(fd, fsPath);
    if (stats.isFile()) return stats;
    throw notAsListed(fsPath, 'a regular file');
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Reads what comes next of a file. @returns bytes read, at least 1, and none that it should not have */
function readInto(
  slab: Uint8Array,
  offset: number,
  wanted: number,
  { fd, fsPath, sizeBytes }: OpenFile,
  position: number,
): number {
  let count: number;
  try {
    count = readSync(fd, slab, offset, wanted, null);
  } catch (error) {
    throw readFailure(fsPath, error);
  }
  if (count === 0) throw sourceChanged(fsPath, `it had ${sizeBytes} bytes, and ends after ${position}`);
  if (position + count > sizeBytes) throw sourceChanged(fsPath, `it had ${sizeBytes} bytes, and has more`);
  return count;
}

function checkUnchanged({ fd, fsPath, sizeBytes, mtimeMs }: OpenFile): void {
  const stats = statOf(fd, fsPath);
  if (stats.size !== sizeBytes) throw sourceChanged(fsPath, `it had ${sizeBytes} bytes, and has ${stats.size}`);
  if (stats.mtimeMs !== mtimeMs) throw sourceChanged(fsPath, 'it was written to');
}

function statOf(fd: number, fsPath: FoundMember['fsPath']): Stats {
  try {
    return fstatSync(fd);
  } catch (error) {
    throw readFailure(fsPath, error);
  }
}
