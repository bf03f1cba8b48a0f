import { createHash } from 'node:crypto';
import { gzip } from 'libdeflate';
import { expect, test } from 'vitest';
import { createBlockCompressor, loadCodec } from '../../src/compress/index.js';
import { INPUTS } from './inputs.js';
import { LIBDEFLATE_GOLDENS } from './libdeflate-goldens.js';

// The program uses the package itself, before the codec is loaded.
gzip(new Uint8Array(10), 6);
const codec = await loadCodec('gzip-libdeflate-1');

test('a program that uses libdeflate itself gets the same bytes', () => {
  for (const [name, goldens] of Object.entries(LIBDEFLATE_GOLDENS)) {
    for (const level of [1, 6, 12]) {
      const compressor = createBlockCompressor(codec, level);
      const hash = createHash('sha256');
      for (const member of [...compressor.push(INPUTS[name]!()), ...compressor.finish()]) hash.update(member);
      expect(hash.digest('hex'), `${name} at level ${level}`).toBe(goldens[level]);
    }
  }
});

test('and is told that level 0 is none', () => {
  expect(() => createBlockCompressor(codec, 0)).toThrow(
    expect.objectContaining({ code: 'COMPRESS_LEVEL_RANGE', message: expect.stringContaining('from 1 to 12') }),
  );
});
