import { type ByteString, byteStringFrom, READ_OFFSET } from '../bytes/index.js';
import { takeSharedMemory } from './shared-memory.js';

/**
 * What the threads share that pack one stream. The planner (the thread that made it) names members in batches; a reader
 * (any thread, the planner too) claims a batch and packs it, headers and contents, into slabs of its own. How long they
 * become nobody knows before: the stream is the batches' slabs in the batches' order. The planner hashes them in that
 * order, and whoever has time writes them in that order. No byte of a slab goes from thread to thread by a copy.
 *
 * A batch is planned once the count of planned ones has passed it, and belongs to the reader whose compare-and-exchange
 * moved the count of claimed ones past it. Its place is used again for the batch `BATCHES` later, when it has been hashed
 * and written.
 *
 * A reader's slabs are a ring, used in turn. It counts those it has filled; hashing and writing count theirs behind it.
 * A slab is its reader's while both counts have passed what was in it before, and nobody's to change while not. The oldest
 * batch that is not whole always has slabs: all before it are being hashed and written, and its reader has no later one.
 *
 * Everything that another thread may wait for adds to the count of events after it has happened. Who reads that count
 * first and looks for work after that, and then sleeps only while the count is the same, sleeps through nothing.
 */
export interface StreamMemory {
  readonly readers: number;
  readonly control: ArrayBufferLike;
  /** Offset in the output of what is written next. */
  readonly position: ArrayBufferLike;
  readonly batches: ArrayBufferLike;
  readonly texts: ArrayBufferLike;
  readonly slabs: ArrayBufferLike;
}

/** Large enough that a system call's cost vanishes, small enough for the processor's cache. */
export const SLAB_SIZE: number = 512 << 10;
/** A reader can be so far ahead of the hash. */
const SLABS = 8;

/** Batches that can be on their way, and the members and bytes of names of one: half a millisecond's work. */
export const BATCHES = 96;
export const BATCH_MEMBERS = 96;
export const TEXT_SIZE: number = 64 << 10;
const MEMBER_NUMBERS = 4;
const BATCH_NUMBERS = 1 + MEMBER_NUMBERS * BATCH_MEMBERS;

const EVENTS = 0;
const PLANNED = 1;
const ENDED = 2;
const CLAIMED = 3;
const STOPPED = 4;
const WRITING = 5;
const WRITTEN_BATCHES = 6;
const WRITE_FAILED = 7;
const LEFT_OUT = 8;
const OWNERS = 9;
const PER_READER = OWNERS + BATCHES;
const FILLED = 0;
const HASHED = 1;
const WRITTEN = 2;
const RUNNING = 3;
const LENGTHS = 4;
const ENDS = LENGTHS + SLABS;
const READER_NUMBERS = ENDS + SLABS;

/** How a slab ends. */
export const GOES_ON = 0;
export const BATCH_WHOLE = 1;
export const BATCH_FAILED = 2;
export type SlabEnd = typeof GOES_ON | typeof BATCH_WHOLE | typeof BATCH_FAILED;

/** To be opened, and packed as what it then is. */
export interface FoundMember {
  readonly kind: 'file' | 'directory';
  readonly path: ByteString;
  /** As an entry's; empty where it is `path`. */
  readonly originalPath: ByteString;
  readonly fsPath: ByteString;
}

/** A header as it is, of a member without a content. */
export interface EncodedMember {
  readonly kind: 'encoded';
  readonly bytes: Uint8Array;
}

/** What a batch says of a member. */
export type BatchMember = FoundMember | EncodedMember;

const KINDS = ['file', 'directory', 'encoded'] as const;

/** A filled slab, in its turn. */
export interface FilledSlab {
  readonly batch: number;
  readonly reader: number;
  readonly bytes: Uint8Array;
  readonly end: SlabEnd;
}

export interface Stream {
  readonly readers: number;
  /** How often something happened; to be read before anything else is looked at. */
  events(): number;
  /** Sleeps until the count is not `seen` any more, or `timeoutMs` have passed. */
  wait(seen: number, timeoutMs?: number): void;

  /** Whether another batch may be planned now. */
  hasRoom(): boolean;
  /** Batches planned and not yet claimed. */
  unclaimed(): number;
  plan(members: readonly BatchMember[]): void;
  /** No more batches come. */
  end(): void;
  /** Takes the oldest batch that nobody has; -1 when there is none. */
  claim(reader: number): number;
  members(batch: number): BatchMember[];

  /** The reader's next slab, if it is free. */
  freeSlab(reader: number): Uint8Array | undefined;
  fill(reader: number, sizeBytes: number, end: SlabEnd): void;

