import { describe, expect, test } from 'vitest';
import { displayText, encodeUtf8 } from '../../src/bytes/index.js';
import { EntryError, parseId, parseOctalMode, parseOwner, parseOwnerPair } from '../../src/entry/index.js';

function errorOf(action: () => unknown): EntryError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(EntryError);
    return error as EntryError;
  }
  throw new Error('no error');
}

describe('parseOctalMode', () => {
  test.each([
    ['0', 0],
    ['755', 0o755],
    ['0755', 0o755],
    ['1777', 0o1777],
    ['7777', 0o7777],
    ['0000644', 0o644],
  ])('takes %s', (text, mode) => {
    expect(parseOctalMode(text)).toBe(mode);
  });

  test.each(['', '8', '0o755', '10000', '-1', '+7', ' 755', '755\n', 'u+x', '7'.repeat(400)])('refuses %j', (text) => {
    const error = errorOf(() => parseOctalMode(text));
    expect(error).toMatchObject({ code: 'MODE_INVALID', data: { text } });
    expect(error.message).toBe(`Cannot use mode "${displayText(text)}": it must be octal and at most 7777`);
  });
});

describe('parseId', () => {
  test.each([
    ['0', 0],
    ['007', 7],
    ['4294967295', 4_294_967_295],
  ])('takes %s', (text, id) => {
    expect(parseId(text, 'uid')).toBe(id);
  });

  test.each(['', '-1', '+1', '1.0', '1e3', '0x10', ' 1', '1\n', 'root', '4294967296', '9'.repeat(400)])(
    'refuses %j',
    (text) => {
      const error = errorOf(() => parseId(text, 'uid'));
      expect(error.code).toBe('ID_INVALID');
      expect(error.message).toBe(
        `Cannot use uid "${displayText(text)}": it must be a decimal number and at most 4294967295`,
      );
    },
  );
});

describe('parseOwner', () => {
  test.each([
    ['root', 'root', 0],
    ['root:0', 'root', 0],
    ['0', 'root', 0],
    ['+0', 'root', 0],
    [':0', 'root', 0],
    ['nobody:65534', 'nobody', 65_534],
    ['nobody:0', 'nobody', 0],
    ['root:5', 'root', 5],
    ['1000', '', 1000],
    ['+1000', '', 1000],
    [':1000', '', 1000],
    ['+a:1', '+a', 1],
    ['12:34', '12', 34],
    ['a\nb:1', 'a\nb', 1],
    ['4294967295', '', 4_294_967_295],
  ])('takes %j', (text, name, id) => {
    expect(parseOwner(encodeUtf8(text), 'owner')).toEqual({ name, id });
  });

  test('a name is its bytes', () => {
    expect(parseOwner(encodeUtf8('café:7'), 'group')).toEqual({ name: 'caf\xc3\xa9', id: 7 });
  });

  test.each([
    ['a bare name', 'nobody', 'OWNER_INVALID'],
    ['nothing', '', 'OWNER_INVALID'],
    ['a plus sign', '+', 'OWNER_INVALID'],
    ['a negative number', '-1', 'OWNER_INVALID'],
    ['a space', ' 5', 'OWNER_INVALID'],
    ['a NUL in the name', 'a\0b:1', 'OWNER_INVALID'],
    ['no number', 'a:', 'ID_INVALID'],
    ['a colon alone', ':', 'ID_INVALID'],
    ['a second colon', 'a:7:8', 'ID_INVALID'],
    ['a negative number after a name', 'a:-1', 'ID_INVALID'],
    ['33 bits', 'a:4294967296', 'ID_INVALID'],
    ['33 bits alone', '4294967296', 'ID_INVALID'],
  ])('refuses %s', (_name, text, code) => {
    expect(errorOf(() => parseOwner(encodeUtf8(text), 'owner')).code).toBe(code);
  });

  test('says why a bare name is refused', () => {
    expect(errorOf(() => parseOwner(encodeUtf8('nobody'), 'owner')).message).toBe(
      'Cannot use owner "nobody": it must be NAME:ID or a number, because no user database is read for a name',
    );
  });
});

describe('parseOwnerPair', () => {
  test('takes UID:GID', () => {
    expect(parseOwnerPair('0:4294967295')).toEqual({ uid: 0, gid: 4_294_967_295 });
  });

  test.each([
    ['one number', '5', 'OWNER_INVALID'],
    ['nothing', '', 'OWNER_INVALID'],
    ['names', 'root:root', 'ID_INVALID'],
    ['no group', '5:', 'ID_INVALID'],
    ['no user', ':5', 'ID_INVALID'],
    ['three numbers', '1:2:3', 'ID_INVALID'],
    ['a group of 33 bits', '0:4294967296', 'ID_INVALID'],
    ['a newline', '1:2\n', 'ID_INVALID'],
  ])('refuses %s', (_name, text, code) => {
    expect(errorOf(() => parseOwnerPair(text)).code).toBe(code);
  });
});
