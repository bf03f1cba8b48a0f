import { deflateRawSync } from 'node:zlib';
import { displayName } from '../../bytes/index.js';
import { CODEC_NAMES, createGunzip, type GzipHeader, loadCodec } from '../../compress/index.js';
import { readBytes, type StoredFile } from '../../transport/index.js';
import { readDeflateTokens } from './deflate-tokens.js';
import { agree, MODEL_SIZE, ZLIB_LEVELS, zlibTokens } from './zlib-model.js';

/** What made a gzip file, as far as its first bytes tell. */
export interface GzipOrigin {
  /** `gzip-fflate-1 level 6`, `zlib or gzip, level 9`, `Go's compress/gzip`. */
  readonly name: string;
  /** Whether the same program gives the same bytes, or it is only what its header and its way are like. */
  readonly isProven: boolean;
  /** `mtime 0, XFL 2, OS 255, name "layer.tar"`. */
  readonly header: string;
}

/** So much of the file is looked at, in bytes. */
const SAMPLE_SIZE = 4 << 20;
/** What is chosen for the last bytes of a sample depends on those after it. */
const MARGIN = 300;
/** Of the first member; Node's zlib is not as small as to be tried on much. */
const NODE_SIZE = 1 << 18;

/** Several blocks of pigz, which have 128 KiB: one of eight ends with its byte and needs no empty one behind it. */
const PIGZ_SIZE = 700_000;

/** The year 1 as 32 bits keep it, which is no time to a program of Go and which not all of them leave out. */
const GO_ZERO_TIME = 0x88_6e_09_00;

const ENOUGH: Error = new Error('enough');

/**
 * Says what probably made a gzip file, by compressing its beginning again with whatever is at hand: to recognize it,
 * for no output comes of it.
 */
export async function recognizeGzip(file: StoredFile, header: GzipHeader, members: number): Promise<GzipOrigin> {
  const described = describeGzipHeader(header);
  const stored = readBytes(file, 0, SAMPLE_SIZE);
  const plain = sampleOf(stored);
  const isWhole = plain.isWhole && stored.length === file.sizeBytes;
  const codec = isOurs(header) ? await ownCodec(stored, plain.bytes, isWhole, members) : undefined;
  if (codec !== undefined) return { name: codec, isProven: true, header: described };
  const deflate = stored.subarray(header.sizeBytes);
  const levels = zlibLevels(deflate, plain.bytes, isWhole);
  if (levels !== undefined) {
    const blocks =
      members === 1 && readDeflateTokens(deflate, PIGZ_SIZE).emptyBlocks > 0 ? ', in blocks as pigz makes them' : '';
    return { name: `zlib or gzip, ${levels}${blocks}`, isProven: true, header: described };
  }
  const node = nodeLevel(deflate, plain.bytes, isWhole);
  if (node !== undefined) return { name: `Node's zlib, level ${node}`, isProven: true, header: described };
  return { name: guess(header, members), isProven: false, header: described };
}

/** What a gzip header says besides flags. */
export function describeGzipHeader({ mtimeSeconds, extraFlags, operatingSystem, name, comment }: GzipHeader): string {
  return [
    `mtime ${mtimeSeconds}`,
    `XFL ${extraFlags}`,
    `OS ${operatingSystem}`,
    ...(name === undefined ? [] : [`name "${displayName(name)}"`]),
    ...(comment === undefined ? [] : [`comment "${displayName(comment)}"`]),
  ].join(', ');
}

function sampleOf(stored: Uint8Array): { readonly bytes: Uint8Array; readonly isWhole: boolean } {
  const pieces: Uint8Array[] = [];
  let size = 0;
  let isWhole = false;
  const gunzip = createGunzip((bytes) => {
    pieces.push(bytes.slice());
    size += bytes.length;
    if (size >= SAMPLE_SIZE) throw ENOUGH;
  });
  try {
    gunzip.push(stored);
    gunzip.finish();
    isWhole = true;
  } catch {
    // A sample is cut somewhere, and a file that is wrong has been told of before.
  }
  return { bytes: new Uint8Array(Buffer.concat(pieces)), isWhole };
}

