/**
 * Feeds the reader of archives with what is nearly one: archives of every format, gzip or not, with changes and cuts.
 * `npm run fuzz` runs a million cases, whose last lines are kept in fuzz-archives.log; CI runs some thousands.
 *
 *   node test/long/fuzz-archives.mjs [--cases N] [--first N]    one case again: --cases 1 --first N
 *
 * A case is its number: it says which archive, which changes, which chunks. It fails with any error but one that has a
 * code and an offset within the archive; when other chunks give another result; when what was read does not add up. The
 * run fails when it held more memory than its bound. What would never end is a run that never ends.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createBlockCompressor, createGunzip, loadCodec } from '../../dist/compress/index.js';
import { TarsealError } from '../../dist/errors/index.js';
import { createTarDecoder, inspectHeader } from '../../dist/tar/index.js';
import { readArchiveMembers } from '../../dist/transport/index.js';

const BLOCK = 512;
/** Larger seeds would take the time of many small ones. */
const MAX_SEED_SIZE = 16_384;
/** Of the whole process. Node alone has some 50 MiB, and its collector lets what it need not keep grow. */
const MAX_MEMORY = 320 << 20;
/** What one case may decompress to: changed bits of deflate can say a thousand times their number. */
const MAX_OUTPUT = 16 << 20;
const CODES = new Set([
  ...['CHECKSUM', 'HEADER', 'PAX', 'SPARSE', 'SPARSE_MAP', 'LIMIT', 'END', 'TRUNCATED'].map((code) => `TAR_${code}`),
  ...['INVALID', 'CHECKSUM', 'TRAILING', 'TRUNCATED'].map((code) => `GZIP_${code}`),
]);

/** Numbers in [0, 2^32) that follow from a seed (mulberry32). */
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return (value ^ (value >>> 14)) >>> 0;
  };
}

