import { displayText } from '../bytes/index.js';
import { CompressError } from './compress-error.js';
import type { CodecName, GzipCodec } from './gzip-codec.js';

const LOADERS: Readonly<Record<CodecName, () => Promise<GzipCodec>>> = {
  'gzip-libdeflate-1': async () => (await import('./gzip-libdeflate.js')).loadGzipLibdeflate(),
  'gzip-fflate-1': async () => (await import('./gzip-fflate.js')).loadGzipFflate(),
};

/** Every codec that can be loaded, in the order in which help and messages list them. */
export const CODEC_NAMES: readonly CodecName[] = Object.keys(LOADERS) as CodecName[];

/**
 * Loads a codec; the code of one that is not asked for is never loaded.
 *
 * @throws {CompressError} COMPRESS_CODEC_UNKNOWN when no codec has this name
 */
export async function loadCodec(name: string): Promise<GzipCodec> {
  if (!isCodecName(name)) {
    throw new CompressError(
      'COMPRESS_CODEC_UNKNOWN',
      `Cannot load codec: it must be one of ${CODEC_NAMES.join(', ')}, and is "${displayText(name)}"`,
      { value: name, limit: CODEC_NAMES },
    );
  }
  return LOADERS[name]();
}

function isCodecName(name: string): name is CodecName {
  return Object.hasOwn(LOADERS, name);
}
