import { writeSync } from 'node:fs';

/** Takes the bytes of a stream in order. A chunk belongs to the caller again as soon as the call (its promise) is done. */
export type ChunkSink = (chunk: Uint8Array) => void | Promise<void>;

/**
 * A place in a file that can seek: whoever has a part of the stream writes it where it belongs, in no order.
 * The file stays open until the stream's promise is settled.
 */
export interface FileRegion {
  readonly fd: number;
  /** Offset in the file of the stream's first byte. */
  readonly position: number;
  /** What is thrown for a system error of writing. */
  failed(error: unknown): Error;
}

/** Where a stream goes; `undefined` when only its digests are wanted. */
export type StreamOutput = ChunkSink | FileRegion | undefined;

/** The region that a stream goes to, if it goes to one. */
export function regionOf(output: StreamOutput): FileRegion | undefined {
  return typeof output === 'object' ? output : undefined;
}

/** Takes a stream in order, wherever it goes. */
export function sinkOf(output: ChunkSink | FileRegion): ChunkSink;
export function sinkOf(output: StreamOutput): ChunkSink | undefined;
export function sinkOf(output: StreamOutput): ChunkSink | undefined {
  if (typeof output !== 'object') return output;
  let { position } = output;
  return (chunk) => {
    try {
      writeFullyAt(output.fd, chunk, position);
    } catch (error) {
      throw output.failed(error);
    }
    position += chunk.length;
  };
}

/** Writes all of `bytes` at an offset; `write` may store less than it is given. @throws the system's error */
export function writeFullyAt(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    const count = writeSync(fd, bytes, done, bytes.length - done, position + done);
    // Nothing stored and no error: to try again could go on for ever.
    if (count === 0) throw Object.assign(new Error('EIO: nothing was written'), { code: 'EIO', syscall: 'write' });
    done += count;
  }
}
