import { type ByteString, byteStringFrom, READ_OFFSET } from '../bytes/index.js';
import { trailerSize } from '../tar/index.js';
import { takeSharedMemory } from './shared-memory.js';

/**
 * What the threads share that pack one stream. The planner (the thread that made it) names members in batches; a reader
 * (any thread, the planner too) claims a batch and packs it, headers and contents, into slabs of its own. How long they
 * become nobody knows before: the stream is the batches' slabs in the batches' order, with room between archives. The
 * planner hashes them in that order, and whoever has time writes them in that order. No byte of a slab goes from thread
 * to thread by a copy.
 *
 * A batch is planned once the count of planned ones has passed it, and belongs to the reader whose compare-and-exchange
 * moved the count of claimed ones past it. Its place is used again for the batch `BATCHES` later, when it has been hashed
 * and written.
 *
 * A batch may pass from one reader to another in the middle of a long file: the planner's reader, which keeps all others
 * waiting when it reads rather than hashes, offers what is left to whoever has time. The rest of the batch is in that one's
 * slabs. So each worker is two readers, one for the batches that it claims and one for what it takes over: in the slabs of
 * one reader, batches are in their order.
 *
 * A reader's slabs are a ring, used in turn. It counts those it has filled; hashing and writing count theirs behind it.
 * A slab is its reader's while both counts have passed what was in it before, and nobody's to change while not. The oldest
 * batch that is not whole always has slabs: all before it are being hashed and written, and its reader has no later one.
 *
 * Everything that another thread may wait for adds to the count of events after it has happened. Who reads that count
 * first and looks for work after that, and then sleeps only while the count is the same, sleeps through nothing.
 */
export interface StreamMemory {
  /** Threads besides the planner. */
  readonly workers: number;
  readonly places: StreamPlaces;
  readonly control: ArrayBufferLike;
  /** Numbers that need more than 32 bits. */
  readonly wide: ArrayBufferLike;
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
const MEMBER_NUMBERS = 6;
/** How many members, how many bytes of names, and whether an archive ends with them. */
const BATCH_HEAD = 3;
const BATCH_NUMBERS = BATCH_HEAD + MEMBER_NUMBERS * BATCH_MEMBERS;

const EVENTS = 0;
const PLANNED = 1;
const ENDED = 2;
const CLAIMED = 3;
const STOPPED = 4;
const WRITING = 5;
const WRITTEN_PARTS = 6;
const WRITE_FAILED = 7;
const LEFT_OUT = 8;
const OFFER = 9;
/** Of each batch the readers of its parts, counted from 1; 0 while there is none. */
const OWNERS = 10;
const TAKERS = OWNERS + BATCHES;
const PER_READER = TAKERS + BATCHES;
const FILLED = 0;
const HASHED = 1;
const WRITTEN = 2;
const RUNNING = 3;
const LENGTHS = 4;
const ENDS = LENGTHS + SLABS;
const READER_NUMBERS = ENDS + SLABS;

/** Offsets in the output of what is written next, and of the archive that it is a part of. */
const POSITION = 0;
const ARCHIVE = 1;
/** The fields of what is offered. */
const OFFERED = 2;
const WIDE_NUMBERS = OFFERED + 6;

/** States of what is offered. */
const NOTHING = 0;
const OPEN = 1;
const BEING_TAKEN = 2;

/** Where a stream's archives go: one behind the other, each with the zeros at its end, which whoever hashes it writes. */
export interface StreamPlaces {
  /** Offset of the first in the output. */
  readonly position: number;
  /** Bytes that the size of each is a multiple of. */
  readonly recordSizeBytes: number;
  /** Bytes from the end of one to the beginning of the next. */
  readonly gapBytes: number;
}

/** How a slab ends. */
export const GOES_ON = 0;
export const BATCH_WHOLE = 1;
export const BATCH_FAILED = 2;
/** What comes next of the batch is in the slabs of the reader that takes it over. */
export const HANDED_ON = 3;
export type SlabEnd = typeof GOES_ON | typeof BATCH_WHOLE | typeof BATCH_FAILED | typeof HANDED_ON;

/** To be opened, and packed as what it then is. */
export interface FoundMember {
  readonly kind: 'file' | 'directory';
  readonly path: ByteString;
  /** As an entry's; empty where it is `path`. */
  readonly originalPath: ByteString;
  readonly fsPath: ByteString;
  /** Its place in the rules' owners and modes. */
  readonly owner: number;
  readonly mode: number;
}

/** A member, or a part of one, as it is. */
export interface EncodedMember {
  readonly kind: 'encoded';
  readonly bytes: Uint8Array;
}

/** What a batch says of a member. */
export type BatchMember = FoundMember | EncodedMember;

const KINDS = ['file', 'directory', 'encoded'] as const;

/** What is left of a batch that is handed on: from within the content of one of its members on. */
export interface Rest {
  readonly batch: number;
  /** Index of that member in the batch. */
  readonly member: number;
  /** Its descriptor, of which all threads of a process may make use; whoever takes the rest closes it. */
  readonly fd: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Bytes of the content that are packed. */
  readonly done: number;
}

/** A filled slab, in its turn. */
export interface FilledSlab {
  readonly batch: number;
  readonly reader: number;
  readonly bytes: Uint8Array;
  readonly end: SlabEnd;
}

export interface Stream {
  readonly workers: number;
  /** How often something happened; to be read before anything else is looked at. */
  events(): number;
  /** Sleeps until the count is not `seen` any more, or `timeoutMs` have passed. */
  wait(seen: number, timeoutMs?: number): void;

