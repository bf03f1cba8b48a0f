import { OciError } from './oci-error.js';
import { shown } from './text.js';

/** What an image runs on, in Go's words (GOOS and GOARCH). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const OPERATING_SYSTEMS: readonly string[] =
  'aix android darwin dragonfly freebsd hurd illumos ios js linux netbsd openbsd plan9 solaris wasip1 windows zos'.split(
    ' ',
  );

const ARCHITECTURES: readonly string[] =
  '386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm'.split(' ');

/** Variants of the architectures that have any. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['v1', 'v2', 'v3'],
  arm: ['v6', 'v7', 'v8'],
  arm64: 'v8 v8.1 v8.2 v8.3 v8.4 v8.5 v8.6 v8.7 v8.8 v8.9 v9 v9.1 v9.2 v9.3 v9.4 v9.5'.split(' '),
};

/** Prefixes of system triplets and the architecture that each means (guix.md, 7). None is a prefix of another. */
const SYSTEM_PREFIXES: readonly (readonly [prefix: string, architecture: string])[] = [
  ['x86_64', 'amd64'],
  ['i686', '386'],
  ['arm', 'arm'],
  ['aarch64', 'arm64'],
  ['mips64', 'mips64le'],
  ['powerpc64le', 'ppc64le'],
  ['riscv64', 'riscv64'],
  ['s390x', 's390x'],
];

/**
 * Reads `OS/ARCH[/VARIANT]`, e.g. `linux/arm64/v8`.
 *
 * @throws {OciError} OCI_PLATFORM_INVALID when a part is missing or not one that is known
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  const [os, architecture, variant] = parts;
  if (os === undefined || architecture === undefined || parts.length > 3) {
    throw new OciError(
      'OCI_PLATFORM_INVALID',
      `Cannot parse platform: it must be OS/ARCH or OS/ARCH/VARIANT, and is "${shown(text)}"`,
      { value: text },
    );
  }
  requireKnown(text, 'operating system', os, OPERATING_SYSTEMS);
  requireKnown(text, 'architecture', architecture, ARCHITECTURES);
  if (variant === undefined) return { os, architecture };
  const variants = Object.hasOwn(VARIANTS, architecture) ? VARIANTS[architecture] : undefined;
  if (variants === undefined) {
    throw new OciError(
      'OCI_PLATFORM_INVALID',
      `Cannot parse platform "${shown(text)}": architecture ${architecture} has no variants, and variant is "${shown(variant)}"`,
      { platform: text, value: variant, limit: [] },
    );
  }
  requireKnown(text, `variant of ${architecture}`, variant, variants);
  return { os, architecture, variant };
}

/** Writes a platform as `parsePlatform` reads it. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/**
 * The platform of a system triplet such as `x86_64-linux` or `aarch64-linux-gnu`. The architecture is found by its
 * prefix, as Guix does; an operating system other than Linux is refused rather than called Linux.
 *
 * @throws {OciError} OCI_SYSTEM_UNSUPPORTED
 */
export function platformOfSystem(system: string): Platform {
  const architecture = SYSTEM_PREFIXES.find(([prefix]) => system.startsWith(prefix))?.[1];
  if (architecture === undefined) {
    const prefixes = SYSTEM_PREFIXES.map(([prefix]) => prefix);
    throw new OciError(
      'OCI_SYSTEM_UNSUPPORTED',
      `Cannot choose platform: unsupported system; it must begin with one of ${prefixes.join(', ')}, and is "${shown(system)}"`,
      { value: system, limit: prefixes },
    );
  }
  const [, ...rest] = system.split('-');
  if (rest.length > 0 && !rest.includes('linux')) {
    throw new OciError(
      'OCI_SYSTEM_UNSUPPORTED',
      `Cannot choose platform: unsupported system; its operating system must be linux, and is "${shown(system)}"`,
      { value: system, limit: 'linux' },
    );
  }
  return { os: 'linux', architecture };
}

function requireKnown(platform: string, subject: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) {
    throw new OciError(
      'OCI_PLATFORM_INVALID',
      `Cannot parse platform "${shown(platform)}": ${subject} must be one of ${known.join(', ')}, and is "${shown(value)}"`,
      { platform, value, limit: known },
    );
  }
}
