import { writeFullyAt } from './output.js';
import { type BatchReader, createBatchReader, type ReaderReports } from './read-batch.js';
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
  const own = createBatchReader(stream, thread, rules, reports);
  /** Made when it is needed: V8 compiles functions better of which there is one. */
  let takingOver: BatchReader | undefined;
  /** @returns whether there was anything to pack, and room for it */
  const goOnWithOther = (): boolean => {
    if (takingOver?.isIdle() !== false) {
      const rest = stream.takeOver(stream.workers + thread);
      if (rest === undefined) return false;
      takingOver ??= createBatchReader(stream, stream.workers + thread, rules, reports);
      takingOver.goOn(rest);
    }
    return step(takingOver, stream.workers + thread);
  };
  const goOnWithOwn = (): boolean => {
    if (own.isIdle()) {
      const batch = stream.claim(thread);
      if (batch < 0) return false;
      beforeBatch(batch);
      own.begin(batch);
    }
    return step(own, thread);
  };
  const step = (reader: BatchReader, number: number): boolean => {
    if (stream.freeSlab(number) === undefined) return false;
    reader.step();
    return true;
  };

  stream.setRunning(thread, true);
  try {
    for (;;) {
      const seen = stream.events();
      if (stream.isStopped()) return;
      // What was taken over before what is its own: others wait for it, as it is of the oldest batch, or nearly.
      if (!write() && !goOnWithOther() && !goOnWithOwn()) stream.wait(seen);
    }
  } finally {
    own.close();
    takingOver?.close();
    stream.setRunning(thread, false);
  }
}
