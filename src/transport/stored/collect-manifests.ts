import type { Digest } from '../../digest/index.js';
import { ANNOTATIONS, type ForeignDescriptor, kindOfMediaType } from '../../oci/index.js';
import type { ReadFailure } from './read-failure.js';

const MAX_INDEX_DEPTH = 4;

/** Of all indexes together, each counted once for every name that its index has: it inherits those. */
const MAX_DESCRIPTORS = 100_000;

/** A descriptor with all names by which it can be chosen. */
export interface NamedDescriptor {
  readonly descriptor: ForeignDescriptor;
  readonly names: Set<string>;
}

/**
 * The manifests of an index and of those in it, each once, with the names that any way to it has. Level by level: an
 * index of indexes that list one another a thousand times has a million ways and a few blobs.
 *
 * @param options whether what BuildKit says of an image counts as one
 * @throws {TransportError} INVALID beyond a depth and a number; whatever `readIndex` throws
 */
export function collectManifests(
  top: readonly ForeignDescriptor[],
  fail: ReadFailure,
  readIndex: (descriptor: ForeignDescriptor) => readonly ForeignDescriptor[],
  { attestations = false }: { readonly attestations?: boolean } = {},
): NamedDescriptor[] {
  const manifests = new Map<Digest, NamedDescriptor>();
  let descriptors = 0;
  let level = new Map<Digest, NamedDescriptor>();
  const take = (listed: readonly ForeignDescriptor[], inherited: ReadonlySet<string>, next: typeof level): void => {
    descriptors += listed.length * Math.max(1, inherited.size);
    if (descriptors > MAX_DESCRIPTORS) {
      throw fail('INVALID', `its indexes must list at most ${MAX_DESCRIPTORS} descriptors, and list more`);
    }
    for (const descriptor of listed) {
      const kind = kindOfMediaType(descriptor.mediaType);
      if ((kind !== 'manifest' && kind !== 'index') || (!attestations && isAttestation(descriptor))) continue;
      const group = kind === 'manifest' ? manifests : next;
      const known = group.get(descriptor.digest) ?? { descriptor, names: new Set() };
      group.set(descriptor.digest, known);
      for (const name of [...inherited, ...namesOf(descriptor)]) known.names.add(name);
    }
  };
  take(top, new Set(), level);
  for (let depth = 1; level.size > 0; depth++) {
    if (depth > MAX_INDEX_DEPTH) {
      throw fail('INVALID', `its indexes must be at most ${MAX_INDEX_DEPTH} deep below index.json, and are deeper`);
    }
    const next: typeof level = new Map();
    for (const { descriptor, names } of level.values()) take(readIndex(descriptor), names, next);
    level = next;
  }
  return [...manifests.values()];
}

function namesOf({ annotations }: ForeignDescriptor): string[] {
  return [ANNOTATIONS.containerdImageName, ANNOTATIONS.refName].flatMap((key) => annotations.get(key) ?? []);
}

/** What BuildKit says of an image stands beside it, as a manifest of no platform. */
function isAttestation({ platform, annotations }: ForeignDescriptor): boolean {
  return (
    annotations.has('vnd.docker.reference.type') || (platform?.os === 'unknown' && platform.architecture === 'unknown')
  );
}