  /** The slab to be hashed next; `undefined` while it is not filled, `'end'` behind the last. Planner only. */
  toHash(): FilledSlab | 'end' | undefined;
  hashed(slab: FilledSlab): void;

  /**
   * Writes what is filled, in order, unless another thread is doing it: systems let one thread at a time write to a file.
   *
   * @param write takes bytes and their offset
   * @param most slabs
   * @returns whether anything was written
   * @throws what `write` throws; nothing is written after that
   */
  write(write: (bytes: Uint8Array, position: number) => void, most: number): boolean;
  isWritten(): boolean;
  hasWriteFailed(): boolean;

  /** A member was left out, for it is an output. */
  leaveOut(): void;
  leftOut(): number;

  stop(): void;
  isStopped(): boolean;
  /** Whether a reader has begun and not ended; while it has, it may use the output. */
  setRunning(reader: number, running: boolean): void;
  isRunning(reader: number): boolean;
}

/** @param position offset of the stream's first byte in the output */
export function allocateStream(readers: number, position: number, shared: boolean): StreamMemory {
  const allocate = (size: number): ArrayBufferLike => (shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
  const slabsSize = READ_OFFSET + readers * SLABS * SLAB_SIZE;
  const memory: StreamMemory = {
    readers,
    control: allocate(4 * (PER_READER + readers * READER_NUMBERS)),
    position: allocate(8),
    batches: allocate(4 * BATCHES * BATCH_NUMBERS),
    texts: shared ? takeSharedMemory(BATCHES * TEXT_SIZE) : allocate(BATCHES * TEXT_SIZE),
    slabs: shared ? takeSharedMemory(slabsSize) : allocate(slabsSize),
  };
  new Float64Array(memory.position)[0] = position;
  return memory;
}

/** The stream in some memory, on any thread. */
export function openStream(memory: StreamMemory): Stream {
  const { readers } = memory;
  const control = new Int32Array(memory.control);
  const position = new Float64Array(memory.position);
  const texts = Buffer.from(memory.texts);
  const batchNumbers = Array.from(
    { length: BATCHES },
    (_, index) => new Int32Array(memory.batches, 4 * index * BATCH_NUMBERS, BATCH_NUMBERS),
  );
  const slabs = Array.from(
    { length: readers * SLABS },
    (_, index) => new Uint8Array(memory.slabs, READ_OFFSET + index * SLAB_SIZE, SLAB_SIZE),
  );
  const ofReader = (reader: number, number: number): number => PER_READER + reader * READER_NUMBERS + number;
  const load = (index: number): number => Atomics.load(control, index);
  const happened = (): void => {
    Atomics.add(control, EVENTS, 1);
    Atomics.notify(control, EVENTS);
  };
  /** Batches that are hashed; the planner's own. */
  let hashedBatches = 0;

  /** The oldest slab of a batch that has not passed what `count` counts. */
  const next = (batch: number, count: typeof HASHED | typeof WRITTEN): FilledSlab | 'end' | undefined => {
    if (batch >= load(PLANNED)) return load(ENDED) === 1 && batch >= load(PLANNED) ? 'end' : undefined;
    const reader = load(OWNERS + (batch % BATCHES)) - 1;
    if (reader < 0) return undefined;
    const passed = load(ofReader(reader, count));
    if (load(ofReader(reader, FILLED)) === passed) return undefined;
    const place = passed % SLABS;
    const sizeBytes = control[ofReader(reader, LENGTHS + place)]!;
    const slab = slabs[reader * SLABS + place]!;
    return {
      batch,
      reader,
      bytes: sizeBytes === slab.length ? slab : slab.subarray(0, sizeBytes),
      end: control[ofReader(reader, ENDS + place)] as SlabEnd,
    };
  };

  return {
    readers,
    events: () => load(EVENTS),
    wait: (seen, timeoutMs) => void Atomics.wait(control, EVENTS, seen, timeoutMs),

    hasRoom: () => load(PLANNED) - Math.min(hashedBatches, load(WRITTEN_BATCHES)) < BATCHES,
    unclaimed: () => load(PLANNED) - load(CLAIMED),
    plan(members) {
      const batch = load(PLANNED) % BATCHES;
      const numbers = batchNumbers[batch]!;
      numbers[0] = members.length;
      const start = batch * TEXT_SIZE;
      const strings: string[] = [];
      let end = 0;
      let index = 1;
      for (const member of members) {
        numbers[index] = KINDS.indexOf(member.kind);
        if (member.kind === 'encoded') {
          strings.push(byteStringFrom(member.bytes));
          end += member.bytes.length;
        } else {
          const { path, originalPath, fsPath } = member;
          strings.push(path, originalPath, fsPath);
          numbers[index + 1] = end + path.length;
          numbers[index + 2] = end + path.length + originalPath.length;
          end += path.length + originalPath.length + fsPath.length;
        }
        numbers[index + 3] = end;
        index += MEMBER_NUMBERS;
      }
      // One call for all: each costs as much as writing a few hundred bytes.
      texts.write(strings.join(''), start, 'latin1');
      Atomics.store(control, OWNERS + batch, 0);
      Atomics.add(control, PLANNED, 1);
      happened();
    },
    end() {
      Atomics.store(control, ENDED, 1);
      happened();
    },
    claim(reader) {
      for (;;) {
        const batch = load(CLAIMED);
        if (batch >= load(PLANNED)) return -1;
        if (Atomics.compareExchange(control, CLAIMED, batch, batch + 1) !== batch) continue;
        Atomics.store(control, OWNERS + (batch % BATCHES), reader + 1);
        return batch;
      }
    },
    members(batch) {
      const numbers = batchNumbers[batch % BATCHES]!;
      const start = (batch % BATCHES) * TEXT_SIZE;
      const count = numbers[0]!;
      const text = texts.toString('latin1', start, start + numbers[count * MEMBER_NUMBERS]!);
      let from = 0;
      return Array.from({ length: count }, (_, member): BatchMember => {
        const index = 1 + member * MEMBER_NUMBERS;
        const kind = KINDS[numbers[index]!]!;
        const begin = from;
        from = numbers[index + 3]!;
        if (kind === 'encoded') return { kind, bytes: texts.subarray(start + begin, start + from) };
        const originalAt = numbers[index + 1]!;
        const fsPathAt = numbers[index + 2]!;
        return {
          kind,
          path: text.slice(begin, originalAt) as ByteString,
          originalPath: text.slice(originalAt, fsPathAt) as ByteString,
          fsPath: text.slice(fsPathAt, from) as ByteString,
        };
      });
    },

    freeSlab(reader) {
      const filled = load(ofReader(reader, FILLED));
      const free = [HASHED, WRITTEN].every((count) => filled - load(ofReader(reader, count)) < SLABS);
      return free ? slabs[reader * SLABS + (filled % SLABS)] : undefined;
    },
    fill(reader, sizeBytes, end) {
      const place = load(ofReader(reader, FILLED)) % SLABS;
      control[ofReader(reader, LENGTHS + place)] = sizeBytes;
      control[ofReader(reader, ENDS + place)] = end;
      Atomics.add(control, ofReader(reader, FILLED), 1);
      happened();
    },

    toHash: () => next(hashedBatches, HASHED),
    hashed({ reader, end }) {
      if (end === BATCH_WHOLE) hashedBatches++;
      Atomics.add(control, ofReader(reader, HASHED), 1);
      happened();
    },

    write(write, most) {
      if (Atomics.compareExchange(control, WRITING, 0, 1) !== 0) return false;
      let count = 0;
      try {
        for (; count < most && load(WRITE_FAILED) === 0; count++) {
          const slab = next(load(WRITTEN_BATCHES), WRITTEN);
          if (slab === undefined || slab === 'end' || slab.end === BATCH_FAILED) break;
          write(slab.bytes, position[0]!);
          position[0]! += slab.bytes.length;
          if (slab.end === BATCH_WHOLE) Atomics.add(control, WRITTEN_BATCHES, 1);
          Atomics.add(control, ofReader(slab.reader, WRITTEN), 1);
        }
      } catch (error) {
        Atomics.store(control, WRITE_FAILED, 1);
        throw error;
      } finally {
        Atomics.store(control, WRITING, 0);
        if (count > 0) happened();
      }
      return count > 0;
    },
    isWritten: () => next(load(WRITTEN_BATCHES), WRITTEN) === 'end',
    hasWriteFailed: () => load(WRITE_FAILED) === 1,

    leaveOut: () => void Atomics.add(control, LEFT_OUT, 1),
    leftOut: () => load(LEFT_OUT),

    stop() {
      Atomics.store(control, STOPPED, 1);
      happened();
    },
    isStopped: () => load(STOPPED) === 1,
    setRunning(reader, running) {
      Atomics.store(control, ofReader(reader, RUNNING), Number(running));
      happened();
    },
    isRunning: (reader) => load(ofReader(reader, RUNNING)) === 1,
  };
}
