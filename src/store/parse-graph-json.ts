import { type ByteString, displayText, encodeUtf8, joinPath } from '../bytes/index.js';
import { shownText, syntaxError } from './graph-syntax.js';
import type { StoreError } from './store-error.js';
import type { StoreItem } from './store-item.js';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The items of the JSON forms, in their order.
 *
 * An object whose keys are no paths has graphs as members: those that its `exportReferencesGraph` names, as in a
 * whole `.attrs.json`; where there is none, every array whose first element has references. Other members may be anything.
 *
 * @throws {StoreError} GRAPH_SYNTAX with the JSON path, e.g. `$.closure[3].references[0]`
 */
export function* parseJsonItems(bytes: Uint8Array, source: string): Generator<StoreItem> {
  const document = parseJson();
  if (!isObject(document)) return yield* parseArray(document, '$');
  const info = member(document, 'info');
  if (isObject(info) && Object.hasOwn(document, 'storeDir')) {
    return yield* parseKeyed(info, '$.info', member(document, 'storeDir'));
  }
  if (Object.keys(document).some((key) => key.startsWith('/'))) return yield* parseKeyed(document, '$');
  const named = member(document, 'exportReferencesGraph');
  const names = isObject(named)
    ? Object.keys(named)
    : Object.keys(document).filter((name) => beginsWithItem(member(document, name)));
  for (const name of names) yield* parseArray(member(document, name), below('$', name));

  function parseJson(): unknown {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (error) {
      throw syntaxError(source, 'it', 'be JSON in UTF-8', `is not: ${displayText((error as Error).message)}`);
    }
  }

  function* parseArray(value: unknown, place: string): Generator<StoreItem> {
    if (!Array.isArray(value)) throw wrong(place, 'be an array', value);
    for (const [i, item] of value.entries()) {
      const itemPlace = `${place}[${i}]`;
      const fields = fieldsOf(item, itemPlace);
      yield parseItem(fields, itemPlace, parsePath(member(fields, 'path'), `${itemPlace}.path`));
    }
  }

  function* parseKeyed(items: JsonObject, place: string, storeDirectory?: unknown): Generator<StoreItem> {
    for (const [key, item] of Object.entries(items)) {
      // Besides the paths, `nix path-info` may say where the store is, and which version of the format this is.
      if (key === 'storeDir' || key === 'version') continue;
      const itemPlace = below(place, key);
      yield parseItem(fieldsOf(item, itemPlace), itemPlace, parsePath(key, itemPlace, storeDirectory), storeDirectory);
    }
  }

  function fieldsOf(item: unknown, place: string): JsonObject {
    if (item === null) throw wrong(place, 'be an object (the store does not know this path)', item);
    if (!isObject(item)) throw wrong(place, 'be an object', item);
    if (member(item, 'valid') === false)
      throw wrong(`${place}.valid`, 'be true (the store does not know this path)', false);
    return item;
  }

  function parseItem(fields: JsonObject, place: string, path: ByteString, storeDirectory?: unknown): StoreItem {
    const references = member(fields, 'references');
    if (!Array.isArray(references)) throw wrong(`${place}.references`, 'be an array', references);
    const narSize = member(fields, 'narSize') ?? 0;
    if (!Number.isSafeInteger(narSize) || (narSize as number) < 0) {
      throw wrong(`${place}.narSize`, 'be a safe integer from 0', narSize);
    }
    return {
      path,
      references: references.map((reference, i) => parsePath(reference, `${place}.references[${i}]`, storeDirectory)),
      // Nix writes 0 for a size that it does not know.
      ...(narSize !== 0 && { narSizeBytes: narSize as number }),
    };
  }

  /** @param storeDirectory what a base name is relative to, as version 2 of `nix path-info --json-format` has them */
  function parsePath(value: unknown, place: string, storeDirectory?: unknown): ByteString {
    if (typeof value !== 'string') throw wrong(place, 'be a path', value);
    if (/\p{Surrogate}/u.test(value)) throw wrong(place, 'hold no lone surrogate', value);
    const path = encodeUtf8(value);
    if (path.startsWith('/')) return path;
    if (typeof storeDirectory !== 'string') throw wrong(place, 'be an absolute path', value);
    return joinPath(encodeUtf8(storeDirectory), path);
  }

  function wrong(place: string, rule: string, value: unknown): StoreError {
    return syntaxError(source, place, rule, describe(value));
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function beginsWithItem(value: unknown): boolean {
  return Array.isArray(value) && isObject(value[0]) && Object.hasOwn(value[0], 'references');
}

/** A member of the object's own: `__proto__` and `constructor` are keys like any other. */
function member(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function below(place: string, key: string): string {
  return /^[A-Za-z_]\w*$/.test(key) && key.length < 100 ? `${place}.${key}` : `${place}[${shownText(key)}]`;
}

function describe(value: unknown): string {
  if (value === undefined) return 'is missing';
  if (Array.isArray(value)) return 'is an array';
  if (isObject(value)) return 'is an object';
  return `is ${typeof value === 'string' ? shownText(value) : String(value)}`;
}
