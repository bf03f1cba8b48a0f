// The trees that are packed: made here, from seeds, the same in every run. Each is a directory `tree` in a directory of its own.

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statfsSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom, piecesOf } from './content.mjs';
import { stop } from './measure.mjs';

const MIB = 1 << 20;
const ITEMS = 32;
const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz';

/** Shares of the kinds of content, by bytes: together gzip -6 makes about 0.32 of a tree. */
function kindOf(random) {
  const share = random();
  return share < 0.68 ? 'text' : share < 0.96 ? 'binary' : 'dense';
}

function writeFile(path, kind, sizeBytes, random, mode = 0o644) {
  const fd = openSync(path, 'wx', mode);
  for (const piece of piecesOf(kind, sizeBytes, random)) writeSync(fd, piece);
  closeSync(fd);
}

/** Sizes as trees have them: many below the median, a few of a hundred times as much (log-normal). */
function logNormal(random, median, sigma) {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.floor(median * Math.exp(sigma * normal));
}

/** Names of store items, each in a directory of its own under `tree/nix/store`. */
function makeItems(tree, random, count = ITEMS) {
  return Array.from({ length: count }, (_, index) => {
    const hash = Array.from({ length: 32 }, () => DIGITS[Math.floor(random() * 32)]).join('');
    const item = join(tree, 'nix/store', `${hash}-package-${index}-1.${index % 7}`);
    mkdirSync(item, { recursive: true });
    return item;
  });
}

/** Files in directories of sixteen under `roots`, some executable, some symlinks where wanted. */
function fillWithFiles(
  roots,
  count,
  random,
  { median, sigma, largest = 64 * MIB, kind = () => 'text', symlinks = false },
) {
  let directory = '';
  for (let file = 0; file < count; file++) {
    if (file % 16 === 0) {
      const root = roots[Math.floor(file / 16) % roots.length];
      const place = Math.floor(file / 16 / roots.length);
      directory = join(
        root,
        ['lib', 'share', 'src', 'dist'][place % 4],
        `module-${Math.floor(place / 12)}`,
        `${place % 12}`,
      );
      mkdirSync(directory, { recursive: true });
    }
    const path = join(directory, `file-${file}.js`);
    if (symlinks && file % 50 === 49) {
      symlinkSync(`file-${file - 1}.js`, path);
    } else {
      const mode = file % 20 === 0 ? 0o755 : 0o644;
      writeFile(path, kind(random), Math.min(largest, logNormal(random, median, sigma)), random, mode);
    }
  }
}

/** As in a tree of npm packages: 3 KiB on average, half of the files under 1 KiB. */
const SMALL = { median: 1100, sigma: 1.45, largest: 4 * MIB };

function fillAsUsr(tree, count, random) {
  const roots = ['bin', 'include', 'lib', 'share'].map((name) => join(tree, 'usr', name));
  fillWithFiles(roots, count, random, { median: 5000, sigma: 2.25, kind: kindOf, symlinks: true });
}

/** Each item with files of 40 KiB on average, of which the median is a fifth. */
function fillItems(items, mebibytesOf, random) {
  const options = { median: 8000, sigma: 1.8, largest: 16 * MIB, kind: kindOf, symlinks: true };
  items.forEach((item, index) => {
    fillWithFiles([item], Math.ceil((mebibytesOf(index) * MIB) / (40 << 10)), random, options);
  });
}

/**
 * The corpora by name. `make` fills the directory `tree`; `size` is what `sizes` gives it, in the corpus's own measure.
 */
export const CORPORA = {
  /** Many small files, 60,000 of 3 KiB on average, as the files of 32 packages. */
  many: (tree, { manyFiles }) => fillWithFiles(makeItems(tree, createRandom(10)), manyFiles, createRandom(11), SMALL),

  /** Few big files: five. */
  big: (tree, { bigMiB }) => {
    const random = createRandom(20);
    for (let file = 0; file < 5; file++) {
      const kind = ['binary', 'text', 'binary', 'text', 'dense'][file];
      writeFile(join(tree, `file-${file}`), kind, Math.floor((bigMiB * MIB) / 5) + file * 1000, random);
    }
  },

  /** A mix as under /usr: sizes from nothing to 64 MiB, 60 KiB on average, of all kinds of content, some symlinks. */
  mixed: (tree, { mixedFiles }) => fillAsUsr(tree, mixedFiles, createRandom(30)),

  /** The same mix, as much of it as is worth compressing with slow programs. */
  layer: (tree, { layerFiles }) => fillAsUsr(tree, layerFiles, createRandom(31)),

  /** Deep: small files at the ends of paths of up to 20 directories and 200 bytes, most directories nearly empty. */
  deep: (tree, { deepChains }) => {
    const random = createRandom(40);
    for (let chain = 0; chain < deepChains; chain++) {
      let directory = join(tree, `branch-${chain % 40}`);
      for (let depth = 0; depth < 18; depth++) {
        directory = join(directory, `level-${depth < 12 ? chain % (depth * 8 + 1) : chain}`);
        mkdirSync(directory, { recursive: true });
        if (depth % 2 === 1) {
          writeFile(join(directory, `file-${chain}`), 'text', Math.min(65_536, logNormal(random, 700, 1)), random);
        }
      }
    }
  },

  /** A layered store: 32 items by Zipf's law, the largest a quarter of all, of all kinds of content. */
  store: (tree, { storeMiB }) => {
    const shares = Array.from({ length: ITEMS }, (_, index) => 1 / (index + 1));
    const total = shares.reduce((sum, share) => sum + share, 0);
    fillItems(makeItems(tree, createRandom(50)), (index) => storeMiB * (shares[index] / total), createRandom(51));
  },

  /** Two items of one size. */
  twins: (tree, { storeMiB }) => fillItems(makeItems(tree, createRandom(52), 2), () => storeMiB / 2, createRandom(53)),

  /** As many items as an image can well have layers, all small. */
  small: (tree, { storeMiB }) =>
    fillItems(makeItems(tree, createRandom(54), 120), () => storeMiB / 240, createRandom(55)),

  /** One huge file among 60 small items. */
  giant: (tree, { storeMiB }) => {
    const items = makeItems(tree, createRandom(56), 61);
    fillItems(items.slice(1), () => storeMiB / 240, createRandom(57));
    writeFile(join(items[0], 'huge'), 'binary', storeMiB * MIB, createRandom(58));
  },

  /** Ten files: what is measured is the start. */
  tiny: (tree) => fillWithFiles([tree], 10, createRandom(60), SMALL),

  /** The same small files in growing numbers; the corpus is called `grow-COUNT`. */
  grow: (tree, _sizes, count) => fillWithFiles([tree], count, createRandom(70), SMALL),
};

