#!/usr/bin/env node
// Loads the command from the bundle that this is beside, with what V8 compiled of it when the package was built.
import { existsSync, readFileSync } from 'node:fs';
import { Script } from 'node:vm';

type Load = (id: string) => unknown;
/** What a file of the bundle is: a function, much as Node itself makes one of a CommonJS module. */
type Wrapped = (
  exports: object,
  require: Load,
  module: { exports: object },
  __filename: string,
  importPackage: (name: string) => Promise<unknown>,
) => void;

declare const require: Load;
declare const __dirname: string;

/** Each version of V8 has its own code, and refuses what is not made by one with the same options; see code-cache.mjs. */
const caches = `${__dirname}/v8-${process.versions.v8}-${process.platform}-${process.arch}/`;
const hasCaches = existsSync(caches);
const modules = new Map<string, { exports: object }>();

const load: Load = (id) => {
  if (!id.startsWith('./')) return require(id);
  const there = modules.get(id);
  if (there !== undefined) return there.exports;
  const name = id.slice(2);
  const path = `${__dirname}/${name}`;
  const source = readFileSync(path);
  const cachedData = cacheOf(name, source);
  const script = new Script(source.toString('latin1'), {
    // V8 keeps the name in its cache: one that is the same wherever the package is.
    filename: `tarseal/${name}`,
    // The line that begins the function is not one of the module's.
    lineOffset: -1,
    ...(cachedData && { cachedData }),
  });
  const module = { exports: {} };
  modules.set(id, module);
  (script.runInThisContext() as Wrapped)(module.exports, load, module, path, importPackage);
  return module.exports;
};

/** A script that is not a file has no place that packages could be found from. */
function importPackage(name: string): Promise<unknown> {
  return import(name);
}

/** V8's code for a file, where it is of that very text: V8 itself looks at no more than the text's length. */
function cacheOf(name: string, source: Buffer): Buffer | undefined {
  if (!hasCaches) return undefined;
  try {
    const cache = readFileSync(`${caches}${name}.cache`);
    return source.equals(cache.subarray(0, source.length)) ? cache.subarray(source.length) : undefined;
  } catch {
    // Nobody ran it when caches were made.
    return undefined;
  }
}

load('./main.js');
