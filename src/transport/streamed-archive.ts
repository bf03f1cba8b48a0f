import { type ByteString, createReadBuffer } from '../bytes/index.js';
import { type ChunkSink, type SealedLayer, throwIfAborted } from '../layer/index.js';
import { trailerSize } from '../tar/index.js';
import { allSealed, type LayerSource, sealAgain, storedSizeOf } from './layer-source.js';
import { type ImageLayout, OUTER_RECORD_SIZE, outerHeader, paddingAfter } from './members.js';
import { openSpool, type Spool } from './output/atomic-file.js';
import { TransportError } from './transport-error.js';

/** Bytes copied from the spool at a time. */
const COPY_SIZE = 1 << 20;

export interface StreamedArchiveOptions {
  /** Where compressed layers wait until their names are known; needed only for those. */
  readonly spoolDirectory: ByteString | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes an archive to a sink that cannot seek. A layer's name, its digest, precedes its bytes, so that every layer is
 * sealed before anything is written: those that are not compressed here are then read a second time, those that are
 * are spooled, because compressing costs more than storing.
 *
 * @returns the sealed layers and the archive's size in bytes
 */
export async function writeStreamedArchive(
  layout: ImageLayout,
  sources: readonly LayerSource[],
  sink: ChunkSink,
  options: StreamedArchiveOptions,
): Promise<{ layers: SealedLayer[]; sizeBytes: number }> {
  let spool: Spool | undefined;
  try {
    const isSpooled = sources.map((source) => storedSizeOf(source) === undefined);
    if (isSpooled.includes(true)) spool = openSpoolIn(options.spoolDirectory);
    const layers = await allSealed(
      sources.map((source, index) => source.seal(isSpooled[index] ? (chunk) => spool!.append(chunk) : undefined)),
    );
    let spoolEnd = 0;
    const spooledAt = layers.map(({ sizeBytes: size }, index) => {
      if (!isSpooled[index]) return -1;
      spoolEnd += size;
      return spoolEnd - size;
    });

    let sizeBytes = 0;
    const emit: ChunkSink = async (chunk) => {
      await sink(chunk);
      sizeBytes += chunk.length;
    };
    for (const { name, body } of layout.members(layers)) {
      throwIfAborted(options.signal);
      if (body.type === 'directory') {
        await emit(outerHeader(name, 'directory', layout.tar));
        continue;
      }
      const size = body.type === 'layer' ? layers[body.index]!.sizeBytes : body.bytes.length;
      await emit(outerHeader(name, size, layout.tar));
      if (body.type === 'file') await emit(body.bytes);
      else if (spooledAt[body.index]! >= 0)
        await copySpooled(spool!, spooledAt[body.index]!, size, emit, options.signal);
      else await sealAgain(sources[body.index]!, layers[body.index]!, emit);
      await emit(paddingAfter(size));
    }
    await emit(new Uint8Array(trailerSize(sizeBytes, OUTER_RECORD_SIZE)));
    return { layers, sizeBytes };
  } finally {
    spool?.close();
  }
}

function openSpoolIn(directory: ByteString | undefined): Spool {
  if (directory === undefined) {
    throw new TransportError(
      'SPOOL_MISSING',
      'Cannot write compressed layers to a stream: they must be stored before their names are known, and no temporary directory was given',
    );
  }
  return openSpool(directory);
}

async function copySpooled(
  spool: Spool,
  position: number,
  sizeBytes: number,
  emit: ChunkSink,
  signal: AbortSignal | undefined,
): Promise<void> {
  const buffer = createReadBuffer(COPY_SIZE);
  let done = 0;
  while (done < sizeBytes) {
    throwIfAborted(signal);
    const count = spool.readAt(buffer.subarray(0, Math.min(COPY_SIZE, sizeBytes - done)), position + done);
    if (count === 0)
      throw new TransportError(
        'OUTPUT_FAILED',
        `Cannot read back a layer: its temporary file ends after ${done} of ${sizeBytes} bytes`,
      );
    await emit(buffer.subarray(0, count));
    done += count;
  }
}
