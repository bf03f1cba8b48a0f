// The package's worker, which something happens to.
import { parentPort, workerData } from 'node:worker_threads';
import { serveSlabs } from '../../dist/layer/serve-slabs.js';

/**
 * @param delay seed of a generator, by which each slab waits up to 4 ms
 * @param dieAt ends the thread at its Nth slab
 * @param throwAt throws what is no error of ours at its Nth slab
 */
export async function serveHindered({ delay, dieAt, throwAt }) {
  let state = delay * 7919 + workerData.thread;
  let slabs = 0;
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const beforeJob = () => {
    slabs++;
    if (slabs === dieAt) process.exit(7);
    if (slabs === throwAt) throw new RangeError('thrown on purpose');
    if (delay === undefined) return;
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    Atomics.wait(clock, 0, 0, (state / 2 ** 32) * 4);
  };
  await serveSlabs(workerData, (failure) => parentPort.postMessage(failure), beforeJob);
}
