// Runs some short commands and keeps, beside the program, what V8 has compiled of it, which half of a short run would go to:
// each file's text, and behind it the code. One directory for each version of V8 and each kind of machine; who has none
// compiles, as does a V8 whose options are others. To be run behind bundle.mjs, by each Node that is to have caches.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const BIN = join(import.meta.dirname, 'dist/bin');
const DIRECTORY = join(BIN, `v8-${process.versions.v8}-${process.platform}-${process.arch}`);

/** What most runs do. Code that nobody runs in these is in no cache, as it would take its time to be read, too. */
const CALLS = [
  ['--version'],
  ['tar', '-cf', 'tree.tar', '--json', 'tree'],
  ['tar', '-cf', 'tree.tar', 'tree'],
  ['build', '--root', 'tree', '-t', 'name:tag', '-o', 'image.tar'],
  ['build', '--add', 'tree=/tree', '--entrypoint', '["/tree/program"]', '--env', 'A=b', '-o', 'image.tar', '--json'],
  ['build', '--max-layers', '9', '-o', 'image.tar', '--add', 'tree=/a', '--add', 'tree=/b'],
  ['verify', 'image.tar'],
  ['inspect', 'image.tar'],
];

function makeCaches() {
  const scratch = mkdtempSync(join(tmpdir(), 'tarseal-code-cache-'));
  try {
    mkdirSync(join(scratch, 'tree/directory'), { recursive: true });
    writeFileSync(join(scratch, 'tree/program'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(scratch, 'tree/directory/file'), 'text\n'.repeat(2000));
    writeFileSync(join(scratch, 'tree/directory/empty'), '');
    symlinkSync('file', join(scratch, 'tree/directory/link'));
    rmSync(DIRECTORY, { recursive: true, force: true });
    mkdirSync(DIRECTORY);
    for (const call of CALLS) {
      // With the seed, V8 numbers names in the same way each time, so that the same text gives the same cache.
      const args = ['--random-seed=1', '--import', import.meta.url, join(BIN, 'tarseal.js'), ...call];
      execFileSync(process.execPath, args, { cwd: scratch, stdio: ['ignore', 'ignore', 'pipe'] });
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** In the program's own process: each run adds to what the ones before have left. */
function recordScripts() {
  const scripts = new Map();
  vm.Script = class extends vm.Script {
    constructor(source, options) {
      super(source, options);
      scripts.set(basename(options.filename), this);
    }
  };
  process.on('exit', () => {
    for (const [name, script] of scripts) {
      const source = readFileSync(join(BIN, name));
      writeFileSync(join(DIRECTORY, `${name}.cache`), Buffer.concat([source, script.createCachedData()]));
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) makeCaches();
else recordScripts();
