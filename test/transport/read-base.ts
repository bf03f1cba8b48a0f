import { expect, onTestFinished } from 'vitest';
import { encodeUtf8 } from '../../src/bytes/index.js';
import { loadHashEngine } from '../../src/digest/index.js';
import { type BaseImage, type BaseImageOptions, readBaseImage, TransportError } from '../../src/transport/index.js';
import { scratchDirectory } from '../support/scratch.js';

const engine = await loadHashEngine('native');

export const PLATFORM = { os: 'linux', architecture: 'amd64' } as const;

/** Reads an image of {@link PLATFORM}, which is closed when the test is over. */
export async function readBase(path: string, options: Partial<BaseImageOptions> = {}): Promise<BaseImage> {
  const temporaryDirectory = encodeUtf8(scratchDirectory());
  const image = await readBaseImage(encodeUtf8(path), {
    engine,
    platform: PLATFORM,
    platformIsDefault: false,
    temporaryDirectory,
    shown: 'base.tar',
    ...options,
  });
  onTestFinished(() => image.close());
  return image;
}

/** @param message a part of the error's message */
export async function expectRefusal(
  path: string,
  code: string,
  message: string,
  options: Partial<BaseImageOptions> = {},
): Promise<void> {
  const error = await readBase(path, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TransportError);
  expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  expect((error as Error).message.startsWith('Cannot read base image "base.tar": ')).toBe(true);
}

/** The bytes that the source of a layer gives. */
export async function bytesOf(layer: BaseImage['layers'][number]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await layer.source.seal((piece) => void pieces.push(Buffer.from(piece)));
  return Buffer.concat(pieces);
}
