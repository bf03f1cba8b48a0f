import { shownText } from './difference.js';

/** A value of two documents that is not the same. */
export interface JsonDifference {
  /** `config.Env[2]`; empty for the whole. */
  readonly path: string;
  /** The value as JSON, cut where it is long; `null` where there is none. */
  readonly a: string | null;
  readonly b: string | null;
  /** Whether the values of an array are the same and stand in another order. */
  readonly isOrder: boolean;
}

/** Documents of images have six levels; what is deeper is told by its bytes. */
const MAX_DEPTH = 64;

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Compares two JSON values, of which an absent one is `undefined`. Order of keys says nothing. */
export function compareJson(a: unknown, b: unknown, path = '', depth = 0): JsonDifference[] {
  if (a === b || depth > MAX_DEPTH) return [];
  if (Array.isArray(a) && Array.isArray(b)) return compareArrays(a, b, path, depth);
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => compareJson(own(a, key), own(b, key), pathOf(path, key), depth + 1));
  }
  return [{ path, a: valueText(a), b: valueText(b), isOrder: false }];
}

function compareArrays(a: readonly unknown[], b: readonly unknown[], path: string, depth: number): JsonDifference[] {
  const texts =
    a.length === b.length && [...a, ...b].every(isScalar) ? [a, b].map((values) => values.map(valueText)) : [];
  const [left, right] = texts;
  if (left !== undefined && right !== undefined && [...left].sort().join() === [...right].sort().join()) {
    if (left.join() === right.join()) return [];
    return [{ path, a: valueText(a), b: valueText(b), isOrder: true }];
  }
  const same = (x: number, y: number): boolean => compareJson(a[x], b[y], '', depth + 1).length === 0;
  let start = 0;
  while (start < a.length && start < b.length && same(start, start)) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && same(a.length - 1 - end, b.length - 1 - end)) end++;
  const count = Math.max(a.length, b.length) - end - start;
  return Array.from({ length: count }, (_, index) => start + index).flatMap((index) =>
    compareJson(
      index < a.length - end ? a[index] : undefined,
      index < b.length - end ? b[index] : undefined,
      `${path}[${index}]`,
      depth + 1,
    ),
  );
}

function pathOf(path: string, key: string): string {
  if (!PLAIN_KEY.test(key)) return `${path}[${JSON.stringify(shownText(key))}]`;
  return path === '' ? key : `${path}.${key}`;
}

function valueText(value: unknown): string | null {
  if (value === undefined) return null;
  if (isScalar(value)) return shownText(JSON.stringify(value));
  const values = Object.values(value as object);
  if (values.every(isScalar)) return shownText(JSON.stringify(value));
  return Array.isArray(value) ? `[${values.length} values]` : `{${values.length} keys}`;
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function own(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
