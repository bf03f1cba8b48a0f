import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FFLATE_GOLDENS } from '../compress/fflate-goldens.js';
import { INPUTS } from '../compress/inputs.js';
import { LIBDEFLATE_GOLDENS } from '../compress/libdeflate-goldens.js';
import { clientTest, testUnless } from '../support/clients.js';
import { run } from '../support/commands.js';

const PROGRAM = fileURLToPath(new URL('program.mjs', import.meta.url));
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

/** What comes before the program's name on the command line. `.ci/runtimes.sh` installs them under these names. */
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  'node-22': [],
  'node-24': [],
  'node-26': [],
  bun: ['run'],
  deno: ['run', '--allow-read', '--allow-env', '--no-lock', '--cached-only', '--node-modules-dir=manual'],
};

interface Report {
  /** By codec and input, a digest for each level. */
  readonly codecs: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** By format, the digest of headers and the size of an archive in bytes. */
  readonly tar: Readonly<Record<string, readonly [headers: string, sizeBytes: number]>>;
}

let scratch: string;
let inputs: string;
let ofThisNode: Report;

function report(program: string, args: readonly string[]): Report {
  // Deno keeps a cache, by default in the home directory.
  const env = { ...process.env, DENO_DIR: join(scratch, 'deno'), DENO_NO_UPDATE_CHECK: '1' };
  return JSON.parse(run(program, [...args, PROGRAM, DIST, inputs], { env }).toString('utf8')) as Report;
}

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-runtimes-'));
  inputs = join(scratch, 'inputs');
  mkdirSync(inputs);
  for (const [name, input] of Object.entries(INPUTS)) writeFileSync(join(inputs, name), input());
  ofThisNode = report(process.execPath, []);
}, 300_000);

afterAll(() => {
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

function digestsOf(goldens: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(goldens).map(([input, hexes]) => [input, hexes.map((hex) => `sha256:${hex}`)]),
  );
}

test('the built codecs give their frozen bytes on this Node', () => {
  expect(ofThisNode.codecs).toEqual({
    'gzip-libdeflate-1': digestsOf(LIBDEFLATE_GOLDENS),
    'gzip-fflate-1': digestsOf(FFLATE_GOLDENS),
  });
});

for (const [runtime, args] of Object.entries(RUNTIMES)) {
  clientTest(runtime)(`codecs, headers and digests are the same on ${runtime}`, { timeout: 300_000 }, () => {
    expect(report(runtime, args)).toEqual(ofThisNode);
  });
}

/** V8 has the vectors of WebAssembly only where the processor has SSE4.1, and can be told that it has not. */
const WITHOUT_VECTORS = ['--no-enable-sse4-1'];

testUnless(process.arch === 'x64' ? [] : ['WebAssembly without vectors needs x86-64'])(
  'codecs, headers and digests are the same where WebAssembly has no vectors',
  { timeout: 300_000 },
  () => {
    const module = JSON.stringify(new URL('digest/sha256-module.js', pathToFileURL(DIST)));
    const program = `import(${module}).then((m) => console.log(WebAssembly.validate(m.assembleSha256())))`;
    const validates = (args: readonly string[]): string =>
      run(process.execPath, [...args, '-e', program])
        .toString('utf8')
        .trim();
    expect([validates([]), validates(WITHOUT_VECTORS)]).toEqual(['true', 'false']);
    expect(report(process.execPath, WITHOUT_VECTORS)).toEqual(ofThisNode);
  },
);
