import { tmpdir } from 'node:os';
import type { GivenImage, ReadOptions } from '../index.js';
import { rawArguments, requireUtf8 } from './raw-arguments.js';
import type { Signals } from './signals.js';

/** The IMAGE of a command: `-` is standard input. */
export function givenImage(image: string): GivenImage {
  const args = process.argv.slice(2);
  for (const [index, raw] of rawArguments(args).entries()) requireUtf8(args[index]!, raw);
  return image === '-' ? process.stdin : image;
}

/** What reading takes from this process. */
export function readOptions({ signal, install }: Signals): ReadOptions {
  // What is decompressed lies in a file that must be removed.
  install();
  return { cwd: process.cwd(), temporaryDirectory: tmpdir(), signal };
}
