import { type ByteString, displayName, displayText } from '../bytes/index.js';
import { StoreError } from './store-error.js';

/** Of a longer text a message shows the beginning. */
const MAX_SHOWN = 100;

/**
 * The error of a graph that cannot be read.
 *
 * @param place a line or a JSON path
 * @param rule completes "must"
 * @param finding completes "and", e.g. `is "x"`
 */
export function syntaxError(source: string, place: string, rule: string, finding: string): StoreError {
  return new StoreError('GRAPH_SYNTAX', `Cannot read ${source}: ${place} must ${rule}, and ${finding}`, {
    place,
    rule,
  });
}

/** Bytes of a graph as a message shows them. */
export function shownBytes(bytes: ByteString): string {
  return bytes.length > MAX_SHOWN
    ? `"${displayName(bytes.slice(0, MAX_SHOWN) as ByteString)}…"`
    : `"${displayName(bytes)}"`;
}

/** Text of a graph as a message shows it. */
export function shownText(text: string): string {
  return text.length > MAX_SHOWN ? `"${displayText(text.slice(0, MAX_SHOWN))}…"` : `"${displayText(text)}"`;
}
