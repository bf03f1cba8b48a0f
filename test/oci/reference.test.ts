import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import {
  canonicalizeRepositoryName,
  defaultRepositoryName,
  familiarReference,
  normalizedReference,
  OciError,
  parseReference,
} from '../../src/oci/index.js';
import { clientTest } from '../support/clients.js';

const HEX = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
/** The longest that Docker Hub's `library/` leaves room for. */
const LONGEST_NAME = 'a'.repeat(247);
const LONGEST_TAG = 't'.repeat(128);

const VALID: readonly (readonly [text: string, familiar: string, normalized: string])[] = [
  ['app', 'app:latest', 'docker.io/library/app:latest'],
  ['app:1.0', 'app:1.0', 'docker.io/library/app:1.0'],
  ['a', 'a:latest', 'docker.io/library/a:latest'],
  ['0', '0:latest', 'docker.io/library/0:latest'],
  ['team/app', 'team/app:latest', 'docker.io/team/app:latest'],
  ['team/sub/app:x', 'team/sub/app:x', 'docker.io/team/sub/app:x'],
  ['library/app', 'library/app:latest', 'docker.io/library/app:latest'],
  ['docker.io/app', 'docker.io/app:latest', 'docker.io/library/app:latest'],
  ['index.docker.io/app:1', 'index.docker.io/app:1', 'docker.io/library/app:1'],
  ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
  ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
  ['localhost:5000', 'localhost:5000', 'docker.io/library/localhost:5000'],
  ['registry:5000/team/app:1', 'registry:5000/team/app:1', 'registry:5000/team/app:1'],
  ['example.com/app', 'example.com/app:latest', 'example.com/app:latest'],
  ['Example.COM:80/app', 'Example.COM:80/app:latest', 'Example.COM:80/app:latest'],
  ['a.b/c', 'a.b/c:latest', 'a.b/c:latest'],
  ['127.0.0.1:5000/a', '127.0.0.1:5000/a:latest', '127.0.0.1:5000/a:latest'],
  ['a.b', 'a.b:latest', 'docker.io/library/a.b:latest'],
  ['a_b__c-d--e---f.g', 'a_b__c-d--e---f.g:latest', 'docker.io/library/a_b__c-d--e---f.g:latest'],
  ['app:_', 'app:_', 'docker.io/library/app:_'],
  ['app:A.b-C_', 'app:A.b-C_', 'docker.io/library/app:A.b-C_'],
  [`app:${LONGEST_TAG}`, `app:${LONGEST_TAG}`, `docker.io/library/app:${LONGEST_TAG}`],
  [LONGEST_NAME, `${LONGEST_NAME}:latest`, `docker.io/library/${LONGEST_NAME}:latest`],
];

const INVALID: readonly (readonly [text: string, message: string])[] = [
  ['', 'the reference must not be empty, and is ""'],
  [':1', 'the repository must not be empty, and is ""'],
  ['localhost/', 'the repository must not be empty'],
  ['App', 'the repository must be lower case, and is "App"'],
  ['team/App:1', 'the repository must be lower case, and is "team/App"'],
  ['Team/app', 'the repository must be lower case, and is "Team/app"'],
  ['a//b', 'each component of the repository must not be empty, and is ""'],
  ['/a', 'each component of the repository must not be empty'],
  ['a/', 'each component of the repository must not be empty'],
  ['a..b', 'each component of the repository must be a-z and 0-9 with single ".", "_", "__"'],
  ['a___b', 'and is "a___b"'],
  ['a._b', 'and is "a._b"'],
  ['a-_b', 'and is "a-_b"'],
  ['-a', 'and is "-a"'],
  ['a-', 'and is "a-"'],
  ['_a', 'and is "_a"'],
  ['.a', 'and is ".a"'],
  ['a.', 'and is "a."'],
  ['team/.', 'and is "."'],
  ['a b', 'and is "a b"'],
  ['é', 'and is "é"'],
  ['a\n', 'and is "a\\n"'],
  ['app:', 'the tag must be letters, digits, "_", "." or "-", and not begin with "." or "-", and is ""'],
  ['app:.x', 'and is ".x"'],
  ['app:-x', 'and is "-x"'],
  ['app:a b', 'and is "a b"'],
  ['app:a:b', 'and is "a:b"'],
  ['app:é', 'and is "é"'],
  [`app:${LONGEST_TAG}t`, 'the tag must have at most 128 characters, and has 129'],
  ['https://example.com/app', 'the registry host must be a host name'],
  ['-a.b/c', 'the registry host must be a host name or [IPv6 address] with an optional :PORT, and is "-a.b"'],
  ['a..b/c', 'the registry host must be'],
  ['host:/c', 'the registry host must be'],
  ['host:x/c', 'the registry host must be'],
  ['us_er.example/c', 'the registry host must be'],
  [`app@sha256:${HEX}`, 'the reference must hold no digest'],
  [`app:1@sha256:${HEX}`, 'the reference must hold no digest'],
  [`${LONGEST_NAME}a`, `the repository must have at most 255 characters with Docker Hub's "library/"`],
  [`team/${'a'.repeat(251)}`, 'and has 256'],
];

