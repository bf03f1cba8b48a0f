import { setImmediate as nextTurn } from 'node:timers/promises';
import { BLOCK_SIZE, blockPadding, RECORD_SIZE } from '../bytes/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import { encodeMember, planMember, type TarOptions, trailerSize } from '../tar/index.js';
import { readContent } from './file-reader.js';
import { LayerError } from './layer-error.js';

/** Takes the bytes of a stream in order. A chunk belongs to the caller again as soon as the call (its promise) is done. */
export type ChunkSink = (chunk: Uint8Array) => void | Promise<void>;

export interface PackOptions {
  readonly tar: TarOptions;
  /** Bytes that the archive's size is a multiple of; default 10,240. */
  readonly recordSizeBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told the number of bytes packed since the last call. */
  readonly onProgress?: ((sizeBytes: number) => void) | undefined;
}

/** Large enough that a system call's cost vanishes, small enough for the processor's cache. */
const SLAB_SIZE = 1 << 20;

/** After so many bytes the event loop has a turn, in which signals arrive. */
const TURN_BYTES = 16 << 20;

/**
 * Writes an archive of `entries`, in their order, to `sink`: headers, contents, padding and trailer.
 *
 * @returns number of members and size of the archive in bytes
 * @throws {LayerError} SOURCE_CHANGED, READ_FAILED, ABORTED; {TarError} as `planMember`
 */
export async function packEntries(
  entries: Iterable<ArchiveEntry>,
  sink: ChunkSink,
  options: PackOptions,
): Promise<{ members: number; sizeBytes: number }> {
  const slab = new OutputSlab(sink, options);
  let members = 0;
  for (const entry of entries) {
    const plan = planMember(entry, options.tar);
    if (slab.free < plan.headerSizeBytes) await slab.flush();
    // A header larger than a slab has a name of a megabyte: no file system has one, a list of names could.
    if (slab.free < plan.headerSizeBytes) {
      const bytes = new Uint8Array(plan.headerSizeBytes);
      encodeMember(plan, bytes, 0);
      await slab.pass(bytes);
    } else {
      slab.zeros(plan.headerSizeBytes, (bytes, offset) => encodeMember(plan, bytes, offset));
    }
    if (entry.body.type === 'file') {
      const { sizeBytes, source } = entry.body;
      await readContent(source, sizeBytes, slab);
      const padding = blockPadding(sizeBytes);
      if (slab.free < padding) await slab.flush();
      slab.zeros(padding);
    }
    members++;
  }
  let trailer = trailerSize(slab.totalBytes, options.recordSizeBytes ?? RECORD_SIZE);
  while (trailer > 0) {
    if (slab.free < BLOCK_SIZE) await slab.flush();
    const part = Math.min(trailer, slab.free);
    slab.zeros(part);
    trailer -= part;
  }
  await slab.flush();
  return { members, sizeBytes: slab.totalBytes };
}

/** One reused buffer in which headers and contents gather before they go on together. */
class OutputSlab {
  readonly #bytes = new Uint8Array(SLAB_SIZE);
  readonly #sink: ChunkSink;
  readonly #options: PackOptions;
  #used = 0;
  #flushedBytes = 0;
  #nextTurnAt = TURN_BYTES;

  constructor(sink: ChunkSink, options: PackOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  get free(): number {
    return SLAB_SIZE - this.#used;
  }

  get totalBytes(): number {
    return this.#flushedBytes + this.#used;
  }

  space(): Uint8Array | Promise<Uint8Array> {
    if (this.#used < SLAB_SIZE) return this.#bytes.subarray(this.#used);
    return this.flush().then(() => this.#bytes);
  }

  advance(sizeBytes: number): void {
    this.#used += sizeBytes;
  }

  /** Takes `sizeBytes` zero bytes, which `fill` may write into; there must be room. */
  zeros(sizeBytes: number, fill?: (bytes: Uint8Array, offset: number) => void): void {
    this.#bytes.fill(0, this.#used, this.#used + sizeBytes);
    fill?.(this.#bytes, this.#used);
    this.#used += sizeBytes;
  }

  async flush(): Promise<void> {
    if (this.#used === 0) return;
    const chunk = this.#bytes.subarray(0, this.#used);
    await this.pass(chunk);
    this.#used = 0;
  }

  async pass(chunk: Uint8Array): Promise<void> {
    const { signal, onProgress } = this.#options;
    throwIfAborted(signal);
    await this.#sink(chunk);
    this.#flushedBytes += chunk.length;
    onProgress?.(chunk.length);
    if (this.#flushedBytes >= this.#nextTurnAt) {
      this.#nextTurnAt = this.#flushedBytes + TURN_BYTES;
      await nextTurn();
      throwIfAborted(signal);
    }
  }
}

/** @throws {LayerError} ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new LayerError('ABORTED', 'The build was aborted: nothing was written', {}, { cause: signal.reason });
}
