import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { systemCode } from '../errors/index.js';
import { LayerError } from './layer-error.js';
import { type LeftOutReport, rebuildFailure, type WorkerMessage } from './worker-protocol.js';

/** Threads that work for this one. */
export interface WorkerPool {
  readonly size: number;
  /** The error of a failed job, once it has arrived: reports come in turns of the event loop. */
  failureOf(job: number): Error | undefined;
  /** Set when a worker ended that should not have: what it had claimed is never filled. */
  died(): LayerError | undefined;
  /** Whether a thread, by its number, still runs. */
  isAlive(thread: number): boolean;
  /** Settled when all have ended as they were told to. */
  readonly ended: Promise<void>;
}

/**
 * Starts workers, of numbers from 1. They end by themselves when they are told to stop, and keep no process from ending.
 *
 * @param count of them at the most: fewer where the system lets this process have no more threads
 * @param url of the program that they run
 * @param dataOf what each is started with
 * @param isStopped whether they have been told to stop: who ends before has failed
 * @param onLeftOut takes their reports that are no failures
 * @returns undefined where there are none: the runtime has no threads, or the system refuses them
 */
export function startWorkers(
  count: number,
  url: URL,
  dataOf: (thread: number) => object,
  isStopped: () => boolean,
  onLeftOut?: (report: LeftOutReport) => void,
): WorkerPool | undefined {
  // Loaded only now, as it costs a tenth of a short run, and without waiting, as who walks a tree does not wait.
  const threads = process.getBuiltinModule('node:worker_threads');
  if (threads?.Worker === undefined) return undefined;
  // Options are inherited, and a worker whose program is a file refuses the one that says what text on standard input is.
  const isText = process.execArgv.some((option) => option.startsWith('--input-type'));
  const start = (thread: number): Worker | undefined => {
    try {
      // A file descriptor that a worker opens it also closes; keeping a list of them would cost at each file.
      return new threads.Worker(url, {
        workerData: dataOf(thread),
        trackUnmanagedFds: false,
        // A worker prints nothing; to pass on what it did would load this thread's own streams, as long as all else here takes.
        stdout: true,
        stderr: true,
        ...(isText && { execArgv: [] }),
      });
    } catch (error) {
      if (systemCode(error) === 'ERR_WORKER_INIT_FAILED') return undefined;
      throw error;
    }
  };

  const failures = new Map<number, Error>();
  const alive = new Set<number>();
  let died: LayerError | undefined;
  let end: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  for (let thread = 1; thread <= count; thread++) {
    const worker = start(thread);
    if (worker === undefined) break;
    alive.add(thread);
    let cause: unknown;
    worker.on('message', (message: WorkerMessage) => {
      if ('job' in message) failures.set(message.job, rebuildFailure(message));
      else onLeftOut?.(message);
    });
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (exitCode) => {
      alive.delete(thread);
      // Who never began has claimed nothing, and the others do without.
      if ((isStopped() && cause === undefined) || isNotBegun(cause, url)) {
        if (alive.size === 0 && died === undefined) end();
        return;
      }
      const why = cause instanceof Error ? cause.message : `it ended with exit code ${exitCode}`;
      died ??= new LayerError('WORKER_FAILED', `Cannot go on: a worker thread failed: ${why}`, { exitCode }, { cause });
    });
    worker.unref();
  }
  if (alive.size === 0) return undefined;
  return {
    size: alive.size,
    failureOf: (job) => failures.get(job),
    died: () => died,
    isAlive: (thread) => alive.has(thread),
    ended,
  };
}

/** Whether a worker ended before its program did anything: for lack of descriptors, say. */
function isNotBegun(cause: unknown, url: URL): boolean {
  if (systemCode(cause) === 'ERR_WORKER_INIT_FAILED') return true;
  // Its program cannot be read.
  const { syscall, path }: Partial<NodeJS.ErrnoException> = cause ?? {};
  return syscall === 'open' && path !== undefined && pathToFileURL(path).href === url.href;
}

/** Whether this runtime lets threads share memory and sleep on it. */
export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer === 'function' && typeof Atomics === 'object';
}