export const FULL = {
  manyFiles: 60_000,
  bigMiB: 768,
  mixedFiles: 10_000,
  layerFiles: 3500,
  deepChains: 800,
  storeMiB: 320,
};
export const QUICK = {
  manyFiles: 2000,
  bigMiB: 64,
  mixedFiles: 500,
  layerFiles: 250,
  deepChains: 100,
  storeMiB: 24,
};

/**
 * Where the corpora are made: in memory where there is enough, because a disk's writing back and freeing of blocks are the
 * noise that the figures would drown in; the page cache is read either way.
 */
export function chooseParent(directory) {
  if (directory !== undefined) return directory;
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    const [, availableKiB] = /^MemAvailable: *([0-9]+) kB/m.exec(readFileSync('/proc/meminfo', 'latin1'));
    if (process.env.TMPDIR === undefined && Math.min(bavail * bsize, Number(availableKiB) * 1024) > 8e9)
      return '/dev/shm';
  } catch {
    // No Linux: the directory for temporary files it is.
  }
  return tmpdir();
}

/** The corpora that are there now. */
const made = new Set();

/** Makes a corpus in a new directory of `parent`. @returns the directory, and what its `tree` holds */
export function makeCorpus(name, sizes, parent) {
  const directory = mkdtempSync(join(parent, `tarseal-bench-${name}-`));
  made.add(directory);
  process.umask(0o022);
  const tree = join(directory, 'tree');
  mkdirSync(tree);
  const [kind, count] = name.split('-');
  try {
    CORPORA[kind](tree, sizes, Number(count));
    // What is written back later would disturb the first measurements.
    if (!isInMemory(directory)) execFileSync('sync');
    return { directory, ...walk(directory, (path) => lstatSync(path).size) };
  } catch (error) {
    removeCorpus(directory);
    throw error;
  }
}

export function removeCorpus(directory) {
  // Twice as fast as Node's own way, and there are 300,000 files.
  execFileSync('rm', ['-rf', directory]);
  made.delete(directory);
}

/** Nothing is left in memory when somebody has seen enough. */
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.once(signal, () => {
    stop();
    for (const directory of made) removeCorpus(directory);
    process.exit(status);
  });
}

const TMPFS = 0x01021994;

function isInMemory(directory) {
  return statfsSync(directory).type === TMPFS;
}

const scratch = Buffer.allocUnsafe(4 * MIB);

function readWhole(path) {
  const fd = openSync(path, 'r');
  let sizeBytes = 0;
  for (let read = readSync(fd, scratch); read > 0; read = readSync(fd, scratch)) sizeBytes += read;
  closeSync(fd);
  return sizeBytes;
}

/** @returns the number of files and of all entries in the tree, and the bytes of content, as `sizeOf` tells them of a file */
function walk(directory, sizeOf) {
  const found = { files: 0, entries: 1, contentBytes: 0 };
  const pending = [join(directory, 'tree')];
  for (let parent = pending.pop(); parent !== undefined; parent = pending.pop()) {
    for (const entry of readdirSync(parent, { withFileTypes: true })) {
      found.entries++;
      const path = join(parent, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isFile()) {
        found.files++;
        found.contentBytes += sizeOf(path);
      }
    }
  }
  return found;
}

/** Opens and reads every file. */
export const readTree = (directory) => walk(directory, readWhole);

/** Reads the whole tree, so that it lies in the page cache; in a file system that consists of memory it does in any case. */
export function warm(directory) {
  if (!isInMemory(directory)) readTree(directory);
}
