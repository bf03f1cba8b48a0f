import { BLOCK_SIZE, roundUp } from '../bytes/index.js';
import type { HashEngine } from '../digest/index.js';
import type { ArchiveEntry, FileIdentity } from '../entry/index.js';
import { encodeMember, planMember, trailerSize } from '../tar/index.js';
import { closeQuietly } from './content.js';
import { LayerError, throwIfAborted } from './layer-error.js';
import { nextTurn } from './next-turn.js';
import { type FileRegion, writeFullyAt } from './output.js';
import { createBatchReader, type ReaderReports, type StreamRules } from './read-batch.js';
import type { SealedLayer } from './sealing.js';
import { leaveSharedMemory } from './shared-memory.js';
import { OutputFailure } from './slab-job.js';
import {
  allocateStream,
  BATCH_FAILED,
  BATCH_MEMBERS,
  type BatchMember,
  type FilledSlab,
  type FoundMember,
  openStream,
  type Stream,
  TEXT_SIZE,
} from './stream-memory.js';
import { canShareMemory, startWorkers, type WorkerPool } from './worker-pool.js';
import { type LeftOutReport, type StreamWorkerStart, WRITING } from './worker-protocol.js';

/**
 * A member of a stream: one whose mode, size and content are those of the file when it is opened, or one that is as it
 * says, with no content but what is in memory.
 */
export type StreamMember = FoundMember | ArchiveEntry;

/** Members in their order; asked for one after the other, while those before are packed. */
export type StreamMembers = Iterator<StreamMember, unknown>;

export interface StreamRequest {
  /** Of each archive. They follow each other in the output, and need not all have ended before the first is packed. */
  readonly archives: readonly StreamMembers[];
  readonly rules: StreamRules;
  /** Bytes that an archive's size is a multiple of. */
  readonly recordSizeBytes: number;
  /** Bytes that are left alone between an archive and the next; default 0. */
  readonly gapBytes?: number | undefined;
  /** The most bytes that an archive may have; default any. */
  readonly mostBytes?: number | undefined;
  readonly output: FileRegion;
  readonly engine: HashEngine;
  /** The most threads, this one included; 1, the default, starts none. Never changes a byte. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told the number of bytes packed since the last call. */
  readonly onProgress?: ((sizeBytes: number) => void) | undefined;
  /** Told of each file that is an output and so no member, in their order, when all is packed. */
  readonly onLeftOut?: (member: FoundMember, output: FileIdentity) => void;
  /** The program of workers, where it is not this package's. */
  readonly workerUrl?: URL | undefined;
}

/** More workers than these have nothing to do: the hash is slower than they are. */
const MAX_WORKERS = 4;
/** Batches that are named ahead of their readers. */
const AHEAD = 24;
/**
 * Work that is worth workers, in members or in bytes: starting one costs as much processor time as a thousand small files.
 */
const WORKERS_MEMBERS = 600;
const WORKERS_BYTES = 12 << 20;
/** After so many bytes, a batch counting as some, the event loop has a turn, in which signals and reports arrive. */
const TURN_BYTES = 8 << 20;
const BATCH_WORTH = 256 << 10;
/** The longest that this thread sleeps when it has nothing to do but wait for others, and what that counts as. */
const WAIT_MS = 20;
const WAIT_WORTH = TURN_BYTES / 4;

/**
 * Packs archives to a region of a file, one behind the other, and hashes them, in one pass over their members' names: what
 * the sizes are is found when the files are opened, by whichever thread packs them, which saves a system call a file. Only
 * where nothing is compressed.
 *
 * @returns as many as there are archives
 * @throws {LayerError} SOURCE_CHANGED, READ_FAILED, NOT_AS_LISTED, NAME_SIZE, ARCHIVE_SIZE, ABORTED, WORKER_FAILED; {TarError} as
 *   `planMember`; what `archives` and the output throw. Nothing is written any more once the promise is settled
 */