  /** Whether another batch may be planned now. */
  hasRoom(): boolean;
  /** Batches planned and not yet claimed. */
  unclaimed(): number;
  /** @param isLast whether an archive ends with the last of them; only then there may be none */
  plan(members: readonly BatchMember[], isLast: boolean): void;
  /** No more batches come. */
  end(): void;
  /** Takes the oldest batch that nobody has; -1 when there is none. */
  claim(reader: number): number;
  /** Offers what is left of a batch. @returns false while nobody has taken what was offered before */
  offer(rest: Rest): boolean;
  /** Takes what is offered, if anything is. */
  takeOver(reader: number): Rest | undefined;
  members(batch: number): BatchMember[];

  /** The reader's next slab, if it is free. */
  freeSlab(reader: number): Uint8Array | undefined;
  fill(reader: number, sizeBytes: number, end: SlabEnd): void;

  /** The slab to be hashed next; `undefined` while it is not filled, `'end'` behind the last. Planner only. */
  toHash(): FilledSlab | 'end' | undefined;
  hashed(slab: FilledSlab): void;
  /** Whether an archive ends with a slab; to be asked before that is hashed or written. */
  endsArchive(slab: FilledSlab): boolean;

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
  /** Whether a worker, by the number of its thread, has begun and not ended; while it has, it may use the output. */
  setRunning(thread: number, running: boolean): void;
  isRunning(thread: number): boolean;
}

/** @param workers threads besides the planner; without any, nothing is shared */
export function allocateStream(workers: number, places: StreamPlaces): StreamMemory {
  const shared = workers > 0;
  const readers = readersOf(workers);
  const allocate = (size: number): ArrayBufferLike => (shared ? new SharedArrayBuffer(size) : new ArrayBuffer(size));
  const slabsSize = READ_OFFSET + readers * SLABS * SLAB_SIZE;
  const memory: StreamMemory = {
    workers,
    places,
    control: allocate(4 * (PER_READER + readers * READER_NUMBERS)),
    wide: allocate(8 * WIDE_NUMBERS),
    batches: allocate(4 * BATCHES * BATCH_NUMBERS),
    texts: shared ? takeSharedMemory(BATCHES * TEXT_SIZE) : allocate(BATCHES * TEXT_SIZE),
    slabs: shared ? takeSharedMemory(slabsSize) : allocate(slabsSize),
  };
  new Float64Array(memory.wide).fill(places.position, POSITION, ARCHIVE + 1);
  return memory;
}

/** The planner is reader 0, and worker `n` is readers `n` and `workers + n`. */
function readersOf(workers: number): number {
  return 1 + 2 * workers;
}

type Six = readonly [number, number, number, number, number, number];

/** The stream in some memory, on any thread. */
export function openStream(memory: StreamMemory): Stream {
  const { workers, places } = memory;
  const readers = readersOf(workers);
  const control = new Int32Array(memory.control);
  const wide = new Float64Array(memory.wide);
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
  /** Parts that are hashed, two for each batch; the planner's own. */
  let hashedParts = 0;

  /** Asked before what comes after a slab: then its batch has its place. */
  const endsArchive = ({ batch, end }: FilledSlab): boolean =>
    end === BATCH_WHOLE && batchNumbers[batch % BATCHES]![2] === 1;
  /** Whoever writes does this, when an archive's last byte but its zeros is written. */
  const goToNextArchive = (): void => {
    wide[POSITION]! += trailerSize(wide[POSITION]! - wide[ARCHIVE]!, places.recordSizeBytes) + places.gapBytes;
    wide[ARCHIVE] = wide[POSITION]!;
  };

  /** The oldest slab that has not passed what `count` counts, all before part `part` having passed it. */
  const next = (part: number, count: typeof HASHED | typeof WRITTEN): FilledSlab | 'end' | undefined => {
    const batch = part >> 1;
    if (batch >= load(PLANNED)) return load(ENDED) === 1 && batch >= load(PLANNED) ? 'end' : undefined;
    const reader = load((part % 2 === 0 ? OWNERS : TAKERS) + (batch % BATCHES)) - 1;
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

  /** How many parts a slab is the end of; a batch that is not handed on has no second one. */
  const partsEnded = (part: number, end: SlabEnd): number =>
    end === BATCH_WHOLE ? 2 - (part % 2) : end === HANDED_ON ? 1 : 0;

  return {
    workers,
    events: () => load(EVENTS),
    wait: (seen, timeoutMs) => void Atomics.wait(control, EVENTS, seen, timeoutMs),

    hasRoom: () => load(PLANNED) - (Math.min(hashedParts, load(WRITTEN_PARTS)) >> 1) < BATCHES,
    unclaimed: () => load(PLANNED) - load(CLAIMED),
    plan(members, isLast) {
      const batch = load(PLANNED) % BATCHES;
      const numbers = batchNumbers[batch]!;
      numbers[0] = members.length;
      numbers[2] = Number(isLast);
      const start = batch * TEXT_SIZE;
      const strings: string[] = [];
      let end = 0;
      let index = BATCH_HEAD;
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
          numbers[index + 4] = member.owner;
          numbers[index + 5] = member.mode;
          end += path.length + originalPath.length + fsPath.length;
        }
        numbers[index + 3] = end;
        index += MEMBER_NUMBERS;
      }
      numbers[1] = end;
      // One call for all: each costs as much as writing a few hundred bytes.
      texts.write(strings.join(''), start, 'latin1');
      Atomics.store(control, OWNERS + batch, 0);
      Atomics.store(control, TAKERS + batch, 0);
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
    offer({ batch, member, fd, sizeBytes, mtimeMs, done }) {
      if (load(OFFER) !== NOTHING) return false;
      wide.set([batch, member, fd, sizeBytes, mtimeMs, done], OFFERED);
      Atomics.store(control, OFFER, OPEN);
      happened();
      return true;
    },
    takeOver(reader) {
      if (Atomics.compareExchange(control, OFFER, OPEN, BEING_TAKEN) !== OPEN) return undefined;
      const [batch, member, fd, sizeBytes, mtimeMs, done] = wide.subarray(OFFERED) as unknown as Six;
      Atomics.store(control, TAKERS + (batch % BATCHES), reader + 1);
      Atomics.store(control, OFFER, NOTHING);
      return { batch, member, fd, sizeBytes, mtimeMs, done };
    },
    members(batch) {
      const numbers = batchNumbers[batch % BATCHES]!;
      const start = (batch % BATCHES) * TEXT_SIZE;
      const count = numbers[0]!;
      const text = texts.toString('latin1', start, start + numbers[1]!);
      let from = 0;
      return Array.from({ length: count }, (_, member): BatchMember => {
        const index = BATCH_HEAD + member * MEMBER_NUMBERS;
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
          owner: numbers[index + 4]!,
          mode: numbers[index + 5]!,
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

    endsArchive,
    toHash: () => next(hashedParts, HASHED),
    hashed({ reader, end }) {
      hashedParts += partsEnded(hashedParts, end);
      Atomics.add(control, ofReader(reader, HASHED), 1);
      happened();
    },

    write(write, most) {
      if (Atomics.compareExchange(control, WRITING, 0, 1) !== 0) return false;
      let count = 0;
      try {
        for (; count < most && load(WRITE_FAILED) === 0; count++) {
          const part = load(WRITTEN_PARTS);
          const slab = next(part, WRITTEN);
          if (slab === undefined || slab === 'end' || slab.end === BATCH_FAILED) break;
          write(slab.bytes, wide[POSITION]!);
          wide[POSITION]! += slab.bytes.length;
          if (endsArchive(slab)) goToNextArchive();
          Atomics.store(control, WRITTEN_PARTS, part + partsEnded(part, slab.end));
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
    isWritten: () => next(load(WRITTEN_PARTS), WRITTEN) === 'end',
    hasWriteFailed: () => load(WRITE_FAILED) === 1,

    leaveOut: () => void Atomics.add(control, LEFT_OUT, 1),
    leftOut: () => load(LEFT_OUT),

    stop() {
      Atomics.store(control, STOPPED, 1);
      happened();
    },
    isStopped: () => load(STOPPED) === 1,
    setRunning(thread, running) {
      Atomics.store(control, ofReader(thread, RUNNING), Number(running));
      happened();
    },
    isRunning: (thread) => load(ofReader(thread, RUNNING)) === 1,
  };
}
