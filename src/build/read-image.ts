import { encodeUtf8 } from '../bytes/index.js';
import { createSealer } from '../layer/index.js';
import { inTurn, type LayerSource, writeImage } from '../transport/index.js';
import { compressionOf } from './compression.js';
import { assembleLayout } from './image-assembly.js';
import { readLayers } from './read-layers.js';
import { type BuildRequest, progressOf, type WrittenBuild } from './write-request.js';

/** Writes an image when all of its sources have been looked at: to wherever, compressed or not. */
export async function writeReadImage({ build, engine, context, jobs }: BuildRequest): Promise<WrittenBuild> {
  const { spec, base, target } = build;
  const layers = readLayers(build, jobs);
  const layerCompression = await compressionOf(build.layerCompression, spec.codec);
  const compression = await compressionOf(spec.compression, spec.codec);

  context.onReady?.();
  const onProgress = progressOf(
    context,
    layers.map(({ tarSizeBytes }) => tarSizeBytes),
  );
  // Where the whole archive is compressed, that takes the time: threads are better used there than for its layers.
  const layerJobs = compression === undefined || layerCompression !== undefined ? jobs : 1;
  const sealer = createSealer({ engine, compression: layerCompression, jobs: layerJobs, signal: context.signal });
  const sources = layers.map(
    ({ entries, tar, tarSizeBytes }): LayerSource => ({
      tarSizeBytes,
      compressed: layerCompression !== undefined,
      seal: (output) => sealer.seal({ entries, tar, tarSizeBytes, output, onProgress }),
    }),
  );
  const baseSources = inTurn((base?.layers ?? []).map(({ source }) => source));
  const assembly = assembleLayout(build, layers, engine, layerCompression !== undefined);
  const written = await writeImage(target!, assembly.layout, [...baseSources, ...sources], {
    engine,
    jobs,
    compression,
    temporaryDirectory: context.temporaryDirectory === undefined ? undefined : encodeUtf8(context.temporaryDirectory),
    signal: context.signal,
  }).finally(sealer.close);
  return { assembly, layers, written };
}
