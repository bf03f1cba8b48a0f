import { compareBytes, encodeUtf8 } from '../bytes/index.js';
import { OciError } from './oci-error.js';
import { hasLoneSurrogate, shown } from './text.js';

/**
 * Encodes a value as canonical JSON: equal values have equal bytes.
 *
 * UTF-8, the keys of every object in byte order of their UTF-8, no white space, no newline at the end. A key whose
 * value is undefined is left out. What JSON would change in silence is refused: numbers that are not finite, lone
 * surrogates, undefined in an array, and anything that is no plain object (a Map would become `{}`).
 *
 * @returns a new array
 * @throws {OciError} OCI_JSON_INVALID naming the place, e.g. `$.config.Env[0]`
 */
export function canonicalJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(formatValue(value, '$'));
}

function formatValue(value: unknown, where: string): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return formatNumber(value, where);
  if (typeof value === 'string') return formatString(value, where);
  if (Array.isArray(value)) {
    // Array.from and not map: map leaves holes out, which would join to nothing between two commas.
    return `[${Array.from(value, (item, i) => formatValue(item, `${where}[${i}]`)).join(',')}]`;
  }
  if (typeof value === 'object' && isPlain(value)) return formatObject(value, where);
  throw new OciError(
    'OCI_JSON_INVALID',
    `Cannot encode JSON: ${where} must be null, a boolean, number, string, array or plain object, and is ${kindOf(value)}`,
    { where },
  );
}

function formatNumber(value: number, where: string): string {
  if (!Number.isFinite(value)) {
    throw new OciError('OCI_JSON_INVALID', `Cannot encode JSON: ${where} must be a finite number, and is ${value}`, {
      where,
      value,
    });
  }
  return JSON.stringify(value);
}

function formatString(value: string, where: string): string {
  if (hasLoneSurrogate(value)) {
    throw new OciError(
      'OCI_JSON_INVALID',
      `Cannot encode JSON: ${where} must hold no lone surrogate, and is "${shown(value)}"`,
      { where, value },
    );
  }
  return JSON.stringify(value);
}

function formatObject(value: object, where: string): string {
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    // By bytes: UTF-16 order, which plain sort() takes, puts U+10000 before U+FF5E.
    .map(([key, member]) => ({ key, sortKey: encodeUtf8(key), member }))
    .sort((a, b) => compareBytes(a.sortKey, b.sortKey))
    .map(({ key, member }) => {
      const place = `${where}.${shown(key)}`;
      return `${formatString(key, place)}:${formatValue(member, place)}`;
    });
  return `{${members.join(',')}}`;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function kindOf(value: unknown): string {
  return typeof value === 'object' ? `a ${value?.constructor?.name ?? 'object'}` : typeof value;
}
