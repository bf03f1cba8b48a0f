// Times the scan for references: `tarseal closure --scan` as a whole process, start-up included, against `grep -F` for the
// same hash parts, interleaved in one run, on corpora that are generated here; and our scan alone, in this process. What
// each run finds is held equal to what was planted, and the first round is not timed. Prints medians and ratios; only
// ratios within one run mean anything. Ends with exit code 1 where grep is faster.
//
//   node bench/scan.mjs [--quick] [--json FILE] [--corpus NAME]...

import { execFileSync, spawnSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { scanStore } from '../dist/build/scan-references.js';
import { ENVIRONMENT } from './measure.mjs';

const PROGRAM = fileURLToPath(new URL('../dist/bin/tarseal.js', import.meta.url));
const PEAK = fileURLToPath(new URL('./peak-memory.cjs', import.meta.url));

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'string' }, corpus: { type: 'string', multiple: true } },
});

const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz';
const FILE_SIZE = 4 << 20;
/** Where a program that reads in powers of two up to this one begins another buffer. */
const BUFFER_BOUNDARY = 256 << 10;
const FILES = options.quick ? 16 : 64;
const ROUNDS = options.quick ? 3 : 5;
const COUNTS = [16, 2000];
const WORDS =
  'the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also well back way down where must before should because each just those people how too little state good very make world still own see men work long here get both between life being under never day same another know while last might us great old year off come since against go came right used take three himself few house use during without again place american around however home small found mrs thought went say part once general high upon school every'.split(
    ' ',
  );

/** Each corpus by its name: the content of one of its files, made of bytes that are no other's. */
const CORPORA = {
  random: (bytes) => bytes,
  text: (bytes) => {
    let text = '';
    for (let at = 0; text.length < bytes.length; at = (at + 1) % bytes.length) {
      text += WORDS[(bytes[at] * WORDS.length) >> 8] + (at % 12 === 11 ? '.\n' : ' ');
    }
    return Buffer.from(text.slice(0, bytes.length));
  },
  /** Lines of 76 characters, each one that a hash part can have. */
  base32: (bytes) => {
    const codes = Buffer.from(DIGITS);
    return bytes.map((byte, at) => (at % 77 === 76 ? 10 : codes[byte & 31]));
  },
  hex: (bytes) =>
    Buffer.from(bytes.toString('hex').slice(0, bytes.length).replace(/.{64}/g, '$&\n').slice(0, bytes.length)),
  /** Programs and libraries of this machine, copied. */
  system: undefined,
};

/** The same bytes in every run, other ones for each seed; they do not compress away. */
function pseudoRandom(size, seed) {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

function hashParts(count) {
  return Array.from({ length: count }, (_, index) =>
    [...pseudoRandom(32, `hash ${index}`)].map((byte) => DIGITS[byte & 31]).join(''),
  );
}

/** Regular files of the system, `size` bytes or a little more. */
function* systemFiles(size) {
  const directories = ['/usr/lib', '/usr/bin'];
  for (let total = 0; directories.length > 0 && total < size; ) {
    const directory = directories.pop();
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) directories.push(path);
      if (!entry.isFile() || statSync(path).size < 65_536 || total >= size) continue;
      total += statSync(path).size;
      yield path;
    }
  }
}

/** Makes the files of a corpus, each with three of `planted` in it: near the start, across two buffers, at the very end. */
function makeCorpus(name, directory, planted) {
  mkdirSync(directory);
  const make = CORPORA[name];
  const sources = make === undefined ? [...systemFiles(FILES * FILE_SIZE)] : Array.from({ length: FILES });
  return sources.map((source, file) => {
    const path = join(directory, `file-${file}`);
    if (source === undefined) writeFileSync(path, make(pseudoRandom(FILE_SIZE, `${name} ${file}`)));
    else copyFileSync(source, path);
    chmodSync(path, 0o644);
    const { size } = statSync(path);
    const places = [1000 + ((file * 97) % 60_000), size - 32];
    if (size > BUFFER_BOUNDARY + 64) places.push(BUFFER_BOUNDARY - 1 - (file % 31));
    const fd = openSync(path, 'r+');
    places.forEach((place, index) => {
      writeSync(fd, planted[(3 * file + index) % planted.length], place, 'latin1');
    });
    closeSync(fd);
    return path;
  });
}

function run(program, args) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, { env: ENVIRONMENT, maxBuffer: 1 << 28 });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`${program} ${args.slice(0, 8).join(' ')} failed: ${stderr}`);
  return { seconds, output: stdout.toString('latin1'), stderr: stderr.toString() };
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function round(value, digits = 2) {
  return Number(value.toFixed(digits));
}

/** Hash parts that an item of a closure refers to. */
function referencesOf(item) {
  return item.references.map((path) => path.slice(path.lastIndexOf('/') + 1).slice(0, 32)).sort();
}

