import type { ArchiveEntry, FileIdentity } from '../entry/index.js';
import { createSealer, enoughWork, type SealedLayer } from '../layer/index.js';
import { measureMember, type TarOptions } from '../tar/index.js';
import { writeSequentially } from '../transport/index.js';
import type { TarRequest } from './create-tar.js';
import { identityOfOutput } from './file-identity.js';
import { readTarMembers } from './tar-members.js';

/** Packs members when they have been looked at: to wherever, compressed or not, and in any order. */
export async function sealRead(
  { spec, context, tar, target, recordSizeBytes, compression, engine }: TarRequest,
  warn: (message: string) => void,
): Promise<SealedLayer> {
  const outputs = target.identity === undefined ? [] : [target.identity];
  const ownFiles: FileIdentity[] = [];
  const members = await readTarMembers(spec, context, { outputs, ownFiles }, warn);
  const crew = { compression, jobs: context.jobs, signal: context.signal };
  // Nobody sees what is written to a file before it is whole, so that its members may still be read while it is. What
  // goes to a stream cannot be taken back: what cannot be read, or the format cannot hold, must be found before.
  const { entries, tarSizeBytes } = readAhead(members, tar, target.kind === 'file' ? enoughWork(crew) : Infinity);
  context.onReady?.();
  const sealer = createSealer({ engine, ...crew });
  try {
    return await writeSequentially(target, context.signal, (output) => {
      if (typeof output === 'object') ownFiles.push(identityOfOutput(output));
      return sealer.seal({ entries, tar, tarSizeBytes, recordSizeBytes, output });
    });
  } finally {
    sealer.close();
  }
}

/**
 * Takes members until there is work of so many bytes.
 *
 * @returns all of them, the rest still to be read; and what is known of their size
 */
function readAhead(
  members: Iterator<ArchiveEntry>,
  tar: TarOptions,
  enoughBytes: number,
): { readonly entries: Iterable<ArchiveEntry>; readonly tarSizeBytes: number } {
  const known: ArchiveEntry[] = [];
  let tarSizeBytes = 0;
  while (tarSizeBytes < enoughBytes) {
    const { done, value } = members.next();
    if (done) return { entries: known, tarSizeBytes };
    known.push(value);
    tarSizeBytes += measureMember(value, tar);
  }
  return { entries: joined(known, members), tarSizeBytes };
}

function* joined(known: readonly ArchiveEntry[], rest: Iterator<ArchiveEntry>): Generator<ArchiveEntry, void> {
  yield* known;
  for (let next = rest.next(); !next.done; next = rest.next()) yield next.value;
}
