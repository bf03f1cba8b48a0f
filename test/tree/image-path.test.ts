import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { checkImagePath, parseImagePath, TreeError } from '../../src/tree/index.js';

function parse(text: string): string {
  return parseImagePath(text as ByteString, '--add destination');
}

describe('parseImagePath', () => {
  test.each([
    ['/', ''],
    ['/a', 'a'],
    ['a', 'a'],
    ['/a/', 'a'],
    ['a/b/c', 'a/b/c'],
    ['/a/b/', 'a/b'],
    ['/...', '...'],
    ['/..a', '..a'],
    ['/a..', 'a..'],
    ['/.hidden', '.hidden'],
    ['/wh.x', 'wh.x'],
    ['/x.wh.', 'x.wh.'],
    ['/.wh', '.wh'],
    ['/ ', ' '],
    ['/new\nline', 'new\nline'],
    ['/\xff\xfe', '\xff\xfe'],
    ['/-', '-'],
  ])('%j is %j', (text, path) => {
    expect(parse(text)).toBe(path);
  });

  test.each([
    ['', 'an empty component'],
    ['//', 'an empty component'],
    ['//a', 'an empty component'],
    ['a//', 'an empty component'],
    ['/a//b', 'an empty component'],
    ['.', 'the component "."'],
    ['/.', 'the component "."'],
    ['./a', 'the component "."'],
    ['a/./b', 'the component "."'],
    ['a/.', 'the component "."'],
    ['..', 'the component ".."'],
    ['/..', 'the component ".."'],
    ['../a', 'the component ".."'],
    ['/a/../b', 'the component ".."'],
    ['/a/../', 'the component ".."'],
    ['/a\0b', 'a NUL'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => parse(text)).toThrow(TreeError);
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'PATH_INVALID', message: expect.stringContaining(why) }),
    );
    expect(() => parse(text)).toThrow('--add destination');
  });

  test.each(['/.wh.x', '.wh.', '/a/.wh.b', '/.wh..wh..opq', '/.wh.a/b'])('%s is refused: a whiteout', (text) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'WHITEOUT_NAME', message: expect.stringContaining(`"${text}"`) }),
    );
  });

  test('a message has no control characters of the name', () => {
    expect(() => parse('/a\x1b[31m/../b')).toThrow(/^[\x20-\x7e]*$/);
  });
});

test('checkImagePath gives back what it was given', () => {
  expect(checkImagePath('a/b' as ByteString, '/a/b' as ByteString, 'x')).toBe('a/b');
  expect(() => checkImagePath('' as ByteString, '' as ByteString, 'x')).toThrow(TreeError);
});
