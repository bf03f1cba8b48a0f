// Prints, as JSON, the digests of what the portable rooms make of fixed inputs; run by every runtime alike.
// Usage: RUNTIME program.mjs DIST INPUTS: the folder of the built rooms, and one of files to compress.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, inputs] = process.argv.slice(2);
const room = (name) => import(pathToFileURL(join(dist, name, 'index.js')).href);
const { CODEC_NAMES, createBlockCompressor, loadCodec } = await room('compress');
const { loadHashEngine } = await room('digest');
const { encodeMember, measureArchive, planMember, TAR_FORMATS } = await room('tar');

const engines = await Promise.all(['wasm', 'native'].map(loadHashEngine));

/** The digest of chunks, on which both hash engines must agree. */
function digestOf(chunks) {
  const [wasm, native] = engines.map((engine) => {
    const sha256 = engine.createSha256();
    for (const chunk of chunks) sha256.update(chunk);
    return sha256.digest();
  });
  if (wasm !== native) throw new Error(`the hash engines disagree: ${wasm} and ${native}`);
  return wasm;
}

async function digestsOfCodec(name) {
  const codec = await loadCodec(name);
  const levels = Array.from({ length: codec.maxLevel - codec.minLevel + 1 }, (_, i) => codec.minLevel + i);
  return Object.fromEntries(
    readdirSync(inputs)
      .sort()
      .map((file) => {
        const input = readFileSync(join(inputs, file));
        const digests = levels.map((level) => {
          const compressor = createBlockCompressor(codec, level);
          return digestOf([...compressor.push(input), ...compressor.finish()]);
        });
        return [file, digests];
      }),
  );
}

/** Members at and beyond the limits of plain ustar; names are byte strings, one char a byte. */
const PATHS = ['file', 'n'.repeat(101), `${'p'.repeat(155)}/${'n'.repeat(100)}`, 'na\xc3\xafve', '\xff\xfe', 'l\nine'];
const BODIES = [
  { type: 'file', sizeBytes: 0, source: { from: 'memory', bytes: new Uint8Array(0) } },
  { type: 'file', sizeBytes: 2 ** 33, source: { from: 'memory', bytes: new Uint8Array(0) } },
  { type: 'directory' },
  { type: 'symlink', linkname: 't'.repeat(101) },
  { type: 'character-device', devMajor: 1, devMinor: 0o7777777 },
];
const NUMBERS = [
  { mode: 0o644, uid: 0, gid: 0, mtimeSeconds: 1 },
  { mode: 0o7777, uid: 2097152, gid: 2 ** 32 - 1, mtimeSeconds: 2 ** 33 },
];
const ENTRIES = PATHS.flatMap((path) =>
  BODIES.flatMap((body) => NUMBERS.map((numbers) => ({ path, body, uname: 'root', gname: 'b\xe4r', ...numbers }))),
);

function digestOfHeaders(format) {
  const options = { format, strict: false };
  const headers = ENTRIES.map((entry) => {
    const plan = planMember(entry, options);
    const out = new Uint8Array(plan.headerSizeBytes);
    encodeMember(plan, out, 0);
    return out;
  });
  return [digestOf(headers), measureArchive(ENTRIES, options)];
}

const codecs = {};
for (const name of CODEC_NAMES) codecs[name] = await digestsOfCodec(name);
const tar = Object.fromEntries(TAR_FORMATS.map((format) => [format, digestOfHeaders(format)]));
process.stdout.write(JSON.stringify({ codecs, tar }));
