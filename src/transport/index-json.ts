import { type ByteString, displayName } from '../bytes/index.js';
import { canonicalJson } from '../oci/index.js';
import { TransportError } from './transport-error.js';

const REF_NAME = 'org.opencontainers.image.ref.name';

/**
 * Lays the index of a new image over that of an existing layout: images of other tags stay, one of a tag that the new
 * image has is replaced, and so is one of the same digest without a tag.
 *
 * @param existing text of the `index.json` that is there; `undefined` where there is none
 * @throws {TransportError} OUTPUT_INVALID when the existing index is none
 */
export function mergeIndexJson(existing: string | undefined, added: Uint8Array, path: ByteString): Uint8Array {
  if (existing === undefined) return added;
  const before = parseIndex(existing, path);
  const after = parseIndex(new TextDecoder().decode(added), path);
  const keys = new Set(after.manifests.map(keyOf));
  return canonicalJson({
    ...before,
    manifests: [...before.manifests.filter((descriptor) => !keys.has(keyOf(descriptor))), ...after.manifests],
  });
}

interface IndexShape {
  readonly manifests: readonly Readonly<Record<string, unknown>>[];
}

function parseIndex(text: string, path: ByteString): IndexShape {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidIndex(path, error);
  }
  if (!isObject(value) || !Array.isArray(value['manifests']) || !value['manifests'].every(isObject))
    throw invalidIndex(path);
  return value as unknown as IndexShape;
}

function keyOf(descriptor: Readonly<Record<string, unknown>>): string {
  const annotations = descriptor['annotations'];
  const tag = isObject(annotations) ? annotations[REF_NAME] : undefined;
  return typeof tag === 'string' ? `tag ${tag}` : `digest ${String(descriptor['digest'])}`;
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
