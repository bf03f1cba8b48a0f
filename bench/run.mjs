// Times whole processes: `tarseal build` and `tarseal tar` against GNU tar with sha256sum, interleaved in one run, on
// corpora that are generated here. Prints medians, ratios and peak memory; only ratios within one run mean anything.
//
//   node bench/run.mjs [--quick] [--json FILE] [--corpus NAME]...

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PROGRAM = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const PEAK = fileURLToPath(new URL('./peak-memory.cjs', import.meta.url));
const TAR_OPTIONS = '--format=ustar --sort=name --mtime=@1 --owner=root:0 --group=root:0 --hard-dereference';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'string' }, corpus: { type: 'string', multiple: true } },
});

/** Each corpus by its name: how it is made, in a directory that exists. */
const CORPORA = {
  /** Few large files, 1.5 GB in all (300 MB with --quick). */
  big: (root) => {
    const block = pseudoRandom(1 << 20);
    for (let file = 0; file < 5; file++) {
      const fd = openSync(join(root, `file-${file}`), 'w');
      for (let written = 0; written < (options.quick ? 60 : 300); written++) {
        block.writeUInt32LE(file * 1000 + written, 0);
        writeSync(fd, block);
      }
      closeSync(fd);
    }
  },
  /** Many small files: 60,000 (6,000 with --quick), 4 KB on average. */
  many: (root) => {
    const content = pseudoRandom(8192);
    for (let file = 0; file < (options.quick ? 6000 : 60_000); file++) {
      const directory = join(root, `d${file % 100}`, `e${Math.floor(file / 100) % 60}`);
      if (file < 6000) mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `file-${file}.js`), content.subarray(0, (file * 2654435761) % 8192));
    }
  },
};

/** What is compared on a corpus in `dir/tree`, outputs in `dir`. The first is ours, the others are what it is held against. */
function programs(dir) {
  const ours = (args) => [process.execPath, ['--require', PEAK, PROGRAM, ...args]];
  const shell = (script) => ['bash', ['-c', `set -o pipefail; cd ${dir} && ${script}`]];
  return {
    build: {
      ours: ours([
        'build',
        '--add',
        `${dir}/tree=/tree`,
        '-t',
        'bench:1',
        '-o',
        `${dir}/image.tar`,
        '--quiet',
        '--json',
      ]),
      'tar | tee | sha256sum': shell(`tar ${TAR_OPTIONS} -cf - tree | tee image-layer.tar | sha256sum`),
      'tar; sha256sum': shell(`tar ${TAR_OPTIONS} -cf image-layer.tar tree && sha256sum image-layer.tar`),
      'tar alone': shell(`tar ${TAR_OPTIONS} -cf image-layer.tar tree`),
    },
    'build --hash-engine wasm': {
      ours: ours([
        'build',
        '--add',
        `${dir}/tree=/tree`,
        '-t',
        'bench:1',
        '-o',
        `${dir}/image.tar`,
        '--hash-engine',
        'wasm',
        '--quiet',
        '--json',
      ]),
      'tar | tee | sha256sum': shell(`tar ${TAR_OPTIONS} -cf - tree | tee image-layer.tar | sha256sum`),
    },
  };
}

/** Bytes that do not compress away and are the same in every run. */
function pseudoRandom(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 32) createHash('sha256').update(String(at)).digest().copy(bytes, at);
  return bytes;
}

function timed([program, args]) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, { maxBuffer: 1 << 24 });
  const seconds = (performance.now() - start) / 1000;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  const peak = /peak-memory-kib (\d+)/.exec(stderr.toString());
  return { seconds, output: stdout.toString(), peakMiB: peak ? Number(peak[1]) / 1024 : undefined };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function round(value, digits = 2) {
  return Number(value.toFixed(digits));
}

const results = [];
const rounds = options.quick ? 3 : 5;
for (const corpus of options.corpus ?? Object.keys(CORPORA)) {
  const dir = mkdtempSync(join(tmpdir(), 'tarseal-bench-'));
  try {
    mkdirSync(join(dir, 'tree'));
    CORPORA[corpus](join(dir, 'tree'));
    for (const [work, rivals] of Object.entries(programs(dir))) {
      // The digests must agree before anything is timed; this also warms the page cache.
      const names = Object.keys(rivals);
      const diffId = JSON.parse(timed(rivals.ours).output).layers[0].diffId.slice('sha256:'.length);
      for (const name of names.filter((name) => name.includes('sha256sum'))) {
        const theirs = timed(rivals[name]).output.slice(0, 64);
        if (theirs !== diffId) throw new Error(`${corpus}, ${work}: ours is ${diffId}, that of ${name} is ${theirs}`);
      }
      const seconds = Object.fromEntries(names.map((name) => [name, []]));
      let peakMiB = 0;
      for (let round = 0; round < rounds; round++) {
        for (const name of names) {
          // Every program begins without its output: replacing a large file costs each of them what the file system makes of it.
          for (const output of ['image.tar', 'image-layer.tar']) rmSync(join(dir, output), { force: true });
          const run = timed(rivals[name]);
          seconds[name].push(run.seconds);
          peakMiB = Math.max(peakMiB, run.peakMiB ?? 0);
        }
      }
      for (const name of names.slice(1)) {
        const pairs = seconds.ours.map((value, index) => value / seconds[name][index]);
        results.push({
          corpus,
          work,
          rival: name,
          oursSeconds: round(median(seconds.ours)),
          rivalSeconds: round(median(seconds[name])),
          medianRatio: round(median(pairs)),
          peakMiB: round(peakMiB, 0),
        });
      }
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
  tar: execFileSync('tar', ['--version']).toString().split('\n')[0],
  sha256sum: execFileSync('sha256sum', ['--version']).toString().split('\n')[0],
  rounds,
  quick: options.quick ?? false,
};
console.log(
  Object.entries(machine)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n'),
  '\n',
);
console.log('| corpus | work | against | ours, s | theirs, s | ratio (median of pairs) | our peak, MiB |');
console.log('|---|---|---|---|---|---|---|');
for (const { corpus, work, rival, oursSeconds, rivalSeconds, medianRatio, peakMiB } of results) {
  console.log(`| ${corpus} | ${work} | ${rival} | ${oursSeconds} | ${rivalSeconds} | ${medianRatio} | ${peakMiB} |`);
}
if (options.json) writeFileSync(options.json, `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
