import { type ByteString, displayName, encodeUtf8 } from '../bytes/index.js';
import { type Digest, type HashEngine, loadHashEngine } from '../digest/index.js';
import { TarsealError } from '../errors/index.js';
import { type LayerCompression, type SealedLayer, sealStream } from '../layer/index.js';
import { TAR_FORMATS, type TarOptions } from '../tar/index.js';
import { archiveTarget, type OutputTarget, writeSequentially } from '../transport/index.js';
import { canWalkListings } from '../tree/index.js';
import { BuildError } from './build-error.js';
import { compressionOf } from './compression.js';
import { identityOfOutput } from './file-identity.js';
import { loadOrTell } from './load-or-tell.js';
import type { BuildContext } from './spec.js';
import { absolutePath, listTarMembers } from './tar-members.js';
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

  let isReady = false;
  const request: TarRequest = {
    spec,
    context: {
      ...context,
      onReady() {
        if (!isReady) context.onReady?.();
        isReady = true;
      },
    },
    tar,
    target,
    recordSizeBytes: blockingFactor * 512,
    compression,
    engine: await loadHashEngine(spec.hashEngine ?? 'auto'),
  };
  let reason: unknown;
  const listed = await sealListed(request, warn, (error) => {
    reason = error;
  });
  const sealed = listed ?? (await (await loadOrTell(import('./seal-read.js'), reason)).sealRead(request, warn));
  return { sha256: sealed.digest, sizeBytes: sealed.sizeBytes, members: sealed.members, output: spec.output, warnings };
}

/** What there is to do, checked. */
export interface TarRequest {
  readonly spec: TarSpec;
  readonly context: BuildContext;
  readonly tar: TarOptions;
  readonly target: Exclude<OutputTarget, { kind: 'directory' }>;
  readonly recordSizeBytes: number;
  readonly compression: LayerCompression | undefined;
  readonly engine: HashEngine;
}

/** Errors after which a tree is read the thorough way, which tells all that cannot be read, or can do more. */
const TELL_MORE: ReadonlySet<string> = new Set(['READ_FAILED', 'SOURCE_UNREADABLE', 'NOT_AS_LISTED', 'NAME_SIZE']);

/**
 * Packs members as they are listed, which looks at each file once, when it is opened. Only to a file, which nobody sees
 * before it is whole: what goes to a stream cannot be taken back.
 *
 * @param onGivenUp told the error for which it cannot be done so, where there is one
 * @returns undefined where it cannot be done so
 */
async function sealListed(
  { spec, context, tar, target, recordSizeBytes, compression, engine }: TarRequest,
  warn: (message: string) => void,
  onGivenUp: (reason: unknown) => void,
): Promise<SealedLayer | undefined> {
  if (target.kind !== 'file' || compression !== undefined || spec.sort === 'none' || !canWalkListings())
    return undefined;
  const warnings: string[] = [];
  const { members, attributes, modeChanges } = await listTarMembers(
    spec,
    context,
    (message) => void warnings.push(message),
  );
  context.onReady?.();
  try {
    const [sealed] = await writeSequentially(target, context.signal, (output) => {
      if (typeof output !== 'object') throw new TypeError('a file is a region');
      const ownFile = identityOfOutput(output);
      const outputs = target.identity === undefined ? [ownFile] : [target.identity, ownFile];
      return sealStream({
        archives: [members],
        rules: { tar, owners: [attributes], modes: [modeChanges], outputs },
        recordSizeBytes,
        output,
        engine,
        jobs: context.jobs,
        signal: context.signal,
        onLeftOut: ({ fsPath }, { device, inode }) => {
          if (device === ownFile.device && inode === ownFile.inode) return;
          warnings.push(`"${displayName(fsPath)}" is the output and is left out`);
        },
      });
    });
    warnings.forEach(warn);
    return sealed;
  } catch (error) {
    if (error instanceof TarsealError && TELL_MORE.has(error.code)) {
      onGivenUp(error);
      return undefined;
    }
    warnings.forEach(warn);
    throw error;
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
