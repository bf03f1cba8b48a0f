import { checkLevel, loadCodec, parseCompression } from '../compress/index.js';
import type { LayerCompression } from '../layer/index.js';

/** The codec of everything that is compressed and names none. */
const DEFAULT_CODEC = 'gzip-libdeflate-1';

/**
 * What `none` or `gzip[:LEVEL]` means with a codec; `undefined` for none.
 *
 * @throws {CompressError} COMPRESS_SYNTAX, COMPRESS_CODEC_UNKNOWN (also where nothing is compressed), COMPRESS_LEVEL_RANGE
 */
export async function compressionOf(
  text: string = 'none',
  codecName: string = DEFAULT_CODEC,
): Promise<LayerCompression | undefined> {
  const parsed = parseCompression(text);
  if (parsed.encoding === 'none' && codecName === DEFAULT_CODEC) return undefined;
  const codec = await loadCodec(codecName);
  if (parsed.encoding === 'none') return undefined;
  const level = parsed.level ?? codec.defaultLevel;
  checkLevel(codec, level);
  return { codec, level };
}
