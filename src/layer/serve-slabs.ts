import { loadCodec } from '../compress/index.js';
import { runJob } from './slab-job.js';
import { FAILED, FILLED, openRing } from './slab-ring.js';
import { describeFailure, type WorkerFailure, type WorkerStart } from './worker-protocol.js';

/**
 * A worker's whole life: claims planned slabs, oldest first, fills them, and sleeps where there are none, until the
 * ring is stopped.
 *
 * @param report takes a failure, before its slot says so
 * @param beforeJob runs when a slab is claimed, before anything is done with it
 */
export async function serveSlabs(
  start: WorkerStart,
  report: (failure: WorkerFailure) => void,
  beforeJob: (slot: number) => void = () => {},
): Promise<void> {
  const codec = start.codec === undefined ? undefined : await loadCodec(start.codec);
  const ring = openRing(start.ring);
  for (;;) {
    const seen = ring.workCount();
    if (ring.isStopped()) return;
    const slot = ring.claim(start.thread);
    if (slot < 0) {
      ring.waitForWork(seen);
      continue;
    }
    try {
      beforeJob(slot);
      ring.setResultLength(slot, runJob(ring.getJob(slot), ring.slab(slot), ring.result(slot), codec, ring.writeAlone));
      ring.setState(slot, FILLED);
    } catch (error) {
      report(describeFailure(slot, error));
      ring.setState(slot, FAILED);
    }
  }
}