/** Whole processes of ours that scan nothing, and of Node that do nothing: their times in seconds. */
function startUps() {
  const dir = mkdtempSync(join(tmpdir(), 'tarseal-bench-'));
  try {
    mkdirSync(join(dir, 'tree'));
    mkdirSync(join(dir, 'store'));
    writeFileSync(join(dir, 'store', `${hashParts(1)[0]}-item`), '');
    const scan = [PROGRAM, 'closure', join(dir, 'tree'), '--scan', join(dir, 'store')];
    const times = { ours: [], node: [] };
    for (let round = 0; round <= ROUNDS; round++) {
      const [ours, node] = [scan, ['--eval', '']].map((args) => run(process.execPath, args).seconds);
      if (round === 0) continue;
      times.ours.push(ours);
      times.node.push(node);
    }
    return { ours: round(median(times.ours)), node: round(median(times.node)) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const startUp = startUps();
const results = [];
for (const corpus of options.corpus ?? Object.keys(CORPORA)) {
  const dir = mkdtempSync(join(tmpdir(), 'tarseal-bench-'));
  try {
    const tree = join(dir, 'tree');
    const planted = hashParts(COUNTS[0]).slice(0, 12);
    const files = makeCorpus(corpus, tree, planted);
    const megabytes = files.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6;
    for (const count of COUNTS) {
      const hashes = hashParts(count);
      const list = join(dir, `hashes-${count}`);
      const store = join(dir, `store-${count}`);
      writeFileSync(list, hashes.map((hash) => `${hash}\n`).join(''));
      mkdirSync(store);
      for (const hash of hashes) writeFileSync(join(store, `${hash}-item`), '');

      // What idles in the page cache may be gone: each program finds it warm.
      const warm = () => spawnSync('cat', files, { stdio: 'ignore' });
      const programs = {
        ours: () => {
          // By way of a shell: a process that this one starts itself begins with the peak of this one.
          const command = [process.execPath, '--require', PEAK, PROGRAM, 'closure', tree, '--scan', store, '--json'];
          const { seconds, output, stderr } = run('sh', ['-c', '"$@"; exit $?', 'sh', ...command]);
          const root = JSON.parse(output).items.find(({ path }) => path === tree);
          const peakMiB = Number(/peak-memory-kib (\d+)/.exec(stderr)[1]) / 1024;
          return { seconds, found: referencesOf(root), peakMiB };
        },
        alone: async () => {
          const start = performance.now();
          const graph = await scanStore({ diskPath: store, storePath: store }, [{ diskPath: tree, path: tree }]);
          return { seconds: (performance.now() - start) / 1000, found: referencesOf(graph.get(tree)) };
        },
        grep: () => {
          const args = ['-F', '-o', '-h', '-a', '-f', list, ...files];
          const { seconds, output } = run('grep', args);
          return { seconds, found: [...new Set(output.split('\n').slice(0, -1))].sort() };
        },
      };
      const seconds = { ours: [], alone: [], grep: [] };
      let peakMiB = 0;
      // The first round is not timed.
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [name, program] of Object.entries(programs)) {
          warm();
          const outcome = await program();
          if (outcome.found.join() !== [...planted].sort().join()) {
            throw new Error(
              `${corpus}, ${count}: ${name} finds ${outcome.found.length} other hash parts than were planted`,
            );
          }
          if (round > 0) seconds[name].push(outcome.seconds);
          peakMiB = Math.max(peakMiB, outcome.peakMiB ?? 0);
        }
      }
      const rate = (name) => round(megabytes / median(seconds[name]), 0);
      results.push({
        corpus,
        hashParts: count,
        megabytes: round(megabytes, 0),
        oursMBs: rate('ours'),
        aloneMBs: rate('alone'),
        grepMBs: rate('grep'),
        medianRatio: round(median(seconds.ours.map((value, index) => value / seconds.grep[index])), 3),
        peakMiB: round(peakMiB, 0),
      });
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const machine = {
  date: new Date().toISOString().slice(0, 10),
  processors: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
  memoryGiB: round(totalmem() / 2 ** 30, 0),
  node: process.version,
  grep: execFileSync('grep', ['--version']).toString().split('\n')[0],
  rounds: ROUNDS,
  quick: options.quick ?? false,
  startUpSeconds: startUp.ours,
  nodeStartUpSeconds: startUp.node,
};
console.log(
  Object.entries(machine)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n'),
  '\n',
);
console.log(
  '| corpus | MB | hash parts | ours, MB/s | scan alone, MB/s | grep -F, MB/s | ratio of times (median of pairs) | our peak, MiB |',
);
console.log('|---|---|---|---|---|---|---|---|');
for (const result of results) {
  const { corpus, hashParts, megabytes, oursMBs, aloneMBs, grepMBs, medianRatio, peakMiB } = result;
  console.log(`| ${[corpus, megabytes, hashParts, oursMBs, aloneMBs, grepMBs, medianRatio, peakMiB].join(' | ')} |`);
}
const behind = results.filter(({ medianRatio }) => medianRatio >= 1);
for (const { corpus, hashParts } of behind) console.error(`grep is faster: ${corpus}, ${hashParts} hash parts`);
process.exitCode = behind.length > 0 ? 1 : 0;
if (options.json) writeFileSync(options.json, `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
