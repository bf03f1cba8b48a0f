import { closeSync } from 'node:fs';
import type { HashEngine } from '../digest/index.js';
import type { ArchiveEntry, FileIdentity } from '../entry/index.js';
import { encodeMember, planMember, trailerSize } from '../tar/index.js';
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

/** A member of a stream: one whose mode, size and content are those of the file when it is opened, or one without a content. */
export type StreamMember = FoundMember | ArchiveEntry;

export interface StreamRequest {
  /** In their order; asked for one after the other, while those before are packed. */
  readonly members: Iterator<StreamMember, unknown>;
  readonly rules: StreamRules;
  /** Bytes that the archive's size is a multiple of. */
  readonly recordSizeBytes: number;
  readonly output: FileRegion;
  readonly engine: HashEngine;
  /** The most threads, this one included; 1, the default, starts none. Never changes a byte. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
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
const WORKERS_MEMBERS = 200;
const WORKERS_BYTES = 12 << 20;
/** After so many bytes, a batch counting as some, the event loop has a turn, in which signals and reports arrive. */
const TURN_BYTES = 8 << 20;
const BATCH_WORTH = 256 << 10;
/** The longest that this thread sleeps when it has nothing to do but wait for others, and what that counts as. */
const WAIT_MS = 20;
const WAIT_WORTH = TURN_BYTES / 4;

/**
 * Packs a tree to a region of a file and hashes it, in one pass over its names: what the sizes are is found when the files
 * are opened, by whichever thread packs them, which saves a system call a file. Only where nothing is compressed, and the
 * place of nothing else depends on how long it becomes.
 *
 * @throws {LayerError} SOURCE_CHANGED, READ_FAILED, NOT_AS_LISTED, NAME_SIZE, ABORTED, WORKER_FAILED; {TarError} as `planMember`; what
 *   `members` and the output throw. Nothing is written any more once the promise is settled
 */
export async function sealStream(request: StreamRequest): Promise<SealedLayer> {
  const { members, rules, recordSizeBytes, output, engine, signal, onLeftOut } = request;
  const jobs = Math.floor(request.jobs ?? 1);
  const workers = jobs > 1 && canShareMemory() ? Math.min(jobs - 1, MAX_WORKERS) : 0;
  const memory = allocateStream(workers, output.position);
  const stream = openStream(memory);
  const batches = planBatches(members, rules);
  const hash = engine.createSha256();
  let sizeBytes = 0;
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
    hash.update(slab.bytes);
    sizeBytes += slab.bytes.length;
    unturned += slab.bytes.length;
    stream.hashed(slab);
  };
  /** Names some more members. */
  const plan = (): void => {
    const batch = batches.next();
    if (batch === undefined) {
      isPlanned = true;
      stream.end();
    } else stream.plan(batch);
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
      if (!isStarted && (batches.members() >= WORKERS_MEMBERS || sizeBytes >= WORKERS_BYTES)) {
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
    const trailer = new Uint8Array(trailerSize(sizeBytes, recordSizeBytes));
    hash.update(trailer);
    try {
      writeFullyAt(output.fd, trailer, output.position + sizeBytes);
    } catch (error) {
      throw output.failed(error);
    }
    sizeBytes += trailer.length;
    const digest = hash.digest();
    return { diffId: digest, tarSizeBytes: sizeBytes, digest, sizeBytes, members: batches.members() - leftOut.length };
  } finally {
    stream.stop();
    await retreat(stream, pool);
    reader.close();
    const rest = stream.takeOver(0);
    if (rest !== undefined) closeSync(rest.fd);
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
  /** @returns `undefined` behind the last member, and where naming members failed */
  next(): BatchMember[] | undefined;
  /** @throws what naming members threw: to be asked when all before it is packed, so that the first failure is the one told */
  throwIfFailed(): void;
  /** Members so far. */
  members(): number;
}

/** Puts members together; the first batches are small, so that all threads soon have something to do. */
function planBatches(members: Iterator<StreamMember, unknown>, { tar }: StreamRules): BatchPlan {
  let count = 0;
  let batches = 0;
  let isEnded = false;
  let failure: { readonly error: unknown } | undefined;
  /** What did not fit the last batch, and what comes right after it. */
  const waiting: BatchMember[] = [];

  const encode = (entry: ArchiveEntry): BatchMember => {
    const plan = planMember(entry, tar);
    const header = new Uint8Array(plan.headerSizeBytes);
    encodeMember(plan, header, 0);
    for (let at = TEXT_SIZE; at < header.length; at += TEXT_SIZE)
      waiting.push({ kind: 'encoded', bytes: header.subarray(at, at + TEXT_SIZE) });
    return { kind: 'encoded', bytes: header.subarray(0, TEXT_SIZE) };
  };

  /** Names one more member, if there is one. */
  const name = (): BatchMember | undefined => {
    if (isEnded) return undefined;
    try {
      const { done, value } = members.next();
      if (!done) {
        count++;
        if (!('kind' in value)) return encode(value);
        if (sizeOf(value) <= TEXT_SIZE) return value;
        throw new LayerError('NAME_SIZE', 'Cannot pack a stream: a name is too long');
      }
    } catch (error) {
      failure = { error };
    }
    isEnded = true;
    return undefined;
  };

  return {
    next() {
      const most = Math.min(BATCH_MEMBERS, 1 + 2 * batches);
      const batch: BatchMember[] = [];
      let room = TEXT_SIZE;
      while (batch.length < most) {
        const member = waiting.shift() ?? name();
        if (member === undefined) break;
        room -= sizeOf(member);
        if (room < 0) {
          waiting.unshift(member);
          break;
        }
        batch.push(member);
      }
      if (batch.length === 0) return undefined;
      batches++;
      return batch;
    },
    throwIfFailed() {
      if (failure !== undefined) throw failure.error;
    },
    members: () => count,
  };
}

function sizeOf(member: BatchMember): number {
  if (member.kind === 'encoded') return member.bytes.length;
  return member.path.length + member.originalPath.length + member.fsPath.length;
}
