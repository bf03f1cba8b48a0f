import { type Digest, parseDigest } from '../../digest/index.js';

const HEX = /^[0-9a-f]{64}$/;

/** The digest that a path says: of `blobs/sha256/HEX`, or of a config `HEX.json` or `sha256:HEX`. */
export function digestOfPath(path: string): Digest | undefined {
  const hex = path.replace(/^(?:blobs\/sha256\/|sha256:)|\.json$/g, '');
  return HEX.test(hex) ? parseDigest(`sha256:${hex}`) : undefined;
}
