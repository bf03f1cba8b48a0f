import { type ByteString, byteStringFrom } from '../bytes/index.js';
import { shownBytes, syntaxError } from './graph-syntax.js';
import type { StoreItem } from './store-item.js';

/** SHA-256 in base 16 or Nix's base 32, or as in Subresource Integrity: what registrations of all versions hold. */
const NAR_HASH = /^(?:(?:sha256:)?(?:[0-9a-f]{64}|[0-9a-df-np-sv-z]{52})|sha256-[0-9A-Za-z+/]{43}=)$/;

/**
 * The items of the two text forms, in their order: for each the path, a line with the deriver, the number of
 * references, and these, a line each. In a registration the SHA-256 and the size of the NAR stand before the deriver,
 * by which the forms are told apart. The deriver is a path, `unknown-deriver`, or empty.
 *
 * @throws {StoreError} GRAPH_SYNTAX with the number of the line, from 1
 */
export function* parseTextItems(bytes: Uint8Array, source: string): Generator<StoreItem> {
  let line = 0;
  let at = 0;

  function next(rule: string, isRight: (text: ByteString) => boolean): ByteString {
    line += 1;
    if (at >= bytes.length) throw syntaxError(source, `line ${line}`, rule, 'is missing');
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline;
    const text = byteStringFrom(bytes.subarray(at, end));
    if (!isRight(text)) throw syntaxError(source, `line ${line}`, rule, `is ${shownBytes(text)}`);
    at = end + 1;
    return text;
  }
  const nextPath = (what: string): ByteString => next(`be the absolute path of ${what}`, isAbsolute);
  const nextNumber = (what: string): number => Number(next(`be ${what}, a number`, isNumber));

  let hasHashes: boolean | undefined;
  while (at < bytes.length) {
    const path = nextPath('an item');
    if (hasHashes === undefined) {
      const text = next(
        'be a deriver, empty, or the SHA-256 of a NAR',
        (text) => isDeriver(text) || NAR_HASH.test(text),
      );
      hasHashes = NAR_HASH.test(text);
    } else if (hasHashes) next('be the SHA-256 of a NAR', (text) => NAR_HASH.test(text));
    else next(DERIVER_RULE, isDeriver);

    // Nix writes 0 for a size that it does not know.
    const narSizeBytes = (hasHashes && nextNumber('the size of a NAR')) || undefined;
    if (hasHashes) next(DERIVER_RULE, isDeriver);
    const references: ByteString[] = [];
    for (let count = nextNumber('the number of references'); count > 0; count--) {
      references.push(nextPath('a reference'));
    }
    yield { path, references, ...(narSizeBytes !== undefined && { narSizeBytes }) };
  }
}

const DERIVER_RULE = 'be a deriver or empty';

function isDeriver(text: ByteString): boolean {
  return text === '' || text === 'unknown-deriver' || isAbsolute(text);
}

function isAbsolute(text: ByteString): boolean {
  return text.startsWith('/');
}

function isNumber(text: ByteString): boolean {
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text));
}
