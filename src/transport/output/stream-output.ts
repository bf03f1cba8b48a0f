import { close, open, write } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type ByteString, toFsPath } from '../../bytes/index.js';
import { systemCode } from '../../errors/index.js';
import { throwIfAborted } from '../../layer/index.js';
import { outputFailed } from './atomic-file.js';

const openAsync = promisify(open);
const closeAsync = promisify(close);
const writeAsync: (fd: number, bytes: Uint8Array, offset: number, length: number) => Promise<number> = (
  fd,
  bytes,
  offset,
  length,
) =>
  new Promise((resolve, reject) => {
    write(fd, bytes, offset, length, null, (error, written) => (error === null ? resolve(written) : reject(error)));
  });

/** An output that cannot seek: a pipe, a fifo, a device. */
export interface StreamOutput {
  /** @throws {TransportError} OUTPUT_FAILED; {LayerError} ABORTED, even while a slow reader blocks the write */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** @param path `-` for standard output, which is left open */
export async function openStream(path: ByteString, signal: AbortSignal | undefined): Promise<StreamOutput> {
  const abortable = <T>(work: Promise<T>): Promise<T> => raceAbort(work, signal);
  // Opening a fifo waits for its reader, and so must not hold up the event loop.
  const fd = path === '-' ? 1 : await openAbortably(path, signal);
  let writing: Promise<unknown> | undefined;
  return {
    async write(bytes) {
      let done = 0;
      while (done < bytes.length) {
        throwIfAborted(signal);
        const work = writeAsync(fd, bytes, done, bytes.length - done);
        writing = work;
        try {
          done += await abortable(work.finally(() => (writing = undefined)));
        } catch (error) {
          // Standard output can be in non-blocking mode, set by whoever else holds it: there is nothing to wait on but time.
          if (systemCode(error) === 'EAGAIN') await delay(2);
          else failOutput(path, error, signal);
        }
      }
    },
    async close() {
      if (path === '-') return;
      // A write that was given up may not even have begun: were its descriptor another file's by then, it would go there.
      if (writing !== undefined)
        void writing
          .then(
            () => closeAsync(fd),
            () => closeAsync(fd),
          )
          .catch(() => {});
      else await closeAsync(fd).catch((error: unknown) => failOutput(path, error, signal));
    },
  };
}

async function openAbortably(path: ByteString, signal: AbortSignal | undefined): Promise<number> {
  const opening = openAsync(toFsPath(path), 'w');
  try {
    return await raceAbort(opening, signal);
  } catch (error) {
    // An open that was given up still ends one day, when a reader comes.
    opening.then(closeAsync).catch(() => {});
    return failOutput(path, error, signal);
  }
}

function failOutput(path: ByteString, error: unknown, signal: AbortSignal | undefined): never {
  throwIfAborted(signal);
  throw outputFailed(path, error);
}

function raceAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
