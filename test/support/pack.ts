import { loadHashEngine } from '../../src/digest/index.js';
import type { ArchiveEntry } from '../../src/entry/index.js';
import { type ChunkSink, createSealer, type SealedLayer } from '../../src/layer/index.js';
import type { TarOptions } from '../../src/tar/index.js';

const engine = await loadHashEngine('auto');

/** Seals one archive on one thread. */
export async function packEntries(
  entries: Iterable<ArchiveEntry>,
  output: ChunkSink,
  options: {
    readonly tar: TarOptions;
    readonly recordSizeBytes?: number | undefined;
    readonly signal?: AbortSignal;
    readonly onProgress?: (sizeBytes: number) => void;
  },
): Promise<SealedLayer> {
  const { tar, recordSizeBytes, signal, onProgress } = options;
  const sealer = createSealer({ engine, signal });
  return sealer.seal({ entries, tar, tarSizeBytes: 0, recordSizeBytes, output, onProgress });
}
