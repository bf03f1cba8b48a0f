import { type ByteString, displayName } from '../../bytes/index.js';
import { ANNOTATIONS, canonicalJson } from '../../oci/index.js';
import { TransportError } from '../transport-error.js';

/**
 * Lays the index of a new image over that of an existing layout: images of other names stay, one of a name that the new
 * image has is replaced (the full name where there is one, else the tag), and so is one of the same digest without any.
 *
 * @param existing text of the `index.json` that is there; `undefined` where there is none
 * @throws {TransportError} OUTPUT_INVALID when the existing index is none
 */
export function mergeIndexJson(existing: string | undefined, added: Uint8Array, path: ByteString): Uint8Array {
  if (existing === undefined) return added;
  const before = parseIndexJson(existing, path);
  const after = parseIndexJson(new TextDecoder().decode(added), path);
  const keys = new Set(after.manifests.map(keyOf));
  return canonicalJson({
    ...before,
    manifests: [...before.manifests.filter((descriptor) => !keys.has(keyOf(descriptor))), ...after.manifests],
  });
}

export interface IndexShape {
  readonly manifests: readonly Readonly<Record<string, unknown>>[];
}

/** @throws {TransportError} OUTPUT_INVALID for what is no image index */
export function parseIndexJson(text: string, path: ByteString): IndexShape {
  let value: unknown;
  try {
    value = JSON.parse(text);
    // What could not be written back as it was read (too deep, no Unicode) must be refused before work is done.
    canonicalJson(value);
  } catch (error) {
    throw invalidIndex(path, error);
  }
  if (!isObject(value) || value['schemaVersion'] !== 2 || !isDescriptors(value['manifests'])) throw invalidIndex(path);
  return value as unknown as IndexShape;
}

/** A size beyond 2^53 would be written back as another. */
function isDescriptors(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((descriptor) => isObject(descriptor) && Number.isSafeInteger(descriptor['size']))
  );
}

function keyOf(descriptor: Readonly<Record<string, unknown>>): string {
  const annotations = descriptor['annotations'];
  const names = isObject(annotations)
    ? [annotations[ANNOTATIONS.containerdImageName], annotations[ANNOTATIONS.refName]]
    : [];
  const name = names.find((value) => typeof value === 'string');
  return name === undefined ? `digest ${String(descriptor['digest'])}` : `name ${name}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalidIndex(path: ByteString, cause?: unknown): TransportError {
  return new TransportError(
    'OUTPUT_INVALID',
    `Cannot add to the OCI layout: "${displayName(path)}" is no image index`,
    { path },
    { cause },
  );
}
