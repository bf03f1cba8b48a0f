// Whose code a frame of a CPU profile is, and so what its time is counted to. The bundle has lost the names of its modules: maps
// that are made with it, and not published, have them.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Bindings of node:fs: their time is that of system calls, and of copying to and from them. */
const SYSTEM_CALLS =
  /^(open|close|read|write|f?l?stat|readlink|ftruncate|rename|unlink|mkdir|rmdir|f?chmod|openFileHandle|internalModuleStat)/i;

/** The category of a frame is the first whose rule holds: what it is called, where it is, and which of our rooms that is in. */
const CATEGORIES = {
  waiting: ({ name }) => name === '(idle)' || /^wait/.test(name),
  'GC, V8': ({ name }) => ['(garbage collector)', '(program)'].includes(name),
  // Native functions have no source.
  'system calls': ({ name, source }) =>
    (source === '' && SYSTEM_CALLS.test(name)) || /^node:(internal\/)?fs/.test(source),
  gzip: ({ source, room, work }) =>
    room === 'compress' || /fflate|libdeflate/.test(source) || (work === 'gzip' && source.startsWith('wasm:')),
  // The native hash has no frame of its own: its time is counted to the function that calls it.
  hash: ({ source, room }) => room === 'digest' || /^wasm:|hash-wasm|internal\/crypto/.test(source),
  'tree, plan': ({ room }) => ['tree', 'plan', 'store', 'build', 'image', 'oci'].includes(room),
  headers: ({ room }) => ['tar', 'entry', 'bytes'].includes(room),
  'slabs, output': ({ room }) => ['layer', 'transport'].includes(room),
  'start-up': () => true,
};

const maps = new Map();

/** @returns the module that a place in the bundle was made of, or the place's own file */
function sourceOf({ url, lineNumber, columnNumber }) {
  if (!url.startsWith('file:')) return url;
  const map = `${fileURLToPath(url)}.map`;
  if (!maps.has(map) && existsSync(map)) maps.set(map, new SourceMap(JSON.parse(readFileSync(map, 'utf8'))));
  const source = maps.get(map)?.findEntry(lineNumber, columnNumber).originalSource;
  // What the bundler has added has none.
  return typeof source === 'string' ? source : url;
}

function categoryOf(frame, work) {
  const source = sourceOf(frame);
  // From the bundle to the module that it holds: `../ROOM/FILE.js`.
  const room = /^\.\.\/(\w+)\/[^/]+$/.exec(source)?.[1];
  return Object.keys(CATEGORIES).find((name) => CATEGORIES[name]({ name: frame.functionName, source, room, work }));
}

/** Milliseconds by category in the profiles of one run, of which there is one for each thread. */
export function sumProfiles(directory, work) {
  const sums = Object.fromEntries(Object.keys(CATEGORIES).map((category) => [category, 0]));
  for (const file of readdirSync(directory)) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(directory, file), 'utf8'));
    const categories = new Map(nodes.map(({ id, callFrame }) => [id, categoryOf(callFrame, work)]));
    // A delta is the time before its sample: what a sample saw went on until the next.
    samples.forEach((id, index) => {
      sums[categories.get(id)] += (timeDeltas[index + 1] ?? 0) / 1000;
    });
  }
  return sums;
}
