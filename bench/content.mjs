// The bytes that the corpora are made of: seeded, so the same in every run, and as compressible as real trees are.

import { createHash } from 'node:crypto';

const POOL_SIZE = 4 << 20;
/** What a gzip window sees is 32 KiB, so that a pool of some megabytes compresses no better when it is used again. */
const LARGEST_PIECE = 512 << 10;

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
export function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Like source code: words by Zipf's law, indented lines, and phrases that come again a little later. */
function textPool(random) {
  const syllables = 'ar be con de el fi get ha in ja ko list ma node on pre que re set ti un val wi xy zo err'.split(
    ' ',
  );
  const vocabulary = Array.from({ length: 4000 }, () => {
    const parts = 1 + Math.floor(random() * 3.5);
    return Array.from({ length: parts }, () => syllables[Math.floor(random() * syllables.length)]).join('');
  });
  const marks = [' ', ' ', ' ', '.', '(', ') ', ', ', ' = ', ': ', '; ', "'", ' + '];
  const word = () => vocabulary[Math.floor(vocabulary.length ** random()) - 1];
  const pool = Buffer.alloc(POOL_SIZE);
  const recent = [];
  for (let at = 0; at < POOL_SIZE; ) {
    let line = ' '.repeat(2 * Math.floor(random() * 4));
    for (let words = 2 + Math.floor(random() * 10); words > 0; words--) {
      line += random() < 0.04 ? Math.floor(random() * 1e5) : word();
      line += marks[Math.floor(random() * marks.length)];
    }
    // Almost every second line has most of one that stands shortly before it.
    if (recent.length > 40 && random() < 0.45) {
      const model = recent[Math.floor(random() * recent.length)];
      line = model.slice(0, Math.floor(model.length * (0.6 + random() * 0.4))) + word();
    }
    recent.push(line);
    if (recent.length > 80) recent.shift();
    at += pool.write(`${line}\n`, at, 'latin1');
  }
  return pool;
}

/** Like machine code and its tables: some hundred templates with operands of their own, strings and padding between them. */
function binaryPool(random, text) {
  const templates = Array.from({ length: 800 }, () =>
    Uint8Array.from({ length: 3 + Math.floor(random() * 9) }, () => Math.floor(256 * random() ** 2)),
  );
  const pool = Buffer.alloc(POOL_SIZE);
  for (let at = 0; at < POOL_SIZE - 512; ) {
    const choice = random();
    if (choice < 0.0006) {
      at += 64 + Math.floor(random() * 400); // padding
    } else if (choice < 0.003) {
      const from = Math.floor(random() * (text.length - 300));
      at += text.copy(pool, at, from, from + 40 + Math.floor(random() * 200));
    } else {
      const template = templates[Math.floor(templates.length ** random()) - 1];
      pool.set(template, at);
      at += template.length;
      for (let operand = Math.floor(random() * 4); operand > 0; operand--) pool[at++] = 256 * random() ** 3;
    }
  }
  return pool;
}

/** Like pictures and archives: does not compress. */
function densePool() {
  const pool = Buffer.alloc(POOL_SIZE);
  for (let at = 0; at < POOL_SIZE; at += 32) createHash('sha256').update(String(at)).digest().copy(pool, at);
  return pool;
}

let pools;
function poolOf(kind) {
  if (pools === undefined) {
    const text = textPool(createRandom(1));
    pools = { text, binary: binaryPool(createRandom(2), text), dense: densePool() };
  }
  return pools[kind];
}

/** The pieces of a file of `sizeBytes` whose content is of one kind: `text`, `binary` or `dense`. */
export function* piecesOf(kind, sizeBytes, random) {
  const pool = poolOf(kind);
  for (let left = sizeBytes; left > 0; ) {
    const length = Math.min(left, LARGEST_PIECE);
    const from = Math.floor(random() * (pool.length - length));
    yield pool.subarray(from, from + length);
    left -= length;
  }
}
