import { formatPlatform, normalizedReference, OciError, type Platform, parseReference } from '../../oci/index.js';
import { type BaseFailure, quote, shortText } from './base-error.js';

/** One of the images that an archive or a layout holds. */
export interface ImageCandidate {
  /** Tags and references by which it can be chosen. */
  readonly names: ReadonlySet<string>;
  /** Its platform, as far as anything says it; `undefined` for what is no image. */
  platform(): Platform | undefined;
}

export interface ImageChoice {
  readonly platform: Platform;
  /** Whether nobody stated the platform, which the message then says. */
  readonly platformIsDefault: boolean;
  readonly reference: string | undefined;
}

/** Names that one message lists at the most. */
const MAX_LISTED = 20;

/**
 * Chooses the one image of this reference, where one is given, and this platform.
 *
 * @throws {TransportError} BASE_MISSING, BASE_INVALID, BASE_PLATFORM, BASE_AMBIGUOUS
 */
export function chooseImage<T extends ImageCandidate>(images: readonly T[], choice: ImageChoice, fail: BaseFailure): T {
  const { reference } = choice;
  const named = reference === undefined ? images : images.filter(({ names }) => isNamed(names, reference));
  if (named.length === 0 && reference !== undefined && images.length > 0) {
    throw fail(
      'BASE_MISSING',
      `it must hold an image of the name ${quote(reference)}, and holds ${listNames(images)}`,
      { reference },
    );
  }
  const found = named.flatMap((image) => {
    const platform = image.platform();
    return platform === undefined ? [] : [{ image, platform }];
  });
  if (found.length === 0) throw fail('BASE_INVALID', 'it must hold an image, and holds none');

  const matching = found.filter(({ platform }) => isOfPlatform(platform, choice.platform));
  if (matching.length === 0)
    throw platformError(
      found.map(({ platform }) => platform),
      choice,
      fail,
    );
  const exact = matching.filter(({ platform }) => platform.variant === choice.platform.variant);
  const [first, ...others] = exact.length > 0 ? exact : matching;
  if (first === undefined || others.length > 0) {
    throw fail(
      'BASE_AMBIGUOUS',
      `it must hold one image of ${formatPlatform(choice.platform)}${reference === undefined ? '' : ` of the name ${quote(reference)}`}, and holds ${matching.length}: ${listNames(matching.map(({ image }) => image))}`,
    );
  }
  return first.image;
}

/**
 * @param found of the chosen image's config, whatever an index says of it
 * @throws {TransportError} BASE_PLATFORM
 */
export function requirePlatform(found: Platform, choice: ImageChoice, fail: BaseFailure): void {
  if (!isOfPlatform(found, choice.platform)) throw platformError([found], choice, fail);
}

function isOfPlatform(found: Platform, wanted: Platform): boolean {
  return (
    found.os === wanted.os &&
    found.architecture === wanted.architecture &&
    (found.variant === undefined || wanted.variant === undefined || found.variant === wanted.variant)
  );
}

function platformError(
  found: readonly Platform[],
  { platform, platformIsDefault }: ImageChoice,
  fail: BaseFailure,
): Error {
  const names = [...new Set(found.map(formatPlatform))];
  const wanted = formatPlatform(platform);
  return fail(
    'BASE_PLATFORM',
    `its platform must be ${wanted}${platformIsDefault ? ' (the default; --platform OS/ARCH[/VARIANT] states it)' : ''}, and is ${listed(names, shortText)}`,
    { expected: wanted, found: names },
  );
}

function isNamed(names: ReadonlySet<string>, reference: string): boolean {
  if (names.has(reference)) return true;
  const wanted = normalized(reference);
  return wanted !== undefined && [...names].some((name) => normalized(name) === wanted);
}

function normalized(name: string): string | undefined {
  try {
    return normalizedReference(parseReference(name));
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

function listNames(images: readonly ImageCandidate[]): string {
  const names = [...new Set(images.flatMap((image) => [...image.names]))];
  return names.length === 0 ? 'none that has a name' : listed(names, quote);
}

function listed(names: readonly string[], show: (name: string) => string): string {
  const shown = names.slice(0, MAX_LISTED).map(show).join(', ');
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}
