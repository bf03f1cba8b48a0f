/**
 * What was shared and is free, by its size.
 *
 * The collector does not count shared memory, so that what one work shared lay about until something else filled the
 * heap: a process that made fifty images held 400 MB of it. Weakly, so that a process that makes no more has it back.
 */
const free = new Map<number, WeakRef<SharedArrayBuffer>[]>();

/** Shared memory whose bytes are any. */
export function takeSharedMemory(sizeBytes: number): SharedArrayBuffer {
  const ofSize = free.get(sizeBytes) ?? [];
  for (let last = ofSize.pop(); last !== undefined; last = ofSize.pop()) {
    const memory = last.deref();
    if (memory !== undefined) return memory;
  }
  return new SharedArrayBuffer(sizeBytes);
}

/** Takes back memory that no thread will touch again, for whoever wants as much; what is not shared is left alone. */
export function leaveSharedMemory(...memories: readonly ArrayBufferLike[]): void {
  for (const memory of memories) {
    if (!(memory instanceof SharedArrayBuffer)) continue;
    const ofSize = free.get(memory.byteLength) ?? [];
    ofSize.push(new WeakRef(memory));
    free.set(memory.byteLength, ofSize);
  }
}
