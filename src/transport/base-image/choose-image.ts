import { formatPlatform, type Platform } from '../../oci/index.js';
import { isNamed } from '../stored/image-names.js';
import { quote, type ReadFailure, shortText } from '../stored/read-failure.js';

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
export function chooseImage<T extends ImageCandidate>(images: readonly T[], choice: ImageChoice, fail: ReadFailure): T {
  const { reference } = choice;
  const named = reference === undefined ? images : images.filter(({ names }) => isNamed(names, reference));
  if (named.length === 0 && reference !== undefined && images.length > 0) {
    throw fail('MISSING', `it must hold an image of the name ${quote(reference)}, and holds ${listNames(images)}`, {
      reference,
    });
  }
  const found = named.flatMap((image) => {
    const platform = image.platform();
    return platform === undefined ? [] : [{ image, platform }];
  });
  if (found.length === 0) throw fail('INVALID', 'it must hold an image, and holds none');

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
      'AMBIGUOUS',
      `it must hold one image of ${formatPlatform(choice.platform)}${reference === undefined ? '' : ` of the name ${quote(reference)}`}, and holds ${matching.length}: ${listNames(matching.map(({ image }) => image))}`,
    );
  }
  return first.image;
}

/**
 * @param found of the chosen image's config, whatever an index says of it
 * @throws {TransportError} BASE_PLATFORM
 */
export function requirePlatform(found: Platform, choice: ImageChoice, fail: ReadFailure): void {
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
  fail: ReadFailure,
): Error {
  const names = [...new Set(found.map(formatPlatform))];
  const wanted = formatPlatform(platform);
  return fail(
    'PLATFORM',
    `its platform must be ${wanted}${platformIsDefault ? ' (the default; --platform OS/ARCH[/VARIANT] states it)' : ''}, and is ${listed(names, shortText)}`,
    { expected: wanted, found: names },
  );
}

function listNames(images: readonly ImageCandidate[]): string {
  const names = [...new Set(images.flatMap((image) => [...image.names]))];
  return names.length === 0 ? 'none that has a name' : listed(names, quote);
}

function listed(names: readonly string[], show: (name: string) => string): string {
  const shown = names.slice(0, MAX_LISTED).map(show).join(', ');
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}
