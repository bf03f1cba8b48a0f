import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect } from 'vitest';
import { TARGETS, type Target, verifyImage } from '../../src/index.js';
import { missingClients, testUnless } from '../support/clients.js';
import { type Containerd, startContainerd } from '../support/containerd.js';
import { type DockerDaemon, obstaclesOfDockerd, startDockerd } from '../support/dockerd.js';
import { rawArchive, rawMember } from '../support/raw-tar.js';
import {
  digestOf,
  gzipLayer,
  type ImageParts,
  imageParts,
  type LayerPart,
  layerTar,
  type PartsOptions,
  packParts,
  smallLayer,
} from './image-parts.js';

const obstacles = [
  ...missingClients('dockerd', 'docker', 'podman', 'skopeo', 'containerd', 'ctr'),
  // All of them unpack.
  ...obstaclesOfDockerd(),
];

const OCI = 'application/vnd.oci.image.';

function img(options: PartsOptions, edit: (parts: ImageParts) => void = () => {}): Buffer {
  const parts = imageParts(options);
  edit(parts);
  return packParts(parts);
}

function blobs(parts: ImageParts): string[] {
  return [...parts.keys()].filter((name) => name.startsWith('blobs/'));
}

function conf(change: Record<string, unknown>): PartsOptions {
  return { config: (whole) => ({ ...whole, ...change }) };
}

function desc(change: Record<string, unknown>): PartsOptions {
  return { index: (index) => ({ ...index, manifests: [{ ...(index['manifests'] as object[])[0], ...change }] }) };
}

function members(...all: Buffer[]): PartsOptions {
  return { layers: [{ tar: layerTar(...all) }] };
}

/** Zstandard of one block that is stored as it is (RFC 8878, 3.1.1). */
function zstdLayer({ tar }: LayerPart): LayerPart {
  const frame = Buffer.alloc(10);
  frame.write('28b52ffd60', 'hex');
  frame.writeUInt16LE(tar.length - 256, 5);
  frame.writeUIntLE(tar.length * 8 + 1, 7, 3);
  return { tar, stored: Buffer.concat([frame, tar]), mediaType: `${OCI}layer.v1.tar+zstd` };
}

function twoImages(): Buffer {
  const other = imageParts({ layers: [smallLayer('other')], tag: 'other:1' });
  const json = (name: string): unknown => JSON.parse(other.get(name)!.toString());
  const { manifests } = json('index.json') as { manifests: object[] };
  return img(
    {
      index: (index) => ({ ...index, manifests: [...(index['manifests'] as object[]), ...manifests] }),
      docker: (entries) => [...entries, ...(json('manifest.json') as object[])],
    },
    (parts) => {
      for (const name of blobs(other)) parts.set(name, other.get(name)!);
    },
  );
}

function linkedLayer(): Buffer {
  const parts = imageParts();
  const [layer] = blobs(parts);
  const bytes = parts.get(layer!)!;
  parts.delete(layer!);
  return packParts(
    new Map([...parts, ['real.tar', bytes]]),
    rawMember({ name: layer!, typeflag: '2', linkname: '../../real.tar' }),
  );
}

