import { writeFullyAt } from './output.js';
import { createBatchReader, type ReaderReports } from './read-batch.js';
import { OutputFailure } from './slab-job.js';
import { openStream } from './stream-memory.js';
import { describeFailure, type StreamWorkerStart, type WorkerMessage, WRITING } from './worker-protocol.js';

/**
 * A worker's whole life: writes what is filled, packs batches, and sleeps where there is neither, until the stream is
 * stopped.
 *
 * @param report takes messages; a failure before its batch says so
 * @param beforeBatch runs when a batch is claimed, before anything is done with it
 */
export function serveBatches(
  { memory, thread, rules, fd }: StreamWorkerStart,
  report: (message: WorkerMessage) => void,
  beforeBatch: (batch: number) => void = () => {},
): void {
  const stream = openStream(memory);
  const reports: ReaderReports = {
    failed: (batch, error) => report(describeFailure(batch, error)),
    leftOut(batch, member, output) {
      report({ batch, member, output });
      stream.leaveOut();
    },
  };
  const write = (): boolean => {
    try {
      return stream.write((bytes, position) => writeFullyAt(fd, bytes, position), Infinity);
    } catch (cause) {
      report(describeFailure(WRITING, new OutputFailure('Cannot write', { cause })));
      return false;
    }
  };
  const reader = createBatchReader(stream, thread, rules, reports);

  stream.setRunning(thread, true);
  try {
    for (;;) {
      const seen = stream.events();
      if (stream.isStopped()) return;
      if (write()) continue;
      if (reader.isIdle()) {
        const batch = stream.claim(thread);
        if (batch < 0) {
          stream.wait(seen);
          continue;
        }
        beforeBatch(batch);
        reader.begin(batch);
      } else if (stream.freeSlab(thread) === undefined) {
        stream.wait(seen);
        continue;
      }
      reader.step();
    }
  } finally {
    reader.close();
    stream.setRunning(thread, false);
  }
}