export async function sealStream(request: StreamRequest): Promise<SealedLayer[]> {
  const { archives, rules, recordSizeBytes, gapBytes = 0, mostBytes = Infinity, output, engine, signal } = request;
  const { onProgress, onLeftOut } = request;
  const jobs = Math.floor(request.jobs ?? 1);
  const workers = jobs > 1 && canShareMemory() ? Math.min(jobs - 1, MAX_WORKERS) : 0;
  const memory = allocateStream(workers, { position: output.position, recordSizeBytes, gapBytes });
  const stream = openStream(memory);
  const batches = planBatches(archives, rules);
  /** Archives that are packed; how many members they have is known when all are. */
  const sealed: Omit<SealedLayer, 'members'>[] = [];
  // Of the one that is being packed.
  let hash = engine.createSha256();
  let position = output.position;
  let sizeBytes = 0;
  let packedBytes = 0;
  let pool: WorkerPool | undefined;
  const failures = new Map<number, unknown>();
  let isPlanned = false;
  let unturned = 0;
  /** In no order; what workers report comes in turns of the event loop. */
  const leftOut: LeftOutReport[] = [];

  const reports: ReaderReports = {
    failed: (batch, error) => void failures.set(batch, error),
    leftOut(batch, member, identity) {
      leftOut.push({ batch, member, output: identity });
      stream.leaveOut();
    },
  };
  /** What this thread packs. */
  const reader = createBatchReader(stream, 0, rules, reports, () => isServed(stream));
  const turn = async (): Promise<void> => {
    unturned = 0;
    await nextTurn();
    throwIfAborted(signal);
  };
  const write = (most: number): boolean => {
    try {
      return stream.write((bytes, position) => writeFullyAt(output.fd, bytes, position), most);
    } catch (error) {
      throw output.failed(error);
    }
  };
  const failureOf = async (job: number): Promise<unknown> => {
    for (;;) {
      const error = failures.get(job) ?? pool?.failureOf(job) ?? pool?.died();
      if (error !== undefined) return error;
      await turn();
    }
  };
  const hashSlab = (slab: FilledSlab): void => {
    const { length } = slab.bytes;
    const endsArchive = stream.endsArchive(slab);
    hash.update(slab.bytes);
    sizeBytes += length;
    packedBytes += length;
    unturned += length;
    stream.hashed(slab);
    if (sizeBytes > mostBytes)
      throw new LayerError(
        'ARCHIVE_SIZE',
        `Cannot seal: an archive must have at most ${mostBytes} bytes, and has more`,
      );
    onProgress?.(length);
    if (endsArchive) finishArchive();
  };
  const finishArchive = (): void => {
    const trailer = new Uint8Array(trailerSize(sizeBytes, recordSizeBytes));
    hash.update(trailer);
    try {
      writeFullyAt(output.fd, trailer, position + sizeBytes);
    } catch (error) {
      throw output.failed(error);
    }
    sizeBytes += trailer.length;
    onProgress?.(trailer.length);
    const digest = hash.digest();
    sealed.push({ diffId: digest, tarSizeBytes: sizeBytes, digest, sizeBytes });
    position += sizeBytes + gapBytes;
    sizeBytes = 0;
    hash = engine.createSha256();
  };
  /** Names some more members. */
  const plan = (): void => {
    const batch = batches.next();
    if (batch === undefined) {
      isPlanned = true;
      stream.end();
    } else stream.plan(batch.members, batch.isLast);
    unturned += BATCH_WORTH;
  };
  /** Packs until a slab is full. @returns whether there was anything to pack */
  const read = (): boolean => {
    if (reader.isIdle()) {
      const batch = stream.claim(0);
      if (batch < 0) return false;
      reader.begin(batch);
    } else if (stream.freeSlab(0) === undefined) return false;
    reader.step();
    return true;
  };
  const start = (): void => {
    const url = request.workerUrl ?? new URL('./stream-worker.js', import.meta.url);
    const dataOf = (thread: number): StreamWorkerStart => ({ memory, thread, rules, fd: output.fd });
    pool = startWorkers(workers, url, dataOf, stream.isStopped, (report) => leftOut.push(report));
  };

  try {
    for (let isStarted = workers === 0; ; ) {
      const seen = stream.events();
      throwIfAborted(signal);
      if (unturned >= TURN_BYTES) await turn();
      const died = pool?.died();
      if (died !== undefined) throw died;
      if (stream.hasWriteFailed()) throw writeFailure(await failureOf(WRITING), output);
      if (!isStarted && (batches.members() >= WORKERS_MEMBERS || packedBytes >= WORKERS_BYTES)) {
        isStarted = true;
        start();
      }

      // First what only this thread can do, then what gives others work.
      const slab = stream.toHash();
      if (slab === 'end') {
        batches.throwIfFailed();
        if (stream.isWritten()) break;
      }
      if (slab !== undefined && slab !== 'end') {
        if (slab.end === BATCH_FAILED) throw await failureOf(slab.batch);
        hashSlab(slab);
      } else if (!isPlanned && stream.hasRoom() && stream.unclaimed() < AHEAD) plan();
      else if (!read() && !write(1)) {
        stream.wait(seen, WAIT_MS);
        unturned += WAIT_WORTH;
      }
    }
    while (leftOut.length < stream.leftOut()) await turn();
    // A batch's own are in order.
    leftOut.sort((a, b) => a.batch - b.batch);
    for (const { member, output } of leftOut) onLeftOut?.(member, output);
    return sealed.map((archive, index) => ({ ...archive, members: batches.membersOf(index, leftOut) }));
  } finally {
    stream.stop();
    await retreat(stream, pool);
    reader.close();
    const rest = stream.takeOver(0);
    if (rest !== undefined) closeQuietly(rest.fd);
    leaveSharedMemory(memory.texts, memory.slabs);
  }
}

