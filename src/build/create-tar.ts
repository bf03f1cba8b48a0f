import { type ByteString, encodeUtf8 } from '../bytes/index.js';
import { type Digest, loadHashEngine } from '../digest/index.js';
import { createSealer } from '../layer/index.js';
import { measureArchive, TAR_FORMATS, type TarOptions } from '../tar/index.js';
import { archiveTarget, writeSequentially } from '../transport/index.js';
import { BuildError } from './build-error.js';
import { compressionOf } from './compression.js';
import type { BuildContext } from './spec.js';
import { absolutePath, collectTarMembers } from './tar-members.js';
import type { TarSpec } from './tar-spec.js';

export interface CreatedTar {
  /** Of the output as it is stored, compressed or not. */
  readonly sha256: Digest;
  readonly sizeBytes: number;
  readonly members: number;
  readonly output: string;
  readonly warnings: readonly string[];
}

const MAX_BLOCKING_FACTOR = 65_536;

/**
 * Writes an archive, byte for byte as GNU tar 1.34 does with
 * `--sort=name --mtime=@1 --owner=root:0 --group=root:0 --hard-dereference` in the same format.
 *
 * @throws {TarsealError} with a stable code; nothing partial is left behind, and a target that was there is untouched
 */
export async function createTar(spec: TarSpec, context: BuildContext = {}): Promise<CreatedTar> {
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    context.onWarning?.(message);
  };
  const tar = tarOptionsOf(spec);
  const blockingFactor = spec.blockingFactor ?? 20;
  if (!Number.isInteger(blockingFactor) || blockingFactor < 1 || blockingFactor > MAX_BLOCKING_FACTOR) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --blocking-factor ${blockingFactor}: it must be an integer from 1 to ${MAX_BLOCKING_FACTOR}`,
    );
  }
  const target = archiveTarget(outputPath(spec.output, context.cwd));
  if (target.kind === 'directory') throw new BuildError('SPEC_INVALID', 'Cannot write an archive to a directory');
  const compression = await compressionOf(spec.compression, spec.codec);

  const entries = collectTarMembers(spec, context, target.identity === undefined ? [] : [target.identity], warn);
  // What the format cannot hold is found here, before a byte is written to anyone.
  const recordSizeBytes = blockingFactor * 512;
  const tarSizeBytes = measureArchive(entries, tar, recordSizeBytes);
  context.onReady?.();
  const engine = await loadHashEngine(spec.hashEngine ?? 'auto');
  const sealer = createSealer({ engine, compression, jobs: context.jobs, signal: context.signal });
  try {
    const { digest, sizeBytes, members } = await writeSequentially(target, context.signal, (output) =>
      sealer.seal({ entries, tar, tarSizeBytes, recordSizeBytes, output }),
    );
    return { sha256: digest, sizeBytes, members, output: spec.output, warnings };
  } finally {
    sealer.close();
  }
}

function tarOptionsOf(spec: TarSpec): TarOptions {
  const format = spec.format ?? 'ustar';
  if (!TAR_FORMATS.includes(format)) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --format "${String(format)}": it must be one of ${TAR_FORMATS.join(', ')}`,
    );
  }
  if (spec.strict && format !== 'ustar')
    throw new BuildError(
      'SPEC_CONFLICT',
      `Cannot write: --strict is for the ustar format, and the format is ${format}`,
    );
  return { format, strict: spec.strict ?? false, numericOwner: spec.numericOwner ?? false };
}

function outputPath(output: string, cwd: string | undefined): ByteString {
  return output === '-' ? encodeUtf8(output) : absolutePath(encodeUtf8(output), cwd);
}