/** Whether a header is as all our codecs write it. */
function isOurs({ flags, mtimeSeconds, operatingSystem }: GzipHeader): boolean {
  return flags === 0 && mtimeSeconds === 0 && operatingSystem === 255;
}

/** The codec of ours that gives the same first member. */
async function ownCodec(
  stored: Uint8Array,
  plain: Uint8Array,
  isWhole: boolean,
  members: number,
): Promise<string | undefined> {
  for (const name of CODEC_NAMES) {
    const codec = await loadCodec(name);
    // Each block is a member.
    if (members === 1 ? !isWhole || plain.length > codec.blockSizeBytes : plain.length < codec.blockSizeBytes) continue;
    const block = plain.subarray(0, codec.blockSizeBytes);
    const levels: number[] = [];
    for (let level = codec.minLevel; level <= codec.maxLevel; level++) {
      const member = codec.compressBlock(block, level);
      if (Buffer.compare(member, stored.subarray(0, member.length)) === 0) levels.push(level);
    }
    if (levels.length > 0) return `${name}, ${levelText(levels)}`;
  }
  return undefined;
}

function zlibLevels(deflate: Uint8Array, plain: Uint8Array, isWhole: boolean): string | undefined {
  const bytes = plain.subarray(0, MODEL_SIZE);
  const isAll = isWhole && bytes.length === plain.length;
  const compared = isAll ? bytes.length : bytes.length - MARGIN;
  const { tokens } = readDeflateTokens(deflate, compared);
  // Where there is no match, all levels say the same, and so does everybody else.
  if (compared <= 0 || !tokens.some((token) => token > 255)) return undefined;
  const levels: number[] = [];
  for (let level = 1; level <= ZLIB_LEVELS; level++) {
    if (agree(tokens, zlibTokens(bytes, level), compared)) levels.push(level);
  }
  return levels.length === 0 ? undefined : levelText(levels);
}

/** Node's zlib is one of its own, which depends on the version and the processor: it is found where it is the same. */
function nodeLevel(deflate: Uint8Array, plain: Uint8Array, isWhole: boolean): string | undefined {
  const block = plain.subarray(0, NODE_SIZE);
  const levels: number[] = [];
  for (let level = 1; level <= 9; level++) {
    const stream = deflateRawSync(block, { level });
    // The last block is of what comes after it, too.
    const size = isWhole && block.length === plain.length ? stream.length : Math.floor(stream.length / 2);
    if (size > 0 && Buffer.compare(stream.subarray(0, size), deflate.subarray(0, size)) === 0) levels.push(level);
  }
  return levels.length === 0 ? undefined : levelText(levels).replace('level ', '').replace('levels ', '');
}

function guess({ mtimeSeconds, extraFlags, operatingSystem }: GzipHeader, members: number): string {
  if (operatingSystem === 255 && mtimeSeconds === 0 && members === 1 && extraFlags === 0) {
    return "a compressor as Go's compress/gzip, by its header (Docker, BuildKit, buildah)";
  }
  if (operatingSystem === 255 && mtimeSeconds === GO_ZERO_TIME) {
    return "Go's pgzip, by the time in its header (skopeo, buildah, podman)";
  }
  if (operatingSystem === 255 && members > 1) return `a compressor that writes ${members} gzip members`;
  const level = extraFlags === 2 ? 'level 9' : extraFlags === 4 ? 'level 1' : 'none of the levels 1 and 9';
  return operatingSystem === 3 ? `gzip or zlib, ${level}, by its header` : 'a compressor that is not known';
}

function levelText(levels: readonly number[]): string {
  const [first, last] = [levels[0]!, levels.at(-1)!];
  return first === last ? `level ${first}` : `level ${first} to ${last} (which are the same here)`;
}
