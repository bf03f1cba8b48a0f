import { LIBRARY_PREFIX, MAX_REPOSITORY_LENGTH } from './reference.js';

const MIN_GUIX_LENGTH = 2;
const MAX_GUIX_LENGTH = 255;

/** `HASH-` of a store item: 32 characters of the base32 alphabet that Nix and Guix share (no e, o, t, u). */
const STORE_HASH = /^[0-9abcdfghijklmnpqrsvwxyz]{32}-/;
const FALLBACK_NAME = 'image';

/**
 * Makes a repository name as Guix does: lower case, without leading `_`, `-` and `.`, every other character than
 * `a-z 0-9 _ . -` a `.`, at least two characters (`a` is appended), at most 255.
 *
 * The result is what Guix writes and not always a valid name: trailing separators stay.
 */
export function canonicalizeRepositoryName(name: string): string {
  return mapCharacters(name).padEnd(MIN_GUIX_LENGTH, 'a').slice(0, MAX_GUIX_LENGTH);
}

/**
 * The repository name of an image that was given none.
 *
 * @param basename the last component of the first path; `HASH-` of a store item is taken off
 * @returns a valid repository of one component; `image` where nothing of the name can stay
 */
export function defaultRepositoryName(basename: string): string {
  const name = basename.replace(STORE_HASH, '');
  // Before canonicalising, which would call a name of nothing "aa".
  if (!/[a-z0-9]/.test(mapCharacters(name))) return FALLBACK_NAME;
  return (
    canonicalizeRepositoryName(name)
      // A separator is ".", "_", "__" or a run of "-": of any other run its first character stays.
      .replace(/[._-]{2,}/g, (run) => (run === '__' || /^-+$/.test(run) ? run : run.charAt(0)))
      .slice(0, MAX_REPOSITORY_LENGTH - LIBRARY_PREFIX.length)
      .replace(/^[._-]+|[._-]+$/g, '')
  );
}

/** By code point, as Guile's strings are: a character beyond U+FFFF becomes one `.`, and `İ` the one letter `i`. */
function mapCharacters(name: string): string {
  return Array.from(name, (char) => [...char.toLowerCase()][0]!)
    .join('')
    .replace(/^[_.-]+/, '')
    .replace(/[^a-z0-9_.-]/gu, '.');
}
