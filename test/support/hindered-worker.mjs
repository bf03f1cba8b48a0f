// The package's workers, which something happens to.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getEnvironmentData, parentPort, workerData } from 'node:worker_threads';
import { serveBatches } from '../../dist/layer/serve-batches.js';
import { serveSlabs } from '../../dist/layer/serve-slabs.js';

/**
 * @param delay seed of a generator, by which each slab waits up to 4 ms
 * @param dieAt ends the thread at its Nth slab
 * @param throwAt throws what is no error of ours at its Nth slab
 */
export async function serveHindered(how) {
  await serveSlabs(workerData, (failure) => parentPort.postMessage(failure), hindrance(how));
}

/** What workers of streams count, in memory that the test gives them as environment data of this name. */
export const COUNTS = 'counts of hindered workers';
export const BEGUN = 0;
export const ENDED = 1;
/** Reads of files that another thread opened. */
export const TAKEN = 2;

/**
 * @param delay seed of a generator, by which each batch waits up to 4 ms
 * @param dieAt ends the thread at its Nth batch
 * @param throwAt throws what is no error of ours at its Nth batch
 * @param dieAtWrite ends the thread in its Nth write
 * @param most bytes that the system reads or writes at once
 * @param isStale whether a file is there no more when it is looked at again, as on another machine's file system
 */
export function serveHinderedBatches({ delay, dieAt, throwAt, dieAtWrite, most = Infinity, isStale = false }) {
  const counts = getEnvironmentData(COUNTS);
  const count = (which) => {
    Atomics.add(counts, which, 1);
    Atomics.notify(counts, which);
  };
  const { closeSync, fstatSync, openSync, readSync, writeSync } = fs;
  const opened = new Set();
  fs.openSync = (...args) => {
    const fd = openSync(...args);
    opened.add(fd);
    return fd;
  };
  fs.closeSync = (fd) => {
    opened.delete(fd);
    closeSync(fd);
  };
  let writes = 0;
  const known = new Set();
  fs.fstatSync = (fd) => {
    if (isStale && known.delete(fd))
      throw Object.assign(new Error('ESTALE: stale file handle, fstat'), { code: 'ESTALE' });
    known.add(fd);
    return fstatSync(fd);
  };
  fs.readSync = (fd, bytes, offset, length, position) => {
    if (!opened.has(fd)) count(TAKEN);
    return readSync(fd, bytes, offset, Math.min(length, most), position);
  };
  fs.writeSync = (fd, bytes, offset, length, position) => {
    if (++writes === dieAtWrite) process.exit(7);
    return writeSync(fd, bytes, offset, Math.min(length, most), position);
  };
  syncBuiltinESMExports();
  count(BEGUN);
  try {
    serveBatches(workerData, (message) => parentPort.postMessage(message), hindrance({ delay, dieAt, throwAt }));
  } finally {
    count(ENDED);
  }
}

function hindrance({ delay, dieAt, throwAt }) {
  let state = delay * 7919 + workerData.thread;
  let jobs = 0;
  const clock = new Int32Array(new SharedArrayBuffer(4));
  return () => {
    jobs++;
    if (jobs === dieAt) process.exit(7);
    if (jobs === throwAt) throw new RangeError('thrown on purpose');
    if (delay === undefined) return;
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    Atomics.wait(clock, 0, 0, (state / 2 ** 32) * 4);
  };
}
