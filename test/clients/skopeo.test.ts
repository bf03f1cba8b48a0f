import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { missingClients, testUnless } from '../support/clients.js';
import { readJson, run, sha256 } from '../support/commands.js';
import { type BuildReport, buildToFile } from '../support/tarseal.js';
import { createStore, IMAGE_CONFIG, IMAGE_OPTIONS, obstaclesOfBusybox, type Store } from './store.js';

interface Manifest {
  readonly config: { readonly digest: string; readonly size: number };
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

interface Inspection {
  readonly Digest: string;
  readonly Created: string;
  readonly Labels: Record<string, string>;
  readonly Architecture: string;
  readonly Os: string;
  readonly Layers: readonly string[];
  readonly Env: readonly string[];
}

const obstacles = [...missingClients('skopeo'), ...obstaclesOfBusybox()];
let scratch: string;
let store: Store;

beforeAll(() => {
  if (obstacles.length > 0) return;
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-skopeo-'));
  store = createStore(scratch);
});

afterAll(() => {
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

// No signature policy: /etc/containers/policy.json belongs to another package than skopeo.
function skopeo(...args: string[]): Buffer {
  return run('skopeo', ['--insecure-policy', ...args]);
}

function build(name: string, options: readonly string[]): { archive: string; report: BuildReport } {
  const archive = join(scratch, name);
  const report = buildToFile([...store.fromItems, ...IMAGE_OPTIONS, '--created', '@1', ...options], archive);
  return { archive, report };
}

/** What skopeo says of an image, wherever it reads it. */
function expectInspects(reference: string, report: BuildReport): Inspection {
  const inspection = JSON.parse(skopeo('inspect', reference).toString('utf8')) as Inspection;
  expect(inspection).toMatchObject({
    Created: '1970-01-01T00:00:01Z',
    Os: 'linux',
    Architecture: report.platform.architecture,
    Labels: IMAGE_CONFIG.Labels,
    Env: IMAGE_CONFIG.Env,
  });
  expect(sha256(skopeo('inspect', '--config', '--raw', reference))).toBe(report.image);
  return inspection;
}

/** Every blob of a `dir:` has the digest that is its name. */
function expectBlobs(folder: string, manifest: Manifest): void {
  for (const { digest, size } of [manifest.config, ...manifest.layers]) {
    const blob = readFileSync(join(folder, digest.replace('sha256:', '')));
    expect([sha256(blob), blob.length]).toEqual([digest, size]);
  }
}

const CASES: [name: string, options: string[]][] = [
  ['one layer', []],
  ['layers', ['--max-layers', '4']],
  ['gzip layers', ['--max-layers', '4', '--layer-compression', 'gzip']],
  ['posix layers', ['--max-layers', '4', '--tar-format', 'posix']],
];

describe('docker-archive:', () => {
  testUnless(obstacles).each<[name: string, options: string[]]>([
    ...CASES,
    ['guix', ['--dialect', 'guix']],
    ['guix layers', ['--dialect', 'guix', '--max-layers', '4']],
  ])('skopeo reads and copies %s', (name, options) => {
    const { archive, report } = build(`docker ${name}.tar`, ['--tag', 'tarseal-skopeo:1', ...options]);
    const diffIds = report.layers.map(({ diffId }) => diffId);
    // skopeo shows the layers of a Docker archive uncompressed, whatever they are.
    expect(expectInspects(`docker-archive:${archive}`, report).Layers).toEqual(diffIds);

    const folder = join(scratch, `docker ${name}`);
    skopeo('copy', `docker-archive:${archive}`, `dir:${folder}`);
    const manifest = readJson<Manifest>(join(folder, 'manifest.json'));
    expect(manifest.config.digest).toBe(report.image);
    expect(manifest.layers.map(({ digest }) => digest)).toEqual(diffIds);
    expectBlobs(folder, manifest);
  });

  testUnless(obstacles)('skopeo finds every tag', () => {
    const { archive, report } = build('tags.tar', ['--tag', 'tarseal-skopeo:1', '--tag', 'tarseal-skopeo:2']);
    for (const tag of report.tags) expectInspects(`docker-archive:${archive}:${tag}`, report);
    for (const tag of ['1', '2']) expectInspects(`oci-archive:${archive}:${tag}`, report);
  });
});

describe('oci-archive: and oci:', () => {
  // To read it, skopeo extracts the archive, and gives parents that have no entry of their own to root.
  testUnless(obstacles)('a user who is not root reads every format', () => {
    const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const home = join(scratch, 'home');
    mkdirSync(home);
    chmodSync(scratch, 0o755);
    chmodSync(home, 0o777);
    const formats = [
      ['docker-archive', 'docker-archive'],
      ['docker-archive', 'oci-archive'],
      ['oci-archive', 'oci-archive'],
    ] as const;
    for (const [format, transport] of formats) {
      const { archive, report } = build(`${format} for ${transport}`, [
        '--format',
        format,
        '--tag',
        'tarseal-skopeo:1',
      ]);
      chmodSync(archive, 0o644);
      const config = run('skopeo', ['--insecure-policy', 'inspect', '--config', '--raw', `${transport}:${archive}`], {
        ...nobody,
        env: { PATH: process.env['PATH'], HOME: home },
      });
      expect(sha256(config)).toBe(report.image);
    }
  });

  testUnless(obstacles).each<[name: string, options: string[]]>([
    ...CASES,
    ['gzip archive', ['-C', 'gzip']],
    ...CASES.map(([name, options]): [string, string[]] => [
      `${name} in an OCI archive`,
      [...options, '--format', 'oci-archive'],
    ]),
  ])('skopeo reads and copies %s', (name, options) => {
    const { archive, report } = build(`oci ${name}.tar`, ['--tag', 'tarseal-skopeo:1', ...options]);
    const inspection = expectInspects(`oci-archive:${archive}`, report);
    expect(inspection.Digest).toBe(report.manifest);
    expect(inspection.Layers).toEqual(report.layers.map(({ digest }) => digest));
    expect(sha256(skopeo('inspect', '--raw', `oci-archive:${archive}`))).toBe(report.manifest);

    const folder = join(scratch, `oci ${name}`);
    skopeo('copy', `oci-archive:${archive}`, `dir:${folder}`);
    const manifest = readJson<Manifest>(join(folder, 'manifest.json'));
    expect(manifest.config.digest).toBe(report.image);
    expect(manifest.layers.map(({ digest }) => digest)).toEqual(report.layers.map(({ digest }) => digest));
    expectBlobs(folder, manifest);

    const layout = join(scratch, `layout ${name}`);
    skopeo('copy', '--preserve-digests', `oci-archive:${archive}`, `oci:${layout}:copied`);
    expect(readJson<{ manifests: { digest: string }[] }>(join(layout, 'index.json')).manifests[0]?.digest).toBe(
      report.manifest,
    );
  });

  testUnless(obstacles).each<[name: string, options: string[]]>([
    ['default compression', []],
    ['layers', ['--max-layers', '4']],
    ['no compression', ['--layer-compression', 'none']],
  ])('skopeo reads a layout with %s', (name, options) => {
    const { archive, report } = build(`our layout, ${name}`, [
      ...['--format', 'oci-layout', '--tag', 'tarseal-skopeo:1'],
      ...options,
    ]);
    const inspection = expectInspects(`oci:${archive}:1`, report);
    expect(inspection.Digest).toBe(report.manifest);
    expect(inspection.Layers).toEqual(report.layers.map(({ digest }) => digest));
    const blobs = readdirSync(join(archive, 'blobs', 'sha256'));
    expect(blobs).toHaveLength(report.layers.length + 2);
    for (const blob of blobs)
      expect(sha256(readFileSync(join(archive, 'blobs', 'sha256', blob)))).toBe(`sha256:${blob}`);
  });
});
