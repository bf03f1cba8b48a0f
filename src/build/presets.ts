import { displayText } from '../bytes/index.js';
import { BuildError } from './build-error.js';
import type { BuildSpec } from './spec.js';

/** Directives with a name. In a symlink's target `{profile}` stands for the profile's path. */
export interface Preset extends Pick<BuildSpec, 'symlink' | 'directory' | 'files'> {
  readonly summary: string;
}

const NOBODY = 65534;

/**
 * What images without a distribution are most often found to lack. None is part of an image unless it is asked for, and
 * each says no more than its list here.
 *
 * @see https://github.com/NixOS/nixpkgs/issues/257172, https://github.com/NixOS/nixpkgs/issues/374290
 */
export const PRESETS: ReadonlyMap<string, Preset> = new Map<string, Preset>([
  ['bin', { summary: "/bin, a link to the profile's bin", symlink: ['/bin={profile}/bin'] }],
  [
    'ca-certificates',
    {
      summary: 'the two other places where programs look for /etc/ssl/certs/ca-bundle.crt, which --contents brings',
      symlink: [
        '/etc/ssl/certs/ca-certificates.crt=ca-bundle.crt',
        '/etc/pki/tls/certs/ca-bundle.crt=/etc/ssl/certs/ca-bundle.crt',
      ],
    },
  ],
  [
    'nsswitch',
    {
      summary: '/etc/nsswitch.conf: files before DNS',
      files: {
        '/etc/nsswitch.conf': { content: 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' },
      },
    },
  ],
  [
    'passwd',
    {
      summary: '/etc/passwd and /etc/group with root and nobody (65534), and /root',
      directory: ['/root:0700'],
      files: {
        '/etc/passwd': {
          content: `root:x:0:0:root:/root:/bin/sh\nnobody:x:${NOBODY}:${NOBODY}:nobody:/:/bin/false\n`,
        },
        '/etc/group': { content: `root:x:0:\nnobody:x:${NOBODY}:\n` },
      },
    },
  ],
  ['tmp', { summary: '/tmp and /var/tmp, for everybody to write to', directory: ['/tmp:1777', '/var/tmp:1777'] }],
  [
    'usr-bin-env',
    { summary: '/usr/bin/env, a link to /bin/env, which --contents brings', symlink: ['/usr/bin/env=/bin/env'] },
  ],
]);

/** What `BuildSpec.preset` takes. */
export const presetNames: readonly string[] = [...PRESETS.keys()];

/** A preset as it was asked for. */
export interface ChosenPreset extends Preset {
  readonly name: string;
}

/**
 * The presets of these names, each a name or several with commas between; each once.
 *
 * @param profile absolute image path, for presets that link to it
 * @throws {BuildError} SPEC_INVALID for an unknown name; SPEC_CONFLICT for one that needs a profile where there is none
 */
export function choosePresets(names: readonly string[], profile: string | undefined): ChosenPreset[] {
  return [...new Set(names.flatMap((list) => list.split(',')))].map((name) => {
    const preset = PRESETS.get(name);
    if (preset === undefined) {
      throw new BuildError(
        'SPEC_INVALID',
        `Cannot use --preset "${displayText(name)}": it must be one of ${presetNames.join(', ')}`,
        { option: 'preset', value: name, known: presetNames },
      );
    }
    const symlink = preset.symlink?.map((text) => {
      if (!text.includes('{profile}')) return text;
      if (profile === undefined) {
        throw new BuildError(
          'SPEC_CONFLICT',
          `Cannot use --preset ${name}: its profile must be given with --prefix or a path, and there is neither`,
        );
      }
      return text.replace('{profile}', () => profile.replace(/\/$/, ''));
    });
    return { ...preset, name, ...(symlink && { symlink }) };
  });
}
