import { RECORD_SIZE } from '../bytes/index.js';
import { parseCompression } from '../compress/index.js';
import { TarsealError } from '../errors/index.js';
import { type SealedLayer, sealStream } from '../layer/index.js';
import { inTurn, type LayerSequence, writeSequencedImage } from '../transport/index.js';
import { canWalkListings } from '../tree/index.js';
import { BuildError } from './build-error.js';
import { identityOfOutput } from './file-identity.js';
import { assembleLayout } from './image-assembly.js';
import { type ListedLayers, listLayers, notListed } from './list-layers.js';
import { type BuildRequest, progressOf, type WrittenBuild } from './write-request.js';

/** Errors that reading the sources the thorough way would not tell in another way. */
const FINAL: ReadonlySet<string> = new Set(['ABORTED', 'OUTPUT_FAILED', 'SOURCE_CHANGED', 'WORKER_FAILED']);

/**
 * Writes an image whose members are packed as they are listed, which looks at each file once, when it is opened. Only to a
 * file, which nobody sees before it is whole: what goes to a stream cannot be taken back.
 *
 * @param onGivenUp told the error for which it cannot be done so, where there is one
 * @returns undefined where it cannot be done so; then nothing is written, and nobody has been warned
 */
export async function writeListedImage(
  request: BuildRequest,
  onGivenUp: (reason: unknown) => void,
): Promise<WrittenBuild | undefined> {
  const { build, engine, context } = request;
  const { target, base, spec } = build;
  if (target?.kind !== 'file' || spec.codec !== undefined || !canWalkListings()) return undefined;
  let listed: ListedLayers | undefined;
  try {
    if ([build.layerCompression, spec.compression ?? 'none'].some(isCompressed)) return undefined;
    listed = listLayers(build, request.jobs);
    if (listed === undefined) return undefined;
    const { layers } = listed;
    const assembly = assembleLayout(build, layers, engine, false);
    const baseSources = inTurn((base?.layers ?? []).map(({ source }) => source));
    context.onReady?.();
    const sequence = sequenceOf(listed, request);
    const written = await writeSequencedImage(target, assembly.layout, baseSources, sequence);
    listed.warnings(true).forEach(build.warn);
    return { assembly, layers, written };
  } catch (error) {
    if (error instanceof TarsealError && !FINAL.has(error.code)) {
      onGivenUp(error);
      return undefined;
    }
    listed?.warnings(false).forEach(build.warn);
    throw error;
  }
}

function isCompressed(text: string): boolean {
  return parseCompression(text).encoding !== 'none';
}

function sequenceOf({ layers, members, rules, sizes }: ListedLayers, request: BuildRequest): LayerSequence {
  const { build, engine, context, jobs } = request;
  const { tar } = build.layering;
  return {
    layers: layers.length,
    async seal(output, room) {
      // What is being written is there when sources are listed.
      const ownFile = identityOfOutput(output);
      const sealed = await sealStream({
        archives: members,
        rules: { ...rules, tar, outputs: [...build.sources.outputs, ownFile] },
        recordSizeBytes: RECORD_SIZE,
        ...room,
        output,
        engine,
        jobs,
        signal: context.signal,
        onProgress: progressOf(context, sizes),
        onLeftOut(_, { device, inode }) {
          // Which warnings came before the one that it is worth is not known any more.
          if (device !== ownFile.device || inode !== ownFile.inode) throw notListed();
        },
      });
      if (sizes !== undefined) checkSizes(sealed, sizes);
      return sealed;
    },
  };
}

/** Layers that are no more in the order of their sizes would be another image. */
function checkSizes(layers: readonly SealedLayer[], sizes: readonly number[]): void {
  for (const [index, { tarSizeBytes }] of layers.entries()) {
    if (tarSizeBytes === sizes[index]) continue;
    throw new BuildError(
      'SOURCE_CHANGED',
      `Cannot write layer ${index + 1}: its sources changed during the build: it was measured as ${sizes[index]} bytes, and has ${tarSizeBytes}`,
    );
  }
}
