import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readJson, run, sha256 } from './support/commands.js';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));
const { version } = readJson<{ version: string }>(join(PROJECT, 'package.json'));

let scratch: string;
/** An empty directory but for the installed package. */
let consumer: string;
let packed: readonly { readonly path: string; readonly mode: number }[];

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-package-'));
  // Without scripts: other tests run dist/ at this time, and `prepare` would write it again.
  const report = npm(PROJECT, 'pack', '--json', '--ignore-scripts', '--pack-destination', scratch);
  const [{ filename, files }] = JSON.parse(report) as [{ filename: string; files: typeof packed }];
  packed = files;
  consumer = join(scratch, 'consumer');
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{ "private": true, "type": "module" }\n');
  npm(consumer, 'install', '--no-audit', '--no-fund', '--prefer-offline', join(scratch, filename));

  mkdirSync(join(consumer, 'root', 'bin'), { recursive: true });
  writeFileSync(join(consumer, 'root', 'bin', 'program'), '#!/bin/sh\n');
  writeFileSync(join(consumer, 'root', 'text'), 'some text\n');
}, 300_000);

afterAll(() => {
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

/** The npm of this Node; `npm` on PATH is no program that Windows can start without a shell. */
function npm(cwd: string, ...args: string[]): string {
  const cli = process.env['npm_execpath'];
  const output = cli?.endsWith('.js') ? run(process.execPath, [cli, ...args], { cwd }) : run('npm', args, { cwd });
  return output.toString('utf8');
}