describe('parseReference', () => {
  test.each(VALID)('reads %s', (text, familiar, normalized) => {
    const reference = parseReference(text);
    expect(familiarReference(reference)).toBe(familiar);
    expect(normalizedReference(reference)).toBe(normalized);
    // What was written is read again, and means the same.
    expect(parseReference(familiar)).toStrictEqual(reference);
    expect(normalizedReference(parseReference(normalized))).toBe(normalized);
  });

  test('says its parts', () => {
    expect(parseReference('localhost:5000/team/app:1')).toStrictEqual({
      domain: 'localhost:5000',
      repository: 'team/app',
      tag: '1',
    });
    expect(parseReference('team/app')).toStrictEqual({ repository: 'team/app', tag: 'latest' });
    expect(parseReference('[2001:db8::1]:80/app')).toStrictEqual({
      domain: '[2001:db8::1]:80',
      repository: 'app',
      tag: 'latest',
    });
  });

  test.each([`team/${'a'.repeat(250)}`, `example.com/${'a'.repeat(255)}`])(
    'reads a repository of 255 characters',
    (text) => {
      expect(parseReference(text).tag).toBe('latest');
    },
  );

  test.each(INVALID)('refuses %j', (text, message) => {
    expect(() => parseReference(text)).toThrowError(OciError);
    expect(() => parseReference(text)).toThrowError(
      expect.objectContaining({
        code: 'OCI_REFERENCE_INVALID',
        message: expect.stringMatching(/^Cannot parse reference "[^\n]*[^.\n]$/),
        data: expect.objectContaining({ reference: text }),
      }),
    );
    expect(() => parseReference(text)).toThrowError(message);
  });

  // skopeo parses the destination with Docker's own parser before it opens the source.
  clientTest('skopeo')('agrees with the parser of skopeo', () => {
    const accepts = (reference: string): boolean => {
      const args = ['copy', 'dir:/nonexistent', `docker-archive:/nonexistent/image.tar:${reference}`];
      const { stderr } = spawnSync('skopeo', args, { encoding: 'utf8' });
      expect(stderr).toMatch(/Invalid destination name|no such file or directory/);
      return !stderr.includes('Invalid destination name');
    };
    // Docker's parser takes a first component that is no host for a path, and then has a name without a registry.
    const leniencies = ['us_er.example/c'];
    // An empty reference means "none" to skopeo. Newer parsers than that of Debian's skopeo count 255 without the host.
    const texts = [...VALID, ...INVALID]
      .map(([text]) => text)
      .filter((text) => text !== '' && text.length < 200 && !leniencies.includes(text));
    const verdicts = texts.map((text) => ({ text, valid: accepts(text) }));
    expect(verdicts).toEqual(texts.map((text) => ({ text, valid: VALID.some(([valid]) => valid === text) })));
  });
});

describe('canonicalizeRepositoryName', () => {
  test.each([
    ['Hello World', 'hello.world'],
    ['--Foo--', 'foo--'],
    ['_-.a', 'aa'],
    ['guix', 'guix'],
    ['', 'aa'],
    ['x', 'xa'],
    ['___', 'aa'],
    ['a/b:c', 'a.b.c'],
    ['a_b-c.d', 'a_b-c.d'],
    ['/abc', '.abc'],
    ['é', '.a'],
    ['😀😀', '..'],
    ['ΑΣ', '..'],
    ['İx', 'ix'],
    ['a'.repeat(255), 'a'.repeat(255)],
    [`-${'a'.repeat(256)}`, 'a'.repeat(255)],
  ])('makes %j into %j', (name, expected) => {
    expect(canonicalizeRepositoryName(name)).toBe(expected);
  });
});

describe('defaultRepositoryName', () => {
  const hash = '0123456789abcdfghijklmnpqrsvwxyz';
  test.each([
    [`${hash}-hello-2.12.1`, 'hello-2.12.1'],
    [`${hash}-Foo++`, 'foo'],
    ['hello', 'hello'],
    // Not the hash of a store item: 31 characters, a letter that base32 lacks, upper case.
    [`${hash.slice(1)}-hello`, `${hash.slice(1)}-hello`],
    [`e${hash.slice(1)}-hello`, `e${hash.slice(1)}-hello`],
    [`${hash}hello`, `${hash}hello`],
    [`${hash}-`, 'image'],
    ['', 'image'],
    ['/', 'image'],
    ['..', 'image'],
    ['___', 'image'],
    ['日本', 'image'],
    ['x', 'xa'],
    ['My App', 'my.app'],
    ['a..b', 'a.b'],
    ['a.-b', 'a.b'],
    ['a-_b', 'a-b'],
    ['a__b', 'a__b'],
    ['a___b', 'a_b'],
    ['a---b', 'a---b'],
    ['a日本b', 'a.b'],
    ['.hidden', 'hidden'],
    ['app.', 'app'],
    ['  app', 'app'],
    ['a'.repeat(300), 'a'.repeat(247)],
    [`${'a'.repeat(246)}-b`, 'a'.repeat(246)],
  ])('makes %j into %j, which parseReference takes', (basename, expected) => {
    const name = defaultRepositoryName(basename);
    expect(name).toBe(expected);
    expect(parseReference(name)).toStrictEqual({ repository: expected, tag: 'latest' });
  });
});
