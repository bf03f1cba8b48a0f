import type { ByteString } from '../../bytes/index.js';
import { type ChunkSink, type FileRegion, throwIfAborted } from '../../layer/index.js';
import { writeAtomically } from './atomic-file.js';
import type { OutputTarget } from './target.js';

const STDOUT = '-' as ByteString;

/**
 * Lets `work` write an output from its beginning to its end. A file appears when the work is done; when it fails, the
 * target is untouched.
 *
 * @throws {TransportError} OUTPUT_INVALID, OUTPUT_FAILED; whatever `work` throws
 */
export async function writeSequentially<T>(
  target: Exclude<OutputTarget, { kind: 'directory' }>,
  signal: AbortSignal | undefined,
  work: (output: ChunkSink | FileRegion) => Promise<T>,
): Promise<T> {
  if (target.kind === 'sink') {
    return work((chunk) => {
      throwIfAborted(signal);
      return target.take(chunk);
    });
  }
  if (target.kind !== 'file') {
    const { openStream } = await import('./stream-output.js');
    const stream = await openStream(target.kind === 'stdout' ? STDOUT : target.path, signal);
    try {
      return await work((chunk) => stream.write(chunk));
    } finally {
      await stream.close();
    }
  }
  return writeAtomically(target, (file) => work(file.region(0)));
}
