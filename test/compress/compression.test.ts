import { expect, test } from 'vitest';
import { CompressError, parseCompression } from '../../src/compress/index.js';

test.each([
  ['none', { encoding: 'none' }],
  ['gzip', { encoding: 'gzip' }],
  ['gzip:0', { encoding: 'gzip', level: 0 }],
  ['gzip:9', { encoding: 'gzip', level: 9 }],
  // The range is the codec's: libdeflate goes to 12.
  ['gzip:12', { encoding: 'gzip', level: 12 }],
] as const)('parseCompression reads %s', (text, expected) => {
  expect(parseCompression(text)).toStrictEqual(expected);
});

test.each([
  '',
  'GZIP',
  'gz',
  'gzip:',
  'gzip:-1',
  'gzip:6 ',
  'gzip:06',
  'gzip:1.5',
  'gzip:100',
  'none:1',
  'zstd',
  'gzip:6\n',
])('parseCompression refuses %j', (text) => {
  expect(() => parseCompression(text)).toThrowError(CompressError);
  expect(() => parseCompression(text)).toThrowError(
    expect.objectContaining({
      code: 'COMPRESS_SYNTAX',
      message: expect.stringMatching(/^Cannot parse compression: it must be none, gzip or gzip:LEVEL .*, and is ".*"$/),
    }),
  );
});
