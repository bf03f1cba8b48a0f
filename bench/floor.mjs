// What cannot be saved: what a work's system calls, hash, compression and writing take by themselves, each alone on one thread.

import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { loadCodec } from '../dist/compress/index.js';
import { loadHashEngine } from '../dist/digest/index.js';
import { readTree } from './corpora.mjs';

/** Blocks that are compressed of an archive: each is independent of the others, so that what some take tells what all take. */
const SAMPLES = 16;

/** @returns milliseconds that `work` takes */
function timed(work) {
  const begin = performance.now();
  work();
  return performance.now() - begin;
}

const block = Buffer.alloc(1 << 20, 1);

/**
 * In milliseconds on one thread: opening, reading and closing every file of a tree; hashing as many bytes as the archive has;
 * compressing it, where it is compressed; and writing it.
 *
 * @param layers sizes in bytes of what is hashed by itself
 * @param tar the archive itself, where it is compressed
 * @returns these, and `least`: all of them on two threads, of which none waits, and no layer's hash is shared by two
 */
export async function measureFloor(directory, layers, { engine = 'native', tar }) {
  const bytes = layers.reduce((sum, size) => sum + size, 0);
  const blocks = Math.ceil(bytes / block.length);
  const hash = (await loadHashEngine(engine)).createSha256();
  const codec = await loadCodec('gzip-libdeflate-1');
  const file = join(directory, 'floor');
  const fd = openSync(file, 'wx');
  const repeat = (work) => {
    for (let index = 0; index < blocks; index++) work();
  };
  const parts = {
    read: timed(() => readTree(directory)),
    hash: timed(() => repeat(() => hash.update(block))),
    gzip: tar === undefined ? 0 : compressionOf(tar, codec),
    write: timed(() => repeat(() => writeSync(fd, block))),
  };
  closeSync(fd);
  rmSync(file);
  const sum = Object.values(parts).reduce((total, part) => total + part, 0);
  return { ...parts, least: Math.max(sum / 2, (parts.hash * Math.max(...layers)) / (bytes || 1)) };
}

/** Compresses blocks from everywhere in a file. @returns milliseconds that all of them take */
function compressionOf(file, codec) {
  const fd = openSync(file, 'r');
  const { size } = fstatSync(fd);
  const part = Buffer.alloc(codec.blockSizeBytes);
  let milliseconds = 0;
  let bytes = 0;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const read = readSync(fd, part, 0, part.length, Math.floor((sample * (size - part.length)) / (SAMPLES - 1)));
    milliseconds += timed(() => codec.compressBlock(part.subarray(0, read), codec.defaultLevel));
    bytes += read;
  }
  closeSync(fd);
  return milliseconds * (size / bytes);
}
