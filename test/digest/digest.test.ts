import { describe, expect, test } from 'vitest';
import { DigestError, digestHex, formatDigest, parseDigest } from '../../src/digest/index.js';
import { TarsealError } from '../../src/errors/index.js';

const HEX = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

describe('formatDigest and parseDigest', () => {
  test('hold the same from bytes, from digits and from text', () => {
    const bytes = Uint8Array.from(HEX.match(/../g)!, (pair) => Number.parseInt(pair, 16));
    expect(formatDigest(bytes)).toBe(`sha256:${HEX}`);
    expect(formatDigest(HEX)).toBe(`sha256:${HEX}`);
    expect(parseDigest(`sha256:${HEX}`)).toBe(`sha256:${HEX}`);
    expect(digestHex(parseDigest(`sha256:${HEX}`))).toBe(HEX);
  });

  test('leading zeros of a byte stay', () => {
    expect(formatDigest(new Uint8Array(32).fill(1))).toBe(`sha256:${'01'.repeat(32)}`);
  });

  test.each([
    ['empty', ''],
    ['digits alone', HEX],
    ['another algorithm', `sha512:${HEX}${HEX}`],
    ['upper case', `sha256:${HEX.toUpperCase()}`],
    ['upper-case algorithm', `SHA256:${HEX}`],
    ['one digit short', `sha256:${HEX.slice(1)}`],
    ['one digit long', `sha256:${HEX}0`],
    ['no digit', `sha256:${HEX.slice(1)}g`],
    ['a newline at the end', `sha256:${HEX}\n`],
    ['a path', `sha256:../${HEX.slice(3)}`],
  ])('parseDigest refuses %s', (_name, text) => {
    let error: unknown;
    try {
      parseDigest(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DigestError);
    expect(error).toBeInstanceOf(TarsealError);
    expect(error).toMatchObject({ code: 'DIGEST_INVALID', data: { value: text }, name: 'DigestError' });
    expect((error as Error).message).toMatch(/^Cannot parse digest: it must be "sha256:" and 64 .*[^.]$/);
    expect((error as Error).message).not.toContain('\n');
  });

  test.each<[string, Uint8Array | string]>([
    ['31 bytes', new Uint8Array(31)],
    ['33 bytes', new Uint8Array(33)],
    ['upper-case digits', HEX.toUpperCase()],
    ['a whole digest', `sha256:${HEX}`],
  ])('formatDigest refuses %s', (_name, value) => {
    expect(() => formatDigest(value)).toThrowError(expect.objectContaining({ code: 'DIGEST_INVALID' }));
  });
});
