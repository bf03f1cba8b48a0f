import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { missingClients, testUnless } from '../support/clients.js';
import { run } from '../support/commands.js';
import { buildToFile } from '../support/tarseal.js';
import { createStore, EXPECTED_REPORT, IMAGE_OPTIONS, obstaclesOfBusybox, REPORT_SCRIPT, type Store } from './store.js';

const obstacles = [...missingClients('podman', 'chroot'), ...obstaclesOfBusybox()];
// Without root, podman mounts an image in a user namespace only.
if (process.getuid?.() !== 0) obstacles.push('podman image mount needs root');

let scratch: string;
let store: Store;

beforeAll(() => {
  if (obstacles.length > 0) return;
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-podman-'));
  store = createStore(scratch);
});

afterAll(() => {
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

interface PodmanImage {
  readonly Id: string;
  readonly RootFS: { readonly Layers: readonly string[] };
}

testUnless(obstacles).each<[name: string, options: string[]]>([
  ['layers', []],
  ['gzip layers', ['--layer-compression', 'gzip']],
  ['gzip layers of fflate', ['--layer-compression', 'gzip', '--codec', 'gzip-fflate-1']],
  ['gzip layers in an OCI archive', ['--layer-compression', 'gzip', '--format', 'oci-archive']],
])('podman loads %s', (name, options) => {
  const storage = join(scratch, `storage of ${name}`);
  const podman = (...args: string[]): string =>
    run('podman', [
      ...['--root', storage, '--runroot', join(scratch, 'run'), '--storage-driver', 'vfs', ...args],
    ]).toString('utf8');
  const archive = join(scratch, `${name}.tar`);
  const report = buildToFile(
    [...store.fromItems, ...IMAGE_OPTIONS, '--tag', 'tarseal-podman:1', '--max-layers', '4', ...options],
    archive,
  );
  expect(podman('load', '--input', archive)).toContain('tarseal-podman:1');
  const [image] = JSON.parse(podman('image', 'inspect', 'tarseal-podman:1')) as [PodmanImage];
  expect(`sha256:${image.Id}`).toBe(report.image);
  expect(image.RootFS.Layers).toEqual(report.layers.map(({ diffId }) => diffId));

  // A container would need an engine's runtime and control groups; what it would see is there without.
  const root = podman('image', 'mount', image.Id).trim();
  const seen = run('chroot', [root, '/bin/sh', '-c', `cd /srv; ${REPORT_SCRIPT}`, 'report', 'one', 'two words'], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', GREETING: 'Hello, "wörld"\\', EMPTY: '' },
  });
  podman('image', 'unmount', image.Id);
  expect(seen.toString('utf8')).toBe(EXPECTED_REPORT);
});
