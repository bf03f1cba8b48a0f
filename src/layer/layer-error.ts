import { TarsealError } from '../errors/index.js';

/**
 * What goes wrong while file contents are read: `SOURCE_CHANGED`, `READ_FAILED`, `CONTENT_SIZE`, `ABORTED`;
 * `NOT_AS_LISTED` and `NAME_SIZE` where a member must be packed in another way; and `WORKER_FAILED` when a worker thread
 * ends that should not.
 */
export class LayerError extends TarsealError {}

/** @throws {LayerError} ABORTED */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new LayerError('ABORTED', 'The build was aborted: nothing was written', {}, { cause: signal.reason });
}
