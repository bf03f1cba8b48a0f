import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TarsealError } from '../../src/errors/index.js';
import { explainImages } from '../../src/verify/index.js';
import { bash } from '../support/compared.js';
import { chunksOf } from '../support/decoded.js';
import { scratchDirectory } from '../support/scratch.js';
import { buildToFile } from '../support/tarseal.js';

/** Archives of every format, and images. */
function seeds(directory: string): Buffer[] {
  bash(
    `mkdir -p t/d; echo text > t/a; ln t/a t/h; ln -s a t/l; touch t/$(printf 'n%.0s' {1..120}) t/d/e
     truncate -s 100K t/sparse; echo end >> t/sparse
     tar --format=v7 --exclude='n*' -cf v7.tar t; tar -S --format=gnu -cf gnu.tar t; tar -S --format=posix -cf pax.tar t; gzip -k pax.tar`,
    directory,
  );
  buildToFile(['--add', `${directory}/t=/t`, '-t', 'one'], `${directory}/image.tar`);
  return ['v7.tar', 'gnu.tar', 'pax.tar', 'pax.tar.gz', 'image.tar'].map((name) =>
    readFileSync(`${directory}/${name}`),
  );
}

test('whatever the bytes, there is a result or a refusal with a code', async () => {
  const directory = scratchDirectory();
  const archives = seeds(directory);
  const edit = fc.record({
    // Most of what decides is in headers, which begin at blocks.
    block: fc.nat(200),
    at: fc.nat(511),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x20, 0x30, 0x37, 0x80, 0xff)),
  });
  const mutated = fc.record({
    seed: fc.nat(archives.length - 1),
    edits: fc.array(edit, { maxLength: 6 }),
    keep: fc.option(fc.nat(1 << 16)),
    fixes: fc.boolean(),
  });
  const make = ({
    seed,
    edits,
    keep,
    fixes,
  }: {
    seed: number;
    edits: readonly { block: number; at: number; byte: number }[];
    keep: number | null;
    fixes: boolean;
  }): Buffer => {
    const bytes = Buffer.from(archives[seed]!);
    for (const { block, at, byte } of edits) {
      const start = (block * 512) % bytes.length;
      bytes[Math.min(start + at, bytes.length - 1)] = byte;
      if (fixes) fixChecksum(bytes.subarray(start, start + 512));
    }
    return keep === null ? bytes : bytes.subarray(0, keep);
  };
  let results = 0;
  await fc.assert(
    fc.asyncProperty(mutated, mutated, async (a, b) => {
      try {
        await explainImages(chunksOf(make(a), 4096), chunksOf(make(b), 4096), { temporaryDirectory: directory });
        results++;
      } catch (error) {
        if (!(error instanceof TarsealError)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
  expect(results).toBeGreaterThan(300);
});

function fixChecksum(block: Buffer): void {
  if (block.length < 512) return;
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