function makeSeeds() {
  const directory = mkdtempSync(join(tmpdir(), 'tarseal-fuzz-'));
  try {
    const script = fileURLToPath(new URL('../../fixtures/archives/make.mjs', import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script, directory], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return readdirSync(directory)
      .filter((name) => name.endsWith('.tar'))
      .toSorted()
      .map((name) => readFileSync(join(directory, name)))
      .filter((bytes) => bytes.length > 0 && bytes.length <= MAX_SEED_SIZE);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Values that fields and lengths are changed to. */
const NUMBERS = [
  '00000000000\0',
  '77777777777\0',
  '777777777777',
  '00000001000\0',
  '00000000777 ',
  '            ',
  '\0\0\0\0\0\0\0\0\0\0\0\0',
  '-0000000001\0',
  `\x80${'\0'.repeat(10)}\x01`,
  '\x80\0\0\0\0\x1f\xff\xff\xff\xff\xff\xff',
  `\x80\0\0\0\x7f${'\xff'.repeat(7)}`,
  '\xff'.repeat(12),
];
const NUMBER_FIELDS = [100, 108, 116, 124, 124, 124, 136, 329, 337, 386, 398, 410, 422, 483];
const TYPES = '01234567gxXLKSDVMNAQ\0';
const TOKENS = [
  '9007199254740993',
  '9007199254740991',
  '-1',
  '0',
  '1e9',
  'size=',
  'path=',
  'GNU.sparse.map=',
  'GNU.sparse.major=1',
  ',',
  '\n',
  '=',
  '\0',
];

/** Changes an archive, most often a little. */
function mutate(archive, seeds, random) {
  const upTo = (count) => random() % Math.max(1, count);
  let bytes = Buffer.from(archive);
  const block = () => upTo(bytes.length / BLOCK) * BLOCK;
  const write = (at, text) => bytes.write(text, Math.min(at, bytes.length - 1), 'latin1');
  const splice = (at, removed, inserted) => {
    bytes = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
  };
  for (let count = 1 + (upTo(4) === 0 ? upTo(6) : upTo(2)); count > 0; count--) {
    if (bytes.length === 0) break;
    switch (upTo(12)) {
      case 0:
        bytes = bytes.subarray(0, upTo(bytes.length + 1));
        break;
      case 1:
        bytes[upTo(bytes.length)] ^= 1 << upTo(8);
        break;
      case 2:
        bytes[upTo(bytes.length)] = random();
        break;
      case 3:
      case 4:
        write(block() + NUMBER_FIELDS[upTo(NUMBER_FIELDS.length)], NUMBERS[upTo(NUMBERS.length)]);
        break;
      case 5:
        write(block() + 156, TYPES[upTo(TYPES.length)]);
        break;
      case 6:
        splice(block(), BLOCK * upTo(3), Buffer.alloc(0));
        break;
      case 7: {
        const from = block();
        splice(block(), 0, bytes.subarray(from, from + BLOCK * (1 + upTo(4))));
        break;
      }
      case 8: {
        const other = seeds[upTo(seeds.length)];
        const from = upTo(other.length / BLOCK) * BLOCK;
        splice(block(), 0, other.subarray(from, from + BLOCK * (1 + upTo(6))));
        break;
      }
      case 9:
        write(block() + upTo(60), TOKENS[upTo(TOKENS.length)]);
        break;
      case 10:
        splice(upTo(bytes.length), upTo(3), Buffer.from(TOKENS[upTo(TOKENS.length)], 'latin1'));
        break;
      default:
        bytes.fill(random(), upTo(bytes.length), upTo(bytes.length));
    }
  }
  return bytes;
}

/** Makes the sums of what may be headers right, so that what is behind them is reached. */
function mendChecksums(bytes) {
  for (let at = 0; at + BLOCK <= bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK);
    if (block[148] === 0 && block[149] === 0) continue;
    // Content is none: a sum stands in headers alone.
    const field = block.toString('latin1', 148, 156);
    if (!/^[ 0-7]{4}/.test(field)) continue;
    block.write('        ', 148);
    let sum = 0;
    for (const byte of block) sum += byte;
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  }
}

class Enough extends Error {}

/** What an archive is: a line of it for each thing that was found, and the refusal. */
function decode(bytes, isGzip, nextSize) {
  const found = [];
  let pushed = 0;
  let expected = 0;
  const isTrue = (condition, what) => {
    if (!condition) throw new Error(`defect: ${what}`);
  };
  const decoder = createTarDecoder(
    {
      block({ bytes: block, kind, offset }) {
        isTrue(block.length === BLOCK && offset % BLOCK === 0, 'a block is 512 bytes at a multiple of them');
        if (kind !== 'sparse') inspectHeader(block);
        found.push(`${kind} ${offset}`);
      },
      metadata(metadata) {
        found.push(JSON.stringify(metadata));
      },
      padding(padding) {
        found.push(JSON.stringify(padding));
      },
      member(member) {
        const { sizeBytes, realSizeBytes, sparse, startOffset, headerOffset, contentOffset } = member;
        isTrue(startOffset <= headerOffset && headerOffset < contentOffset, 'offsets are in order');
        isTrue(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0, 'a size is a safe integer');
        if (sparse === undefined) isTrue(realSizeBytes === sizeBytes, 'sizes are equal but for sparse files');
        else {
          let end = 0;
          let sum = 0;
          for (const region of sparse.regions) {
            isTrue(region.offset >= end && region.sizeBytes >= 0, 'regions are in order');
            end = region.offset + region.sizeBytes;
            sum += region.sizeBytes;
          }
          isTrue(end <= realSizeBytes && sum === sizeBytes, 'regions are the content');
        }
        expected = sizeBytes;
        found.push(
          JSON.stringify({ ...member, paxRecords: [...member.paxRecords], globalRecords: [...member.globalRecords] }),
        );
      },
      content(part) {
        isTrue(part.length > 0 && part.length <= expected, 'content is no more than its size');
        expected -= part.length;
      },
      end() {
        isTrue(expected === 0, 'content is as long as its size');
      },
    },
    { sparse: true, maxMembers: 1000 },
  );
  const take = (part) => {
    pushed += part.length;
    if (pushed > MAX_OUTPUT) throw new Enough();
    decoder.push(part);
  };
  const gunzip = isGzip ? createGunzip(take) : undefined;
  try {
    for (let at = 0; at < bytes.length; ) {
      const size = nextSize();
      (gunzip ? gunzip.push.bind(gunzip) : take)(bytes.subarray(at, at + size));
      at += size;
    }
    gunzip?.finish();
    const archive = decoder.finish();
    isTrue(archive.sizeBytes === pushed, 'every byte is counted');
    found.push(JSON.stringify(archive));
    return { outcome: 'read', text: found.join('\n') };
  } catch (error) {
    if (error instanceof Enough) return { outcome: 'larger than 16 MiB', text: '' };
    const outcome = refusalOf(error, Math.max(pushed, bytes.length));
    return { outcome, text: `${found.join('\n')}\n${error.message}` };
  }
}

/** The code of a refusal; anything else is a defect and thrown on. */
function refusalOf(error, sizeBytes) {
  if (!(error instanceof TarsealError) || !CODES.has(error.code)) throw error;
  const { offset } = error.data;
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > sizeBytes) {
    throw new Error(`defect: ${error.code} has the offset ${offset} of ${sizeBytes} bytes`, { cause: error });
  }
  if (/\n|undefined|NaN|\[object/.test(error.message)) throw new Error('defect: a message', { cause: error });
  return error.code;
}

/** The way of a library's user: every content is read, of large holes the beginning. */
async function readAsync(bytes, chunkSize) {
  async function* source() {
    for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.subarray(at, at + chunkSize);
  }
  let total = 0;
  try {
    for await (const { member, content } of readArchiveMembers(source(), { maxMembers: 1000 })) {
      let sizeBytes = 0;
      for await (const piece of content()) {
        sizeBytes += piece.length;
        total += piece.length;
        if (total > MAX_OUTPUT) return 'larger than 16 MiB';
      }
      if (sizeBytes !== member.realSizeBytes) throw new Error('defect: content is not of its size');
    }
    return 'read';
  } catch (error) {
    return refusalOf(error, Number.MAX_SAFE_INTEGER);
  }
}

async function main() {
  const { values } = parseArgs({
    options: { cases: { type: 'string', default: '1000000' }, first: { type: 'string', default: '0' } },
  });
  const first = Number(values.first);
  const end = first + Number(values.cases);
  const seeds = makeSeeds();
  const codec = await loadCodec('gzip-fflate-1');
  const compressed = seeds.map((seed, index) => {
    const pack = (bytes) => {
      const compressor = createBlockCompressor(codec);
      return Buffer.concat([...compressor.push(bytes), ...compressor.finish()]);
    };
    // One member or several.
    const middle = index % 3 === 0 ? seed.length >> 1 : 0;
    return Buffer.concat([...(middle > 0 ? [pack(seed.subarray(0, middle))] : []), pack(seed.subarray(middle))]);
  });

  const outcomes = new Map();
  let slowest = { milliseconds: 0, number: first };
  let memory = 0;
  const begin = performance.now();
  for (let number = first; number < end; number++) {
    const random = randomNumbers(number);
    // The first numbers of seeds that follow one another are alike.
    random();
    const isGzip = random() % 5 === 0;
    const pool = isGzip ? compressed : seeds;
    let bytes;
    const start = performance.now();
    try {
      bytes = mutate(pool[random() % pool.length], pool, random);
      if (!isGzip && random() % 8 !== 0) mendChecksums(bytes);
      const chunkRandom = randomNumbers(random());
      const whole = decode(bytes, isGzip, () => bytes.length);
      const pieces = decode(bytes, isGzip, () => 1 + (chunkRandom() % 1500));
      if (whole.text !== pieces.text || whole.outcome !== pieces.outcome) {
        throw new Error(`defect: chunks show: ${whole.outcome}, ${pieces.outcome}`);
      }
      if (number % 10 === 0) {
        const outcome = await readAsync(bytes, 1 + (chunkRandom() % 5000));
        // What is no gzip is read as tar, and of what is large not all.
        if (!isGzip && !outcome.startsWith('larger') && outcome !== whole.outcome && bytes[0] !== 0x1f) {
          throw new Error(`defect: ${whole.outcome} when pushed, ${outcome} when asked for`);
        }
      }
      const key = `${isGzip ? 'gzip' : 'tar'}: ${whole.outcome}`;
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    } catch (error) {
      console.error(`Case ${number} failed (--cases 1 --first ${number})`);
      throw error;
    }
    const milliseconds = performance.now() - start;
    if (milliseconds > slowest.milliseconds) slowest = { milliseconds, number };
    if (number % 1000 === 0) memory = Math.max(memory, process.memoryUsage.rss());
    if (number % 100_000 === 0 && number > first) console.error(`${number - first} of ${end - first}`);
  }
  if (memory > MAX_MEMORY) throw new Error(`${memory} bytes of memory are more than ${MAX_MEMORY}`);
  for (const [outcome, count] of [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    console.log(`${String(count).padStart(9)}  ${outcome}`);
  }
  console.log(
    `${String(end - first).padStart(9)}  cases from ${first} on, of ${seeds.length} archives, without a defect`,
  );
  console.log(`slowest: case ${slowest.number}, ${slowest.milliseconds.toFixed(0)} ms`);
  console.log(`memory of the process: at most ${(memory / 2 ** 20).toFixed(0)} MiB, bound ${MAX_MEMORY >> 20} MiB`);
  console.log(`${((performance.now() - begin) / 1000).toFixed(0)} s, Node ${process.version}`);
}

await main();
