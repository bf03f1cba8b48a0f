import { type ByteString, displayName, displayText } from '../../bytes/index.js';

/** What differs, from the outermost to the innermost. */
export type DifferenceKind =
  /** What the images are stored in: the format, the compression of the archive, which documents it has. */
  | 'container'
  /** An image that only one side has. */
  | 'image'
  /** A value of a JSON document, or how it is written. */
  | 'document'
  /** A layer that only one side has, or that stands elsewhere among the others. */
  | 'layer'
  /** How a layer is stored whose tar is the same. */
  | 'blob'
  /** A member that only one side has. */
  | 'member'
  /** What a header says of a member. */
  | 'field'
  /** What is in a file. */
  | 'content'
  /** How a header says the same. */
  | 'header'
  /** Where members stand among the others. */
  | 'order'
  /** What is in a tar besides members: its end, padding, global headers. */
  | 'archive';

export const DIFFERENCE_KINDS: readonly DifferenceKind[] = [
  'container',
  'image',
  'document',
  'layer',
  'blob',
  'member',
  'field',
  'content',
  'header',
  'order',
  'archive',
];

/** One of each side. */
export interface Both<T> {
  readonly a: T;
  readonly b: T;
}

/** Layers from 1, the lowest first; `null` on the side that has none. */
export type LayerNumbers = Both<number | null>;

/** One place where two images or archives are not the same. */
export interface Difference {
  readonly kind: DifferenceKind;
  /** The image, where there are several in one file. */
  readonly image?: string;
  readonly layer?: LayerNumbers;
  /** Name of a member, as A has it or else B, escaped where it could not be shown. */
  readonly member?: string;
  /** A field of a header, the path of a value in a JSON document, or what of an archive it is. */
  readonly field?: string;
  /** What each side has, as text; `null` where it has nothing. */
  readonly a: string | null;
  readonly b: string | null;
  /**
   * Of the first byte that differs, in bytes: of `content` in the file, of a `document` in the document, otherwise in
   * the uncompressed tar.
   */
  readonly offset?: Both<number>;
  /** The bytes around it. */
  readonly hexdump?: Both<string>;
  /** Whether it is only a digest or a size of what differs for a reason of its own. */
  readonly follows?: true;
}

/** How many differences there are of one kind at one place. */
export interface DifferenceCount extends Pick<Difference, 'kind' | 'image' | 'layer' | 'field'> {
  readonly count: number;
}

/** Takes differences. */
export interface DifferenceSink {
  /**
   * @param more what takes reading once more to find out, and is asked for only where the difference is listed
   */
  add(difference: Difference, more?: () => Pick<Difference, 'offset' | 'hexdump'>): void;
}

/**
 * Counts differences, and lists so many of each kind, layer and field: two archives may differ in millions of members.
 *
 * @param limit at most so many of one group are listed; all where it is infinite
 */
export function createDifferences(limit: number): DifferenceSink & {
  list(): readonly Difference[];
  counts(): readonly DifferenceCount[];
} {
  const listed: Difference[] = [];
  const groups = new Map<string, { readonly of: Difference; count: number }>();
  return {
    add(difference, more) {
      const { kind, image, layer, field } = difference;
      // Each value of a document is a place of its own.
      const key = JSON.stringify([kind, image, layer?.a, layer?.b, kind === 'document' ? '' : field]);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { of: difference, count: 1 });
      else group.count++;
      if ((group?.count ?? 0) <= limit) listed.push(more === undefined ? difference : { ...difference, ...more() });
    },
    list: () => listed,
    counts: () =>
      [...groups.values()].map(({ of: { kind, image, layer, field }, count }) => ({
        kind,
        ...(image !== undefined && { image }),
        ...(layer !== undefined && { layer }),
        ...(field !== undefined && kind !== 'document' && { field }),
        count,
      })),
  };
}

const MAX_SHOWN = 300;

/** A name as differences have it: a name may have a megabyte. */
export function shownName(name: string): string {
  return displayName(name.slice(0, MAX_SHOWN) as ByteString);
}

/** A text as differences have it. */
export function shownText(text: string): string {
  return displayText(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}
