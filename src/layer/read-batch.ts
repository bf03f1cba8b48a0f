import { fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs';
import { BLOCK_SIZE, blockPadding, displayName, toFsPath } from '../bytes/index.js';
import {
  type ArchiveEntry,
  applyModeChanges,
  type EntryAttributes,
  type FileIdentity,
  type FileSource,
  type ModeChanges,
} from '../entry/index.js';
import { createPlainEncoder, encodeMember, planMember, type TarOptions } from '../tar/index.js';
import { closeQuietly, OPEN_FLAGS, readFailure, sourceChanged } from './content.js';
import { LayerError } from './layer-error.js';
import {
  BATCH_FAILED,
  BATCH_WHOLE,
  type BatchMember,
  type FoundMember,
  GOES_ON,
  HANDED_ON,
  type Rest,
  type SlabEnd,
  type Stream,
} from './stream-memory.js';

/** What all members of a stream have in common that are packed as they are found. */
export interface StreamRules {
  readonly tar: TarOptions;
  /** What members can have, by the numbers that they say. */
  readonly owners: readonly Omit<EntryAttributes, 'mode'>[];
  /** A mode, changes of a member's own, or `undefined` for its own as it is. */
  readonly modes: readonly (ModeChanges | number | undefined)[];
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

/** A regular file whose header is packed and whose content is not, or not all of it. */
interface OpenFile {
  readonly fd: number;
  readonly fsPath: FoundMember['fsPath'];
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Bytes packed. */
  done: number;
}

/** What is left of a file, in bytes, that is worth handing on. */
const LONG = 4 << 20;
/** A header has no use for it, and the content is read from what is open. */
const OPENED: FileSource = { from: 'memory', bytes: new Uint8Array(0) };

/** Packs batches, one after the other, into a reader's slabs. */
export interface BatchReader {
  /** Whether the last batch is packed or handed on, and another may begin. */
  isIdle(): boolean;
  begin(batch: number): void;
  /** Begins with what another reader left of a batch. */
  goOn(rest: Rest): void;
  /** Packs until a slab is filled, or as long as one is free; to be called again when one is, until the batch is packed. */
  step(): void;
  /** Leaves what is being packed, so that no file stays open. */
  close(): void;
}

/**
 * Opens each file of a batch, takes its mode and size from it, and puts the header and the content one after the other.
 *
 * A file is what it is when it is opened, and must not change until it is closed. One that came to its end in a single
 * read is not looked at again: all that could be seen is its time, which systems count in steps longer than that.
 *
 * @param mayHandOn whether somebody is there to go on with a long file, asked when one is met
 *
 * Small functions that go from state to state, where a generator would read more easily: to compile that one, which takes in
 * all the others, cost a tenth of packing 7,000 files.
 */
export function createBatchReader(
  stream: Stream,
  reader: number,
  rules: StreamRules,
  reports: ReaderReports,
  mayHandOn: () => boolean = () => false,
): BatchReader {
  const { tar, owners, modes, outputs } = rules;
  const plain = owners.map((attributes) => createPlainEncoder(attributes, tar));
  let batch = -1;
  let members: readonly BatchMember[] = [];
  /** The member that comes next. */
  let next = 0;
  let slab: Uint8Array | undefined;
  let used = 0;
  // What is left of the member before: a header that did not fit the slab, then a content.
  let header: Uint8Array | undefined;
  let file: OpenFile | undefined;
  let isFailed = false;
  let isHandedOn = false;

  const fill = (end: SlabEnd): void => {
    stream.fill(reader, used, end);
    slab = undefined;
    used = 0;
    if (end !== GOES_ON) batch = -1;
    isHandedOn = false;
  };
  const putHeader = (member: FoundMember, fileMode: number, isDirectory: boolean, sizeBytes: number): void => {
    const mode = modeByRule(modes[member.mode], fileMode & 0o7777, isDirectory);
    // Slabs are whole blocks, and this one is not full.
    if (plain[member.owner]!.encode(member.path, isDirectory, mode, sizeBytes, slab!, used)) {
      used += BLOCK_SIZE;
      return;
    }
    const plan = planMember(entryOf(member, mode, isDirectory, sizeBytes, owners[member.owner]!), tar);
    if (plan.headerSizeBytes <= slab!.length - used) {
      encodeMember(plan, slab!, used);
      used += plan.headerSizeBytes;
    } else {
      header = new Uint8Array(plan.headerSizeBytes);
      encodeMember(plan, header, 0);
    }
  };
  const goOnWithHeader = (rest: Uint8Array): void => {
    const part = rest.subarray(0, slab!.length - used);
    slab!.set(part, used);
    used += part.length;
    header = part.length === rest.length ? undefined : rest.subarray(part.length);
  };
  const beginFile = (member: FoundMember): void => {
    const { fsPath } = member;
    const fd = openFile(fsPath);
    const { size: sizeBytes, mtimeMs, mode, dev, ino } = describe(fd, fsPath);
    file = { fd, fsPath, sizeBytes, mtimeMs, done: 0 };
    const output = outputs.find(({ device, inode }) => dev === device && ino === inode);
    if (output !== undefined) {
      closeFile();
      reports.leftOut(batch, member, output);
      return;
    }
    putHeader(member, mode, false, sizeBytes);
  };
  const beginMember = (member: BatchMember): void => {
    if (member.kind === 'file') beginFile(member);
    else if (member.kind === 'encoded') header = member.bytes;
    else {
      const stats = lookAt(member.fsPath);
      if (!stats.isDirectory()) throw notAsListed(member.fsPath, 'a directory');
      putHeader(member, stats.mode, true, 0);
    }
  };
  const closeFile = (): void => {
    const { fd } = file!;
    file = undefined;
    closeQuietly(fd);
  };
  const handOn = ({ fd, sizeBytes, mtimeMs, done }: OpenFile): void => {
    isHandedOn = stream.offer({ batch, member: next - 1, fd, sizeBytes, mtimeMs, done });
    if (isHandedOn) file = undefined;
  };
  const goOnWithFile = (open: OpenFile): void => {
    const { sizeBytes, done } = open;
    if (sizeBytes - done >= LONG && mayHandOn()) {
      handOn(open);
      if (isHandedOn) return;
    }
    let isWhole = sizeBytes === 0;
    if (!isWhole) {
      // One byte more than there should be, where there is room: who gets less than that has come to the end.
      const wanted = Math.min(sizeBytes + 1 - done, slab!.length - used);
      const count = readInto(slab!, used, wanted, open);
      isWhole = count === sizeBytes && count < wanted;
      open.done += count;
      used += count;
    }
    if (open.done < sizeBytes) return;
    if (!isWhole) checkUnchanged(open);
    closeFile();
    const padding = blockPadding(sizeBytes);
    if (padding === 0) return;
    // Slabs are whole blocks: what is left of a content's last one is in the same slab.
    slab!.fill(0, used, used + padding);
    used += padding;
  };
  /** @returns how the slab that is packed ends; `undefined` while there is room in it, and more to pack */
  const endOfSlab = (): SlabEnd | undefined => {
    if (isFailed) return BATCH_FAILED;
    if (isHandedOn) return HANDED_ON;
    if (used === slab!.length) return GOES_ON;
    return header === undefined && file === undefined && next === members.length ? BATCH_WHOLE : undefined;
  };
  const stepOn = (): void => {
    slab ??= stream.freeSlab(reader);
    if (slab === undefined) return;
    let end = endOfSlab();
    for (; end === undefined; end = endOfSlab()) {
      if (header !== undefined) goOnWithHeader(header);
      else if (file !== undefined) goOnWithFile(file);
      else beginMember(members[next++]!);
    }
    fill(end);
  };
  const close = (): void => {
    if (file !== undefined) closeFile();
    header = undefined;
  };

  return {
    isIdle: () => batch < 0,
    begin(number) {
      batch = number;
      members = stream.members(number);
      next = 0;
    },
    goOn({ batch: number, member, fd, sizeBytes, mtimeMs, done }) {
      batch = number;
      members = stream.members(number);
      next = member + 1;
      file = { fd, fsPath: (members[member] as FoundMember).fsPath, sizeBytes, mtimeMs, done };
    },
    step() {
      try {
        stepOn();
      } catch (error) {
        close();
        reports.failed(batch, error);
        isFailed = true;
        used = 0;
        stepOn();
      }
    },
    close,
  };
}

function entryOf(
  { path, originalPath }: FoundMember,
  mode: number,
  isDirectory: boolean,
  sizeBytes: number,
  attributes: StreamRules['owners'][number],
): ArchiveEntry {
  return {
    ...attributes,
    path,
    originalPath: originalPath === '' ? path : originalPath,
    body: isDirectory ? { type: 'directory' } : { type: 'file', sizeBytes, source: OPENED },
    mode,
  };
}

/** A member's mode by a rule. */
export function modeByRule(rule: StreamRules['modes'][number], own: number, isDirectory: boolean): number {
  if (typeof rule === 'number') return rule;
  return rule === undefined ? own : applyModeChanges(rule, own, isDirectory);
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
    // A symlink, a socket, a device: each system has its own codes for what is no file and cannot be opened.
    if (isOther(fsPath)) throw notAsListed(fsPath, 'a regular file', error);
    throw readFailure(fsPath, error);
  }
}

/** Whether something is there that is no regular file. */
function isOther(fsPath: FoundMember['fsPath']): boolean {
  try {
    return !lstatSync(toFsPath(fsPath)).isFile();
  } catch {
    return false;
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
    closeQuietly(fd);
    throw error;
  }
}

/** Reads what comes next of a file. @returns bytes read, at least 1, and none that it should not have */
function readInto(
  slab: Uint8Array,
  offset: number,
  wanted: number,
  { fd, fsPath, sizeBytes, done: position }: OpenFile,
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
