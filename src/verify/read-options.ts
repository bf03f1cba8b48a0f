import { isAbsolute, resolve } from 'node:path';
import { displayText, encodeUtf8 } from '../bytes/index.js';
import { type HashEngine, type HashEngineChoice, loadHashEngine } from '../digest/index.js';
import { splitImageName, TransportError } from '../transport/index.js';
import type { Report } from './finding.js';
import { type OpenedImage, openImage } from './open/index.js';

/** What reading an image takes from its surroundings. */
export interface ReadOptions {
  /** Base of relative paths, absolute itself; without it they are refused. */
  readonly cwd?: string;
  /** A tag or a reference that chooses among several images; default that behind the path's colon, else all. */
  readonly reference?: string;
  /**
   * Default `wasm`: a build takes the other one where it can, so that one cannot hide what the other does wrong. The
   * findings are the same.
   */
  readonly hashEngine?: HashEngineChoice;
  /** Where a stream, or an archive within gzip, waits to be read at any place. */
  readonly temporaryDirectory?: string;
  readonly signal?: AbortSignal;
}

/** `PATH[:REFERENCE]`, or the bytes of a file from wherever they come. */
export type GivenImage = string | AsyncIterable<Uint8Array>;

/**
 * Opens what a user has given; the caller closes it.
 *
 * @throws {TransportError} IMAGE_MISSING, IMAGE_INVALID, SPOOL_MISSING; {DigestError} as `loadHashEngine`
 */
export async function openGiven(
  image: GivenImage,
  options: ReadOptions,
  report: Report,
): Promise<{ readonly opened: OpenedImage; readonly engine: HashEngine }> {
  const { cwd, temporaryDirectory, signal, hashEngine = 'wasm' } = options;
  const engine = await loadHashEngine(hashEngine);
  const name = typeof image === 'string' ? splitImageName(image, (path) => absolute(path, cwd)) : undefined;
  const opened = await openImage(name === undefined ? (image as AsyncIterable<Uint8Array>) : encodeUtf8(name.path), {
    engine,
    report,
    reference: options.reference ?? name?.reference,
    temporaryDirectory: temporaryDirectory === undefined ? undefined : encodeUtf8(temporaryDirectory),
    signal,
    shown: typeof image === 'string' ? image : '-',
  });
  return { opened, engine };
}

function absolute(path: string, cwd: string | undefined): string {
  if (isAbsolute(path)) return path;
  if (cwd !== undefined) return resolve(cwd, path);
  throw new TransportError(
    'IMAGE_INVALID',
    `Cannot read image "${displayText(path)}": its path must be absolute where no directory is given, and is relative`,
    { image: path },
  );
}
