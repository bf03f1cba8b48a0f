import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPlainEncoder, TAR_FORMATS, type TarOptions } from '../../src/tar/index.js';
import { bytes, entry, fileOfSize, headersOf } from './entries.js';

const GIB = 2 ** 30;

const aName = fc
  .tuple(
    fc.array(fc.constantFrom('d', 'dd', 'name', 'n'.repeat(50), 'n'.repeat(99), 'n'.repeat(100), '\xe4', '\0'), {
      minLength: 1,
      maxLength: 6,
    }),
    fc.constantFrom('', '/'),
  )
  .map(([components, end]) => bytes(components.join('/') + end));
const aSize = fc.oneof(fc.nat(5000), fc.constantFrom(0, 8 * GIB - 1, 8 * GIB, 100 * GIB));
const most = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 9, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...others) });
const attributes = fc.record({
  uid: most(0, 1000, 0o7777777, 0o10000000),
  gid: most(0, 100, 0o10000000),
  uname: most('root', '', 'u'.repeat(31), 'u'.repeat(32), 'b\xe4r').map(bytes),
  gname: most('root', '', 'g\0').map(bytes),
  mtimeSeconds: most(1, -1, 0, 1_700_000_000, 2 ** 33),
});
const options = fc.record({
  format: fc.constantFrom(...TAR_FORMATS),
  strict: fc.boolean(),
  numericOwner: fc.boolean(),
});
const aMember = fc.record({ path: aName, isDirectory: fc.boolean(), mode: fc.nat(0o7777), size: aSize });

/** The header as it is planned for any member; `undefined` where there is none. */
function planned(tar: TarOptions, ...given: Parameters<typeof entry>): Uint8Array | undefined {
  try {
    return headersOf(entry(...given), tar);
  } catch {
    return undefined;
  }
}

describe('headers of files and directories', () => {
  test('are those of any member, or are left to who encodes those', () => {
    let encoded = 0;
    fc.assert(
      fc.property(attributes, options, fc.array(aMember, { maxLength: 20 }), (common, tar, members) => {
        const encoder = createPlainEncoder(common, tar);
        for (const { path, isDirectory, mode, size } of members) {
          const sizeBytes = isDirectory ? 0 : size;
          const expected = planned(tar, {
            ...common,
            path,
            mode,
            body: isDirectory ? { type: 'directory' } : fileOfSize(sizeBytes),
          });
          const out = new Uint8Array(3 * 512).fill(0xee);
          const isEncoded = encoder.encode(path, isDirectory, mode, sizeBytes, out, 512);
          encoded += Number(isEncoded);
          if (isEncoded) expect(out.subarray(512, 1024)).toEqual(expected);
          else expect(expected?.length === 512 && tar.format !== 'gnu').toBe(false);
          const around = isEncoded ? [...out.subarray(0, 512), ...out.subarray(1024)] : [...out];
          expect(around.every((byte) => byte === 0xee)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
    expect(encoded).toBeGreaterThan(1000);
  });

  test('of which gnu has one block for any size, are left to others where that is in binary', () => {
    const { uid, gid, uname, gname, mtimeSeconds } = entry();
    const encoder = createPlainEncoder({ uid, gid, uname, gname, mtimeSeconds }, { format: 'gnu', strict: false });
    const out = new Uint8Array(512);
    expect(encoder.encode(bytes('f'), false, 0o644, 8 * GIB - 1, out, 0)).toBe(true);
    expect(encoder.encode(bytes('f'), false, 0o644, 8 * GIB, out, 0)).toBe(false);
  });
});
