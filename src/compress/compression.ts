import { displayText } from '../bytes/index.js';
import { CompressError } from './compress-error.js';

/** How an output is compressed. Without a level it is the codec's default. */
export type Compression = { readonly encoding: 'none' } | { readonly encoding: 'gzip'; readonly level?: number };

const GRAMMAR = /^gzip(?::(0|[1-9][0-9]?))?$/;

/**
 * Reads `none`, `gzip` or `gzip:LEVEL`. Whether the level is in a codec's range is for the codec to say (`checkLevel`).
 *
 * @throws {CompressError} COMPRESS_SYNTAX for any other text
 */
export function parseCompression(text: string): Compression {
  if (text === 'none') return { encoding: 'none' };
  const match = GRAMMAR.exec(text);
  if (match === null) {
    throw new CompressError(
      'COMPRESS_SYNTAX',
      `Cannot parse compression: it must be none, gzip or gzip:LEVEL with a level in decimal digits, and is "${displayText(text)}"`,
      { value: text },
    );
  }
  return match[1] === undefined ? { encoding: 'gzip' } : { encoding: 'gzip', level: Number(match[1]) };
}
