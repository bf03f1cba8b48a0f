import { type ByteString, directoryName } from '../bytes/index.js';
import type { HashEngine } from '../digest/index.js';
import { compressBlob, type LayerCompression, type SealedLayer, sinkOf } from '../layer/index.js';
import { type LayerSource, storedSizeOf } from './layer-source.js';
import { type ImageLayout, SURE_OF_ONE_BLOCK } from './members.js';
import { writeOciLayout } from './oci-layout/write-layout.js';
import { writeAtomically } from './output/atomic-file.js';
import { writeSequentially } from './output/sequential-output.js';
import type { OutputTarget } from './output/target.js';
import { writeSeekableArchive } from './seekable-archive.js';
import { writeStreamedArchive } from './streamed-archive.js';

export interface WriteOptions {
  readonly engine: HashEngine;
  /** The most threads that compress the archive. */
  readonly jobs?: number | undefined;
  /** Compression of the whole archive; `undefined` leaves it as it is. */
  readonly compression: LayerCompression | undefined;
  /** Where compressed layers wait when the output is a stream; a file's are spooled beside it. */
  readonly temporaryDirectory: ByteString | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WrittenImage {
  readonly layers: readonly SealedLayer[];
  /** Bytes of the archive as it is stored, or of all files of a directory. */
  readonly sizeBytes: number;
}

/**
 * Seals the layers and writes the image, by the road that the output allows: in one pass where it can seek, with a
 * second read or a spool where it cannot. The bytes are the same.
 *
 * @throws {TransportError} OUTPUT_INVALID, OUTPUT_FAILED, SOURCE_CHANGED; {LayerError}; nothing partial is left behind
 */
export async function writeImage(
  target: OutputTarget,
  layout: ImageLayout,
  sources: readonly LayerSource[],
  options: WriteOptions,
): Promise<WrittenImage> {
  if (target.kind === 'directory') return writeOciLayout(layout, sources, target);

  const sizesAreKnown = sources.every(
    (source) => storedSizeOf(source) !== undefined || source.tarSizeBytes <= SURE_OF_ONE_BLOCK,
  );
  if (target.kind === 'file' && options.compression === undefined && sizesAreKnown)
    return writeAtomically(target, (file) => writeSeekableArchive(layout, sources, file));

  const spoolDirectory = target.kind === 'file' ? directoryName(target.path) : options.temporaryDirectory;
  const streamOptions = { spoolDirectory, signal: options.signal };
  return writeSequentially(target, options.signal, async (output) => {
    const sink = sinkOf(output);
    if (options.compression === undefined) return writeStreamedArchive(layout, sources, sink, streamOptions);
    const { compression, engine, jobs, signal } = options;
    const workBytes = sources.reduce((sum, source) => sum + (storedSizeOf(source) ?? source.tarSizeBytes), 0);
    const blob = await compressBlob({ compression, engine, jobs, signal }, workBytes, sink);
    try {
      const { layers } = await writeStreamedArchive(layout, sources, blob.push, streamOptions);
      const { sizeBytes } = await blob.finish();
      return { layers, sizeBytes };
    } finally {
      blob.close();
    }
  });
}
