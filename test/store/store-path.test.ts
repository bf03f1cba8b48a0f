import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { hashPartOf, splitNameAndVersion, storePathName } from '../../src/store/index.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { nixEnvironment } from './nix-environment.js';

const HASH = '0123456789abcdfghijklmnpqrsvwxyz';

describe('storePathName and hashPartOf', () => {
  test.each<[path: string, hash: string | undefined, name: string]>([
    [`/nix/store/${HASH}-hello-2.12`, HASH, 'hello-2.12'],
    [`/gnu/store/${HASH}-profile`, HASH, 'profile'],
    [`/nix/store/${HASH}-hello.drv`, HASH, 'hello.drv'],
    [`${HASH}-a`, HASH, 'a'],
    [`/${HASH}--`, HASH, '-'],
    [`/nix/store/${HASH}-\n`, HASH, '\n'],
    [`/nix/store/${HASH}-`, undefined, `${HASH}-`],
    [`/nix/store/${HASH}`, undefined, HASH],
    [`/nix/store/${HASH}_hello`, undefined, `${HASH}_hello`],
    [`/nix/store/${HASH}0-hello`, undefined, `${HASH}0-hello`],
    [`/nix/store/${HASH.slice(1)}-hello`, undefined, `${HASH.slice(1)}-hello`],
    ...[...'eotuEA_\xe4'].map((char): [string, undefined, string] => {
      const base = `${char}${HASH.slice(1)}-hello`;
      return [`/nix/store/${base}`, undefined, base];
    }),
    [`/nix/store/${HASH}-hello/bin`, undefined, 'bin'],
    ['/nix/store', undefined, 'store'],
    ['/srv/www', undefined, 'www'],
  ])('%j', (path, hash, name) => {
    expect(storePathName(path as ByteString)).toEqual({ hash, name });
    expect(hashPartOf(path as ByteString)).toBe(hash);
  });
});

describe('splitNameAndVersion', () => {
  const names: [text: string, name: string, version: string | undefined][] = [
    ['hello-2.12', 'hello', '2.12'],
    ['hello', 'hello', undefined],
    ['linux-pam-1.5.2', 'linux-pam', '1.5.2'],
    ['glibc-2.36-dev', 'glibc', '2.36-dev'],
    ['python3-3.11-numpy-1.2', 'python3', '3.11-numpy-1.2'],
    ['gtk+-3', 'gtk+', '3'],
    ['a-', 'a-', undefined],
    ['a-b-', 'a-b-', undefined],
    ['a--', 'a', '-'],
    ['a--1', 'a', '-1'],
    ['-1', '', '1'],
    ['a-_x', 'a', '_x'],
    ['a-.', 'a', '.'],
    ['a-Z', 'a-Z', undefined],
    ['a-1-2', 'a', '1-2'],
    ['', '', undefined],
  ];

  test.each(names)('%j', (text, name, version) => {
    expect(splitNameAndVersion(text as ByteString)).toEqual({ name, version });
  });

  clientTest('nix-instantiate')('is what Nix splits', () => {
    const list = names.map(([text]) => JSON.stringify(text)).join(' ');
    const expression = `builtins.toJSON (map builtins.parseDrvName [ ${list} ])`;
    const printed = run('nix-instantiate', ['--eval', '--expr', expression], {
      env: nixEnvironment(scratchDirectory()),
    }).toString();
    expect(JSON.parse(JSON.parse(printed) as string)).toEqual(
      names.map(([, name, version]) => ({ name, version: version ?? '' })),
    );
  });
});
