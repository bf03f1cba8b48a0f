import { normalizedReference, OciError, parseReference } from '../../oci/index.js';

/** Whether one of the names is `reference`, as it stands or in full. */
export function isNamed(names: ReadonlySet<string>, reference: string): boolean {
  if (names.has(reference)) return true;
  const wanted = normalized(reference);
  return wanted !== undefined && [...names].some((name) => normalized(name) === wanted);
}

function normalized(name: string): string | undefined {
  try {
    return normalizedReference(parseReference(name));
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}