/** Waits until no other thread touches the output or the memory any more. */
async function retreat(stream: Stream, pool: WorkerPool | undefined): Promise<void> {
  for (let thread = 1; pool !== undefined && thread <= stream.workers; thread++) {
    for (;;) {
      const seen = stream.events();
      if (!stream.isRunning(thread) || !pool.isAlive(thread)) break;
      stream.wait(seen, WAIT_MS);
      await nextTurn();
    }
  }
}

/** Whether a worker is there that takes what is offered. */
function isServed(stream: Stream): boolean {
  for (let thread = 1; thread <= stream.workers; thread++) if (stream.isRunning(thread)) return true;
  return false;
}

function writeFailure(error: unknown, output: FileRegion): unknown {
  return error instanceof OutputFailure ? output.failed(error.cause) : error;
}

interface BatchPlan {
  /** @returns `undefined` behind the last, and where naming members failed */
  next(): { readonly members: readonly BatchMember[]; readonly isLast: boolean } | undefined;
  /** @throws what naming members threw: to be asked when all before it is packed, so that the first failure is the one told */
  throwIfFailed(): void;
  /** Members so far. */
  members(): number;
  /** Those of an archive, when all of them are planned. */
  membersOf(archive: number, leftOut: readonly LeftOutReport[]): number;
}

/**
 * Puts members together, those of one archive; the first batches are small, so that all threads soon have something to do.
 */
function planBatches(archives: readonly StreamMembers[], { tar }: StreamRules): BatchPlan {
  let count = 0;
  let batches = 0;
  /** What was planned when each archive's last batch was. */
  const ends: { readonly batches: number; readonly members: number }[] = [];
  /** Whether the archive that is being planned has no more members. */
  let isEnded = false;
  let failure: { readonly error: unknown } | undefined;
  /** What did not fit the last batch, and what comes right after it. */
  const waiting: BatchMember[] = [];

  const encode = (entry: ArchiveEntry): BatchMember => {
    const plan = planMember(entry, tar);
    const content = contentOf(entry);
    const bytes = new Uint8Array(plan.headerSizeBytes + roundUp(content.length, BLOCK_SIZE));
    encodeMember(plan, bytes, 0);
    bytes.set(content, plan.headerSizeBytes);
    for (let at = TEXT_SIZE; at < bytes.length; at += TEXT_SIZE)
      waiting.push({ kind: 'encoded', bytes: bytes.subarray(at, at + TEXT_SIZE) });
    return { kind: 'encoded', bytes: bytes.subarray(0, TEXT_SIZE) };
  };

  /** Names one more member of the archive, if there is one. */
  const name = (): BatchMember | undefined => {
    if (isEnded || failure !== undefined) return undefined;
    try {
      const { done, value } = archives[ends.length]!.next();
      if (!done) {
        count++;
        if (!('kind' in value)) return encode(value);
        if (sizeOf(value) <= TEXT_SIZE) return value;
        throw new LayerError('NAME_SIZE', 'Cannot pack a stream: a name is too long');
      }
      isEnded = true;
    } catch (error) {
      failure = { error };
    }
    isEnded = true;
    return undefined;
  };

  return {
    next() {
      if (ends.length === archives.length || failure !== undefined) return undefined;
      const most = Math.min(BATCH_MEMBERS, 1 + 2 * batches);
      const members: BatchMember[] = [];
      let room = TEXT_SIZE;
      while (members.length < most) {
        const member = waiting.shift() ?? name();
        if (member === undefined) break;
        room -= sizeOf(member);
        if (room < 0) {
          waiting.unshift(member);
          break;
        }
        members.push(member);
      }
      batches++;
      const next = waiting.length === 0 ? name() : undefined;
      if (next !== undefined) waiting.unshift(next);
      const isLast = isEnded && waiting.length === 0;
      if (isLast) {
        ends.push({ batches, members: count });
        isEnded = false;
      }
      return { members, isLast };
    },
    throwIfFailed() {
      if (failure !== undefined) throw failure.error;
    },
    members: () => count,
    membersOf(archive, leftOut) {
      const begin = ends[archive - 1] ?? { batches: 0, members: 0 };
      const end = ends[archive]!;
      const without = leftOut.filter(({ batch }) => batch >= begin.batches && batch < end.batches);
      return end.members - begin.members - without.length;
    },
  };
}

const NOTHING = new Uint8Array(0);

function contentOf({ body }: ArchiveEntry): Uint8Array {
  if (body.type !== 'file') return NOTHING;
  if (body.source.from === 'memory') return body.source.bytes;
  throw new TypeError('a file is a member by its name');
}

function sizeOf(member: BatchMember): number {
  if (member.kind === 'encoded') return member.bytes.length;
  return member.path.length + member.originalPath.length + member.fsPath.length;
}
