import { describe, expect, test } from 'vitest';
import { formatPlatform, OciError, parsePlatform, platformOfSystem } from '../../src/oci/index.js';

describe('parsePlatform', () => {
  test.each([
    ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
    ['linux/amd64/v3', { os: 'linux', architecture: 'amd64', variant: 'v3' }],
    ['linux/arm/v6', { os: 'linux', architecture: 'arm', variant: 'v6' }],
    ['linux/arm64/v8', { os: 'linux', architecture: 'arm64', variant: 'v8' }],
    ['linux/riscv64', { os: 'linux', architecture: 'riscv64' }],
    ['windows/386', { os: 'windows', architecture: '386' }],
    ['wasip1/wasm', { os: 'wasip1', architecture: 'wasm' }],
  ])('reads %s, which formatPlatform writes back', (text, platform) => {
    expect(parsePlatform(text)).toStrictEqual(platform);
    expect(formatPlatform(platform)).toBe(text);
  });

  test.each([
    ['', 'it must be OS/ARCH or OS/ARCH/VARIANT, and is ""'],
    ['linux', 'it must be OS/ARCH or OS/ARCH/VARIANT, and is "linux"'],
    ['linux/arm/v7/x', 'it must be OS/ARCH or OS/ARCH/VARIANT'],
    ['linux/', 'architecture must be one of 386, amd64, arm'],
    ['/amd64', 'operating system must be one of aix, android'],
    ['Linux/amd64', 'operating system must be one of'],
    ['linux/x86_64', 'architecture must be one of'],
    ['linux/aarch64', 'and is "aarch64"'],
    ['linux/amd64/', 'variant of amd64 must be one of v1, v2, v3, and is ""'],
    ['linux/amd64/v4', 'variant of amd64 must be one of v1, v2, v3, and is "v4"'],
    ['linux/arm/v9', 'variant of arm must be one of v6, v7, v8, and is "v9"'],
    ['linux/arm64/v7', 'variant of arm64 must be one of v8'],
    ['linux/386/v1', 'architecture 386 has no variants, and variant is "v1"'],
    ['linux/toString/v1', 'architecture must be one of'],
    ['linux/amd64\n', 'and is "amd64\\n"'],
  ])('refuses %j', (text, message) => {
    expect(() => parsePlatform(text)).toThrowError(OciError);
    expect(() => parsePlatform(text)).toThrowError(
      expect.objectContaining({ code: 'OCI_PLATFORM_INVALID', message: expect.stringContaining(message) }),
    );
  });
});

describe('platformOfSystem', () => {
  test.each([
    ['x86_64-linux', 'amd64'],
    ['i686-linux', '386'],
    ['armhf-linux', 'arm'],
    ['armv7l-linux', 'arm'],
    ['arm-linux-gnueabihf', 'arm'],
    ['aarch64-linux', 'arm64'],
    ['aarch64-linux-gnu', 'arm64'],
    ['mips64el-linux', 'mips64le'],
    ['powerpc64le-linux', 'ppc64le'],
    ['riscv64-linux', 'riscv64'],
    ['s390x-linux', 's390x'],
    ['x86_64-unknown-linux-gnu', 'amd64'],
    ['x86_64', 'amd64'],
  ])('%s is %s', (system, architecture) => {
    expect(platformOfSystem(system)).toStrictEqual({ os: 'linux', architecture });
  });

  test.each(['', 'i586-gnu', 'powerpc-linux', 'sparc64-linux', 'X86_64-linux', 'linux-x86_64'])(
    'refuses %j',
    (system) => {
      expect(() => platformOfSystem(system)).toThrowError(
        expect.objectContaining({
          code: 'OCI_SYSTEM_UNSUPPORTED',
          message:
            'Cannot choose platform: unsupported system; it must begin with one of x86_64, i686, arm, aarch64, mips64, ' +
            `powerpc64le, riscv64, s390x, and is "${system}"`,
        }),
      );
    },
  );

  test.each(['x86_64-gnu', 'aarch64-darwin', 'x86_64-w64-mingw32', 'i686-'])('refuses to call %s Linux', (system) => {
    expect(() => platformOfSystem(system)).toThrowError(
      expect.objectContaining({ code: 'OCI_SYSTEM_UNSUPPORTED', message: expect.stringContaining('must be linux') }),
    );
  });
});
