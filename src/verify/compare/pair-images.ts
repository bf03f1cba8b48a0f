import type { StoredImage } from '../open/index.js';

/** Two images that are taken for one; `undefined` on the side that has none. */
export interface ImagePair {
  readonly a: StoredImage | undefined;
  readonly b: StoredImage | undefined;
}

/** Pairs images of two files: by config, by name, by platform, and what is left in its order. */
export function pairImages(a: readonly StoredImage[], b: readonly StoredImage[]): ImagePair[] {
  const right = new Set(b);
  const partners = new Map<StoredImage, StoredImage>();
  const rules: readonly ((x: StoredImage, y: StoredImage) => boolean)[] = [
    (x, y) => x.config !== undefined && x.config.digest === y.config?.digest,
    (x, y) => platformOf(x) === platformOf(y) && [...x.names].some((name) => y.names.has(name)),
    (x, y) => x.content !== undefined && platformOf(x) === platformOf(y),
    () => true,
  ];
  for (const isSame of rules) {
    for (const x of a) {
      if (partners.has(x)) continue;
      const found = [...right].find((y) => isSame(x, y));
      if (found === undefined) continue;
      partners.set(x, found);
      right.delete(found);
    }
  }
  return [
    ...a.map((image) => ({ a: image, b: partners.get(image) })),
    ...[...right].map((image) => ({ a: undefined, b: image })),
  ];
}

function platformOf({ content }: StoredImage): string {
  return content === undefined ? '' : JSON.stringify(content.platform);
}
