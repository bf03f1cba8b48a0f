import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '../support/commands.js';
import { buildToFile } from '../support/tarseal.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/', import.meta.url));

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-demo-'));
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

/** SHA-256 by name: the rows of the tables in fixtures/README.md. */
function recorded(): Map<string, string> {
  const readme = readFileSync(join(FIXTURES, 'README.md'), 'utf8');
  const rows = readme.matchAll(/^\| `?(?<name>[^`|\n]+?)`? +\| `(?<hex>[0-9a-f]{64})` \|$/gm);
  return new Map([...rows].map(({ groups }) => [groups!['name']!, `sha256:${groups!['hex']}`]));
}

test('the files of the demo image are those that fixtures/README.md says', () => {
  const files = [...recorded()].filter(([name]) => name.startsWith('demo/'));
  expect(files.length).toBeGreaterThan(1);
  for (const [name, digest] of files)
    expect([name, sha256(readFileSync(join(FIXTURES, name)))]).toEqual([name, digest]);
});

test('the demo image has the digests that fixtures/README.md says, whatever the machine', () => {
  const output = join(scratch, 'demo.tar');
  const { image, manifest, layers } = buildToFile(['--spec', join(FIXTURES, 'demo', 'tarseal.yaml')], output);
  const digests = recorded();
  // From the inside out, so that what fails first is what changed: the layer is in the config, and that in the rest.
  expect(layers.map(({ diffId }) => diffId)).toEqual([digests.get('layer (diffID)')]);
  expect(image).toBe(digests.get('image (config digest)'));
  expect(manifest).toBe(digests.get('manifest'));
  expect(sha256(readFileSync(output))).toBe(digests.get('demo.tar'));
});
