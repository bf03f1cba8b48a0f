import { createHash } from 'node:crypto';
import { type Digest, type HashEngine, loadHashEngine, parseDigest } from '../../src/digest/index.js';
import type { ImageInput, ImageLayer } from '../../src/image/index.js';
import { MEDIA_TYPES } from '../../src/oci/index.js';

export const hashEngine: HashEngine = await loadHashEngine('native');

/** Digest by node:crypto, not by the code under test. */
export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}

/** A tar with one empty file of this one-letter name: header written by hand, then two zero blocks. */
export function tinyTar(letter: string): Uint8Array {
  const tar = Buffer.alloc(10_240);
  tar.write(`${letter}`, 0);
  tar.write('0000644\x000000000\x000000000\x0000000000000\x0000000000001\0        0', 100, 'latin1');
  tar.write('ustar\x0000root', 257, 'latin1');
  tar.write('root', 297);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return tar;
}

export function layerOf(tar: Uint8Array, createdBy: string, comment?: string): ImageLayer {
  const digest = digestOf(tar);
  return {
    diffId: digest,
    descriptor: { mediaType: MEDIA_TYPES.layerTar, digest, size: tar.length },
    history: comment === undefined ? { createdBy } : { createdBy, comment },
  };
}

/** An image of two layers that uses every field. */
export function sampleInput(changes: Partial<ImageInput> = {}): ImageInput {
  return {
    layers: [layerOf(tinyTar('a'), 'tarseal build', '/a'), layerOf(tinyTar('b'), 'tarseal build')],
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'], Labels: { 'org.example': 'é' } },
    platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    createdSeconds: 1,
    tags: [{ repository: 'demo', tag: '1' }],
    annotations: { 'org.example': 'x' },
    hashEngine,
    ...changes,
  };
}

export function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}