/** What is wrong with an image, one thing at a time. */
const CASES: (readonly [name: string, image: () => Buffer])[] = [
  ['good', () => img({})],
  ['whole gzip', () => gzipSync(img({}))],
  [
    'docker only',
    () =>
      img({}, (p) => {
        p.delete('index.json');
        p.delete('oci-layout');
      }),
  ],
  [
    'oci only',
    () =>
      img({}, (p) => {
        p.delete('manifest.json');
      }),
  ],
  [
    'no oci-layout',
    () =>
      img({}, (p) => {
        p.delete('oci-layout');
      }),
  ],
  ['126 layers', () => img({ layers: Array.from({ length: 126 }, (_, i) => smallLayer(`f${i}`)) })],
  [
    'no config',
    () =>
      img({}, (p) => {
        p.delete(blobs(p)[1]!);
      }),
  ],
  [
    'no layer',
    () =>
      img({}, (p) => {
        p.delete(blobs(p)[0]!);
      }),
  ],
  [
    'no manifest',
    () =>
      img({}, (p) => {
        p.delete(blobs(p)[2]!);
      }),
  ],
  ['wrong diffID', () => img({ layers: [{ ...smallLayer(), diffId: digestOf(Buffer.from('x')) }] })],
  [
    'wrong layer content',
    () =>
      img({}, (p) => {
        p.set(blobs(p)[0]!, smallLayer('hello', 'HELLO\n').tar);
      }),
  ],
  [
    'wrong config content',
    () =>
      img({}, (p) => {
        p.set(blobs(p)[1]!, Buffer.from(p.get(blobs(p)[1]!)!.toString().replace('test', 'TEST')));
      }),
  ],
  ['few diffids', () => img(conf({ rootfs: { type: 'layers', diff_ids: [] } }))],
  [
    'many diffids',
    () => img(conf({ rootfs: { type: 'layers', diff_ids: [digestOf(smallLayer().tar), digestOf(smallLayer().tar)] } })),
  ],
  ['history more', () => img(conf({ history: [{}, {}] }))],
  ['no history', () => img(conf({ history: [] }))],
  ['zstd layer', () => img({ layers: [zstdLayer(smallLayer())] })],
  ['called gzip', () => img({ layers: [{ ...smallLayer(), mediaType: `${OCI}layer.v1.tar+gzip` }] })],
  [
    'called tar',
    () => img({ layers: [{ ...gzipLayer(smallLayer()), mediaType: 'application/vnd.oci.image.layer.v1.tar' }] }),
  ],
  ['bad tag', () => img({ docker: ([e]) => [{ ...e, RepoTags: ['Part:1'] }] })],
  [
    'bad containerd name',
    () =>
      img(desc({ annotations: { 'io.containerd.image.name': 'Part:1', 'org.opencontainers.image.ref.name': '1' } })),
  ],
  ['config no rootfs', () => img({ config: ({ rootfs: _, ...r }) => r })],
  [
    'windows',
    () => img({ ...conf({ os: 'windows' }), ...desc({ platform: { os: 'windows', architecture: 'amd64' } }) }),
  ],
  ['bad created', () => img(conf({ created: 'yesterday' }))],
  ['twice a layer', () => img({ layers: [smallLayer(), smallLayer()] })],
  ['dotdot name', () => img(members(rawMember({ name: '../x' })))],
  ['dotdot inside', () => img(members(rawMember({ name: 'd/', typeflag: '5' }), rawMember({ name: 'd/../x' })))],
  ['absolute name', () => img(members(rawMember({ name: '/x' })))],
  ['hard link missing', () => img(members(rawMember({ name: 'a', typeflag: '1', linkname: 'b' })))],
  ['hard link out', () => img(members(rawMember({ name: 'a', typeflag: '1', linkname: '../../../../etc/hostname' })))],
  ['symlink out', () => img(members(rawMember({ name: 'a', typeflag: '2', linkname: '../b' })))],
  ['symlink abs', () => img(members(rawMember({ name: 'a', typeflag: '2', linkname: '/etc/b' })))],
  ['below file', () => img(members(rawMember({ name: 'd' }), rawMember({ name: 'd/a' })))],
  [
    'below link',
    () =>
      img(
        members(
          rawMember({ name: 'e/', typeflag: '5', mode: '0000755' }),
          rawMember({ name: 'd', typeflag: '2', linkname: 'e' }),
          rawMember({ name: 'd/a' }),
        ),
      ),
  ],
  ['wh empty', () => img(members(rawMember({ name: '.wh.' })))],
  [
    'wh dotdot',
    () => img(members(rawMember({ name: 'd/', typeflag: '5', mode: '0000755' }), rawMember({ name: 'd/.wh...' }))),
  ],
  ['twice path', () => img(members(rawMember({ name: 'a' }), rawMember({ name: 'a' })))],
  ['unterminated layer', () => img({ layers: [{ tar: rawMember({ name: 'a' }) }] })],
  [
    'trailing layer',
    () => img({ layers: [{ tar: Buffer.concat([rawArchive(rawMember({ name: 'a' })), Buffer.alloc(512, 1)]) }] }),
  ],
  ['truncated layer', () => img({ layers: [{ tar: rawMember({ name: 'a', size: 2000 }, 'x') }] })],
  ['unknown type', () => img(members(rawMember({ name: 'a', typeflag: 'Q' })))],
  [
    'global header',
    () => img(members(rawMember({ name: 'g', typeflag: 'g' }, '13 comment=x\n'), rawMember({ name: 'a' }))),
  ],
  ['fifo', () => img(members(rawMember({ name: 'a', typeflag: '6' })))],
  ['empty layer', () => img(members())],
  ['no layers', () => img({ layers: [] })],
  ['no tag', () => img({ ...desc({ annotations: {} }), docker: ([e]) => [{ ...e, RepoTags: [] }] })],
  [
    'other manifest.json layers',
    () =>
      img({
        layers: [smallLayer('a'), smallLayer('b')],
        docker: ([e]) => [{ ...e, Layers: (e!['Layers'] as string[]).toReversed() }],
      }),
  ],
  ['two images', twoImages],
  ['symlinked layer', linkedLayer],
];

