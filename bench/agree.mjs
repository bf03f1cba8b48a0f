// Holds what a program made to what ours made. GNU tar's archive is the measure: ours has to be the same bytes.

import { createHash } from 'node:crypto';
import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';

const ARCHIVE = 'out/archive.tar';

/** SHA-256 of a file, or of what it unpacks to. @returns in hex, and the size */
async function digestFile(file, unpack = false) {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const count = async (chunks) => {
    for await (const chunk of chunks) {
      sizeBytes += chunk.length;
      hash.update(chunk);
    }
  };
  const source = createReadStream(file, { highWaterMark: 1 << 20 });
  await (unpack ? pipeline(source, createGunzip({ chunkSize: 1 << 20 }), count) : pipeline(source, count));
  return { digest: hash.digest('hex'), sizeBytes };
}

/** In a thread of its own: it takes as long as the digest. */
function listMembers(archive) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./members.mjs', import.meta.url), { workerData: archive });
    worker.once('message', resolve).once('error', reject);
  });
}

const hexOf = (digest) => digest.slice('sha256:'.length);
const printedDigests = (output) => output.match(/[0-9a-f]{64}/g) ?? [];

/** @throws {Error} with what differs */
function expectEqual(what, value, expected) {
  if (value !== expected) throw new Error(`${what} is ${value}, expected ${expected}`);
}

/** Of two sorted lists. @throws {Error} with the first line that differs */
function expectSame(what, lines, expected) {
  const at = expected.findIndex((line, index) => line !== lines[index]);
  if (at >= 0) throw new Error(`${what}: ${lines[at] ?? 'nothing'}, expected ${expected[at]}`);
  expectEqual(`number of ${what}`, lines.length, expected.length);
}

/**
 * A record of what the programs of one work made, to which each new one is held.
 *
 * @param nixLayers what our build in the nix dialect prints
 * @param comparesMembers whether members will be asked for
 * `check(program, output)` looks at what lies in `out`. @returns in words how it agrees, and the size of what was made where it is of interest
 * @throws {Error} where it does not agree
 */
export function createAgreement(directory, { nixLayers, comparesMembers }) {
  /** Set by the first program that knows it: ours. */
  const facts = {};
  const agreeOn = (what, value) => {
    facts[what] ??= value;
    expectEqual(what, value, facts[what]);
  };
  const agreeOnLayers = (digests) => {
    facts.layers ??= digests.sort();
    expectSame('layers', digests.sort(), facts.layers);
  };
  const file = (name) => join(directory, name);

  const checks = {
    none: () => ({ words: '' }),

    async bytes({ ours }, output) {
      const [{ digest, sizeBytes }, members] = await Promise.all([
        digestFile(file(ARCHIVE)),
        comparesMembers && (facts.members ?? listMembers(file(ARCHIVE))),
      ]);
      agreeOn('SHA-256 of the tar', digest);
      for (const printed of printedDigests(output)) expectEqual('digest printed', printed, digest);
      facts.members = members;
      return { words: ours ? '' : 'same bytes', sizeBytes };
    },

    async members(_program, output) {
      const [{ digest, sizeBytes }, found] = await Promise.all([digestFile(file(ARCHIVE)), listMembers(file(ARCHIVE))]);
      for (const printed of printedDigests(output)) expectEqual('digest printed', printed, digest);
      expectSame('members', found, facts.members);
      return { words: 'same members and contents', sizeBytes };
    },

    layer(_program, output) {
      const [{ diffId, sizeBytes }] = JSON.parse(output).layers;
      agreeOn('SHA-256 of the tar', hexOf(diffId));
      return { words: 'same layer', sizeBytes };
    },

    image(_program, output) {
      const { layers, sizeBytes } = JSON.parse(output);
      agreeOnLayers(layers.map(({ diffId }) => hexOf(diffId)));
      expectEqual('number of layers', layers.length, 32);
      return { words: '', sizeBytes };
    },

    layers(_program, output) {
      agreeOnLayers(printedDigests(output));
      return { words: 'same layers' };
    },

    async nixLayers(_program, output) {
      const expected = JSON.parse(await nixLayers()).layers.map(({ diffId }) => hexOf(diffId));
      expectSame('layers', printedDigests(output).sort(), expected.sort());
      return { words: 'same layers as --dialect nix' };
    },

    async layout(_program, output) {
      const [{ diffId, digest, sizeBytes }] = JSON.parse(output).layers;
      const blob = file(`out/layout/blobs/sha256/${hexOf(digest)}`);
      expectEqual('SHA-256 of the blob', (await digestFile(blob)).digest, hexOf(digest));
      const unpacked = await digestFile(blob, true);
      expectEqual('SHA-256 of the unpacked blob', unpacked.digest, hexOf(diffId));
      agreeOn('SHA-256 of the tar', unpacked.digest);
      return { words: '', sizeBytes: unpacked.sizeBytes, gzipBytes: sizeBytes };
    },

    async gzip(_program, output) {
      const [diffId, digest] = printedDigests(output);
      const packed = await digestFile(file('out/layer.tar.gz'));
      expectEqual('SHA-256 of the blob', packed.digest, digest);
      agreeOn('SHA-256 of the tar', diffId);
      return { words: 'same tar within', gzipBytes: packed.sizeBytes };
    },
  };

  return async (program, output) => {
    if (program.agree !== 'none' && readdirSync(file('out')).length === 0) throw new Error('nothing was written');
    return checks[program.agree](program, output);
  };
}
