import { displayText } from '../bytes/index.js';
import {
  ANNOTATIONS,
  type ForeignDescriptor,
  formatPlatform,
  normalizedReference,
  OciError,
  parseReference,
} from '../oci/index.js';
import type { Report } from './finding.js';
import type { StoredDocument, StoredImage } from './open/index.js';

const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** Checks the names of images: their grammar, and that they are the same wherever they stand. */
export function checkNames(images: readonly StoredImage[], documents: readonly StoredDocument[], report: Report): void {
  for (const image of images) checkImageNames(image, report);
  checkAmbiguity(images, report);
  const repositories = documents.find(({ path }) => path === 'repositories');
  if (repositories !== undefined) checkRepositories(repositories, images, report);
}

function checkImageNames({ oci, docker }: StoredImage, report: Report): void {
  const full = new Set((oci?.descriptors ?? []).flatMap((descriptor) => checkAnnotations(descriptor, report) ?? []));
  const tags = docker.flatMap(({ repoTags }) => repoTags);
  const ofDocker = new Set(tags.flatMap((tag) => normalized(tag, 'RepoTags', report) ?? []));
  // Without docker's manifest, or without containerd's annotation, there is nothing to compare.
  if (oci === undefined || docker.length === 0 || (full.size === 0 && !oci.descriptors.some(hasRefName))) return;
  for (const name of ofDocker) {
    if (!full.has(name))
      report('INDEX_NAMES', `RepoTags has "${displayText(name)}", which no annotation of index.json has`);
  }
  for (const name of full) {
    if (!ofDocker.has(name))
      report('INDEX_NAMES', `an annotation of index.json has "${displayText(name)}", which RepoTags has not`);
  }
}

/** @returns the full name that the annotations give */
function checkAnnotations({ annotations }: ForeignDescriptor, report: Report): string | undefined {
  const refName = annotations.get(ANNOTATIONS.refName);
  const imageName = annotations.get(ANNOTATIONS.containerdImageName);
  if (refName !== undefined && !TAG.test(refName)) normalized(refName, ANNOTATIONS.refName, report);
  if (imageName === undefined) return undefined;
  const name = normalized(imageName, ANNOTATIONS.containerdImageName, report);
  if (name === undefined) return undefined;
  if (name !== imageName) {
    report(
      'INDEX_NAMES',
      `${ANNOTATIONS.containerdImageName} must be a name in full, "${displayText(name)}", and is "${displayText(imageName)}"`,
    );
  }
  if (refName === undefined) {
    report(
      'INDEX_NAMES',
      `"${displayText(imageName)}" must have the annotation ${ANNOTATIONS.refName} too, and has none`,
    );
  } else if (refName !== imageName && !name.endsWith(`:${refName}`) && quietly(refName) !== name) {
    report(
      'INDEX_NAMES',
      `annotations of one image are "${displayText(refName)}" and "${displayText(imageName)}", whose tags differ`,
    );
  }
  return name;
}

function hasRefName({ annotations }: ForeignDescriptor): boolean {
  return annotations.has(ANNOTATIONS.refName);
}

function checkAmbiguity(images: readonly StoredImage[], report: Report): void {
  const known = new Map<string, string>();
  for (const { oci, docker, config, content } of images) {
    const digest = oci?.descriptors[0]?.digest ?? config?.digest;
    const platform = content === undefined ? '' : formatPlatform(content.platform);
    const names = new Set([
      ...(oci?.descriptors ?? []).flatMap(
        ({ annotations }) =>
          annotations.get(ANNOTATIONS.containerdImageName) ?? annotations.get(ANNOTATIONS.refName) ?? [],
      ),
      ...(oci === undefined ? docker.flatMap(({ repoTags }) => repoTags) : []),
    ]);
    for (const name of names) {
      const key = JSON.stringify([name, platform]);
      const other = known.get(key);
      if (digest === undefined || other === digest) continue;
      if (other !== undefined) {
        report(
          'INDEX_AMBIGUOUS',
          `"${displayText(name)}" must name one image of a platform, and names ${other} and ${digest}`,
        );
      } else known.set(key, digest);
    }
  }
}

/** Docker's oldest list of names, which the guix dialect has too: repository, tag, id of a layer. */
function checkRepositories({ json }: StoredDocument, images: readonly StoredImage[], report: Report): void {
  const listed = new Set<string>();
  if (typeof json === 'object' && json !== null) {
    for (const [repository, tags] of Object.entries(json)) {
      if (typeof tags !== 'object' || tags === null) continue;
      for (const tag of Object.keys(tags)) listed.add(quietly(`${repository}:${tag}`) ?? `${repository}:${tag}`);
    }
  }
  const tagged = new Set(
    images.flatMap(({ docker }) => docker.flatMap(({ repoTags }) => repoTags)).map((tag) => quietly(tag) ?? tag),
  );
  const different = [...listed]
    .filter((name) => !tagged.has(name))
    .concat([...tagged].filter((name) => !listed.has(name)));
  for (const name of different) {
    report('INDEX_NAMES', `"${displayText(name)}" stands in one of "repositories" and RepoTags, and not in the other`);
  }
}

/** Whether a name has the grammar of references. */
export function isReference(name: string): boolean {
  return quietly(name) !== undefined;
}

function normalized(name: string, where: string, report: Report): string | undefined {
  try {
    return normalizedReference(parseReference(name));
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    report('REFERENCE_INVALID', `${where}: ${error.message}`);
    return undefined;
  }
}

function quietly(name: string): string | undefined {
  return normalized(name, '', () => {});
}