/** Podman's storage copies all layers for each of them. */
const NOT_IN_PODMAN: readonly string[] = ['126 layers'];

let scratch: string;
let docker: DockerDaemon;
let containerd: Containerd;

beforeAll(async () => {
  if (obstacles.length > 0) return;
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-loaders-'));
  [docker, containerd] = await Promise.all([startDockerd(), startContainerd()]);
});

afterAll(async () => {
  await docker?.stop();
  await containerd?.stop();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

function runRefused(program: string, ...args: string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(program, args);
  return status === 0 ? undefined : `${stdout}${stderr}`;
}

/** What each loader says where it refuses; of skopeo by both transports. */
const LOADERS: Readonly<Record<string, (archive: string) => string | undefined>> = {
  docker(archive) {
    try {
      docker.docker(['load', '-i', archive]);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    } finally {
      const images = docker.docker(['image', 'ls', '--quiet', '--no-trunc']).split('\n').filter(Boolean);
      if (images.length > 0) docker.docker(['image', 'rm', '--force', ...new Set(images)]);
    }
  },
  podman(archive) {
    const storage = ['--root', join(scratch, 'podman'), '--runroot', join(scratch, 'run'), '--storage-driver', 'vfs'];
    const refusal = runRefused('podman', ...storage, 'load', '-i', archive);
    runRefused('podman', ...storage, 'image', 'rm', '--all', '--force');
    return refusal;
  },
  containerd: (archive) => containerd.refusalOf(archive),
  'docker-archive:': (archive) => copied(`docker-archive:${archive}`),
  'oci-archive:': (archive) => copied(`oci-archive:${archive}`),
};

function copied(source: string): string | undefined {
  const folder = join(scratch, 'copied');
  rmSync(folder, { recursive: true, force: true });
  return runRefused('skopeo', '--insecure-policy', 'copy', source, `dir:${folder}`);
}

/** Loaders by which `verify` says that the image is refused. */
async function predicted(archive: string): Promise<Set<string>> {
  const { findings } = await verifyImage(archive, {
    targets: TARGETS,
    temporaryDirectory: tmpdir(),
    hashEngine: 'native',
  });
  const refused = new Set<string>();
  for (const { code, message } of findings) {
    const [target, , , , way] = message.split(' ');
    if (code === 'TARGET_DIFFERS') refused.add(way!);
    if (code === 'TARGET_REFUSES') refused.add(target as Target);
  }
  if (refused.delete('skopeo')) for (const way of ['docker-archive:', 'oci-archive:']) refused.add(way);
  return refused;
}

const refusals = new Map<string, number>();

testUnless(obstacles).each(CASES)(
  'what loaders do with %s is what verify says',
  async (name, image) => {
    const archive = join(scratch, 'image.tar');
    writeFileSync(archive, image());
    const expected = await predicted(archive);
    const seen = new Set<string>();
    const said: Record<string, string> = {};
    for (const [loader, refusalOf] of Object.entries(LOADERS)) {
      if (loader === 'podman' && NOT_IN_PODMAN.includes(name)) {
        expected.delete('podman');
        continue;
      }
      const refusal = refusalOf(archive);
      if (refusal === undefined) continue;
      seen.add(loader);
      said[loader] = refusal.trim().slice(-300);
      refusals.set(loader, (refusals.get(loader) ?? 0) + 1);
    }
    expect([...expected].sort(), JSON.stringify(said, null, 1)).toEqual([...seen].sort());
    if (name === 'good') expect(seen.size).toBe(0);
    // 126 layers take docker its time, on a busy machine minutes.
  },
  300_000,
);

testUnless(obstacles)('every loader refused some of them', () => {
  for (const loader of Object.keys(LOADERS)) expect(refusals.get(loader), loader).toBeGreaterThan(5);
});
