import { OciError } from './oci-error.js';
import { shown } from './text.js';

/** The name of an image: `localhost:5000/team/app:1.0` has a domain, a repository and a tag. */
export interface Reference {
  /** Registry host as given, with its port; absent for Docker Hub's short names. */
  readonly domain?: string;
  readonly repository: string;
  readonly tag: string;
}

/** The longest repository without its registry host, Docker Hub's `library/` included. */
export const MAX_REPOSITORY_LENGTH = 255;

const DEFAULT_TAG = 'latest';
const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DEFAULT_DOMAIN = 'index.docker.io';
/** Where Docker Hub keeps repositories that are named by one component alone. */
export const LIBRARY_PREFIX = 'library/';

const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DOMAIN =
  /^(?:\[[0-9a-fA-F:]+\]|(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*)(?::[0-9]+)?$/;

/**
 * Reads `[HOST[:PORT]/]PATH[:TAG]`, the tag being `latest` where there is none. Nothing is rewritten: a name that is
 * not valid is refused with the rule that it breaks.
 *
 * The first component is a host when it holds a `.` or a `:`, or is `localhost`, as in Docker.
 *
 * @throws {OciError} OCI_REFERENCE_INVALID
 */
export function parseReference(text: string): Reference {
  if (text === '') throw referenceError(text, 'the reference', 'not be empty', text);
  if (text.includes('@')) {
    throw referenceError(text, 'the reference', 'hold no digest, for an image is named before it has one', text);
  }
  const slash = text.lastIndexOf('/');
  const colon = text.indexOf(':', slash + 1);
  const name = colon < 0 ? text : text.slice(0, colon);
  const tag = colon < 0 ? DEFAULT_TAG : text.slice(colon + 1);

  const firstSlash = name.indexOf('/');
  const first = name.slice(0, Math.max(0, firstSlash));
  const hasDomain = first !== '' && (/[.:]/.test(first) || first === 'localhost');
  const repository = hasDomain ? name.slice(firstSlash + 1) : name;

  if (hasDomain && !DOMAIN.test(first)) {
    throw referenceError(text, 'the registry host', 'be a host name or [IPv6 address] with an optional :PORT', first);
  }
  requireRepository(text, repository);
  if (!TAG.test(tag)) {
    throw referenceError(
      text,
      'the tag',
      tag.length > 128
        ? `have at most 128 characters, and has ${tag.length}`
        : 'be letters, digits, "_", "." or "-", and not begin with "." or "-"',
      tag,
    );
  }
  const reference: Reference = hasDomain ? { domain: first, repository, tag } : { repository, tag };
  const { length } = normalizedRepository(reference);
  if (length > MAX_REPOSITORY_LENGTH) {
    throw referenceError(
      text,
      'the repository',
      `have at most ${MAX_REPOSITORY_LENGTH} characters with Docker Hub's "${LIBRARY_PREFIX}" and without a registry host, and has ${length}`,
      repository,
    );
  }
  return reference;
}

/** The reference as the user gave it, with its tag, as `RepoTags` holds it: `name:tag`. */
export function familiarReference({ domain, repository, tag }: Reference): string {
  return `${domain === undefined ? '' : `${domain}/`}${repository}:${tag}`;
}

/** The reference in full, as containerd names an image: `docker.io/library/name:tag`. */
export function normalizedReference(reference: Reference): string {
  return `${normalizedDomain(reference)}/${normalizedRepository(reference)}:${reference.tag}`;
}

function normalizedDomain({ domain = DEFAULT_DOMAIN }: Reference): string {
  return domain === LEGACY_DEFAULT_DOMAIN ? DEFAULT_DOMAIN : domain;
}

function normalizedRepository(reference: Reference): string {
  const isOfficial = normalizedDomain(reference) === DEFAULT_DOMAIN && !reference.repository.includes('/');
  return isOfficial ? `${LIBRARY_PREFIX}${reference.repository}` : reference.repository;
}

function requireRepository(text: string, repository: string): void {
  if (repository === '') throw referenceError(text, 'the repository', 'not be empty', repository);
  if (/[A-Z]/.test(repository)) throw referenceError(text, 'the repository', 'be lower case', repository);
  for (const component of repository.split('/')) {
    if (COMPONENT.test(component)) continue;
    throw referenceError(
      text,
      'each component of the repository',
      component === '' ? 'not be empty' : 'be a-z and 0-9 with single ".", "_", "__" or any number of "-" between them',
      component,
    );
  }
}

function referenceError(text: string, subject: string, rule: string, value: string): OciError {
  return new OciError(
    'OCI_REFERENCE_INVALID',
    `Cannot parse reference "${shown(text)}": ${subject} must ${rule}, and is "${shown(value)}"`,
    { reference: text, rule, value },
  );
}
