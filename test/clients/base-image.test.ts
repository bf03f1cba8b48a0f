import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import { loadCodec } from '../../src/compress/index.js';
import { loadHashEngine } from '../../src/digest/index.js';
import { assembleImage } from '../../src/image/index.js';
import {
  archiveTarget,
  type BaseImage,
  directoryTarget,
  ociMembers,
  readBaseImage,
  writeImage,
} from '../../src/transport/index.js';
import { missingClients, testUnless } from '../support/clients.js';
import { readJson, run, sha256 } from '../support/commands.js';
import { type DockerDaemon, obstaclesOfDockerd, startDockerd } from '../support/dockerd.js';
import { buildToFile } from '../support/tarseal.js';

const PLATFORM = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };

interface Config {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history?: readonly object[];
}

interface Manifest {
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

const engine = await loadHashEngine('native');
const codec = await loadCodec('gzip-fflate-1');
const obstacles = missingClients('skopeo', 'umoci', 'gzip');
if (process.getuid?.() !== 0) obstacles.push('umoci unpack of owners needs root');
const dockerObstacles = [...obstacles, ...missingClients('dockerd', 'docker'), ...obstaclesOfDockerd()];

let scratch: string;
/** A layout of umoci's with three layers, of which the second and the third hide files of those below. */
let umociLayout: string;
/** What umoci unpacks of it. */
let rootfs: string;
let daemon: DockerDaemon | undefined;

beforeAll(async () => {
  if (obstacles.length > 0) return;
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-base-'));
  umociLayout = join(scratch, 'umoci');
  rootfs = makeUmociImage(umociLayout);
  if (dockerObstacles.length === 0) daemon = await startDockerd();
});

afterAll(async () => {
  await daemon?.stop();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

function makeUmociImage(layout: string): string {
  const image = `${layout}:1`;
  const bundle = join(scratch, 'bundle');
  const root = join(bundle, 'rootfs');
  run('umoci', ['init', '--layout', layout]);
  run('umoci', ['new', '--image', image]);
  run('umoci', ['config', '--image', image, '--architecture', PLATFORM.architecture, '--os', 'linux']);
  const config = ['--config.env', 'PATH=/bin', '--config.cmd', '/bin/sh', '--config.label', 'a=b'];
  run('umoci', ['config', '--image', image, ...config, '--config.volume', '/data', '--config.exposedports', '80/tcp']);
  run('umoci', ['unpack', '--image', image, bundle]);
  const steps = [
    `mkdir -p usr/bin etc/dir/deep opt; ln -s usr/bin bin; ln -s /etc/dir link; echo 1 > usr/bin/sh; chmod 4755 usr/bin/sh
     echo x > etc/dir/deep/x; echo y > etc/dir/y; echo z > etc/gone; ln etc/dir/y etc/hard; chmod 1777 opt; chown 1:2 opt`,
    'rm -r etc/gone etc/dir/deep; rm bin; mkdir -m 700 bin; chown 5:6 bin; echo n > bin/new',
    'rm -r etc/dir link; mkdir etc/gone; chmod 711 etc/gone; ln -s nowhere bin/link',
  ];
  for (const step of steps) {
    run('sh', ['-ec', step], { cwd: root });
    run('umoci', ['repack', '--refresh-bundle', '--image', image, bundle]);
  }
  const unpacked = join(scratch, 'unpacked');
  run('umoci', ['unpack', '--image', image, unpacked]);
  return join(unpacked, 'rootfs');
}

function skopeo(...args: string[]): Buffer {
  return run('skopeo', ['--insecure-policy', ...args]);
}

async function withBase(path: string, use: (base: BaseImage) => void | Promise<void>): Promise<void> {
  const base = await readBaseImage(encodeUtf8(path), {
    engine,
    platform: PLATFORM,
    platformIsDefault: false,
    temporaryDirectory: encodeUtf8(scratch),
    shown: path,
  });
  try {
    await use(base);
  } finally {
    base.close();
  }
}

/** Holds what we read of an image against what skopeo says of it, and what we make of it against skopeo's copy. */
async function expectRead(path: string, transport: string): Promise<void> {
  const config: Config = JSON.parse(skopeo('inspect', '--config', '--raw', `${transport}:${path}`).toString());
  const manifest: Manifest = JSON.parse(skopeo('inspect', '--raw', `${transport}:${path}`).toString());
  await withBase(path, async (base) => {
    expect(base.layers.map(({ diffId }) => diffId)).toEqual(config.rootfs.diff_ids);
    if (!transport.startsWith('docker')) {
      const stored = base.layers.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes }));
      expect(stored).toEqual(manifest.layers.map(({ digest, size }) => ({ digest, size })));
    }
    expect(base.history).toEqual(config.history);
    expect(base.config).toEqual(withoutDefaults(config.config ?? {}));
    expect(base.platform).toMatchObject(PLATFORM);
    await expectPassedOn(base);
  });
}

/** What Go leaves empty says nothing, and `Image` is that of the build's own container. */
function withoutDefaults(config: Readonly<Record<string, unknown>>): object {
  const isEmpty = (value: unknown): boolean =>
    value === null || value === '' || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(config).filter(([key, value]) => key !== 'Image' && !isEmpty(value)));
}

/** Writes an image of the base's layers by every road; skopeo, which verifies digests, copies each. */
async function expectPassedOn(base: BaseImage): Promise<void> {
  const layers = base.layers.map(({ diffId, mediaType, digest, sizeBytes }) => ({
    diffId,
    descriptor: { mediaType, digest, size: sizeBytes },
  }));
  const { config, platform, history } = base;
  const input = { layers: [], config, platform, createdSeconds: 1, tags: [], annotations: {}, hashEngine: engine };
  const layout = ociMembers(() => assembleImage({ ...input, base: { layers, history } }), false);
  const folder = mkdtempSync(join(scratch, 'written-'));
  const roads = [
    ['oci-archive', archiveTarget(encodeUtf8(join(folder, 'archive'))), undefined],
    ['oci-archive', archiveTarget(encodeUtf8(join(folder, 'streamed'))), { codec, level: 1 }],
    ['oci', directoryTarget(encodeUtf8(join(folder, 'layout')), () => false), undefined],
  ] as const;
  const sources = base.layers.map(({ source }) => source);
  for (const [transport, target, compression] of roads) {
    if (!('path' in target)) throw new Error('a target of these roads has a path');
    await writeImage(target, layout, sources, { engine, compression, temporaryDirectory: undefined });
    const copy = mkdtempSync(join(folder, 'copy-'));
    skopeo('copy', '--preserve-digests', `${transport}:${target.path}`, `dir:${copy}`);
    const copied = readJson<Manifest>(join(copy, 'manifest.json')).layers;
    expect(copied.map(({ digest }) => digest)).toEqual(base.layers.map(({ digest }) => digest));
    for (const { digest, diffId } of base.layers) {
      const blob = readFileSync(join(copy, digest.slice(7)));
      expect(sha256(blob)).toBe(digest);
      expect(sha256(blob[0] === 0x1f ? gunzipSync(blob) : blob)).toBe(diffId);
    }
  }
}

/** The same archive within gzip. */
function gzipped(path: string): string {
  writeFileSync(`${path}.gz`, run('gzip', ['-c', '-n', path]));
  return `${path}.gz`;
}

describe('what skopeo copies', () => {
  testUnless(obstacles).each([
    ['docker-archive', []],
    ['oci-archive', []],
    ['oci', []],
    ['oci', ['--dest-oci-accept-uncompressed-layers', '--dest-decompress']],
  ])('to %s: %s is read as skopeo reads it', async (transport, options) => {
    const path = join(mkdtempSync(join(scratch, 'copied-')), 'image');
    const tag = transport === 'docker-archive' ? ':demo:1' : '';
    skopeo('copy', ...options, `oci:${umociLayout}:1`, `${transport}:${path}${tag}`);
    await expectRead(path, transport);
    if (transport !== 'oci') await withBase(gzipped(path), (base) => expectPassedOn(base));
  });
});

describe('what umoci makes', () => {
  testUnless(obstacles)('is read as skopeo reads it', () => expectRead(umociLayout, 'oci'));

  // umoci 0.4.7 hides what was in the directory although it writes the file first; Docker refuses such a layer.
  testUnless(obstacles)('is read where a file takes the place of a directory', async () => {
    const layout = join(scratch, 'replaced');
    const bundle = join(scratch, 'bundle of replaced');
    run('cp', ['-r', umociLayout, layout]);
    run('umoci', ['unpack', '--image', `${layout}:1`, bundle]);
    run('sh', ['-ec', 'rm -r usr/bin; echo file > usr/bin'], { cwd: join(bundle, 'rootfs') });
    run('umoci', ['repack', '--image', `${layout}:1`, bundle]);
    await withBase(layout, ({ files, layers }) => {
      expect(layers).toHaveLength(4);
      expect(files.get('usr/bin' as ByteString)).toEqual({ type: 'other' });
      expect(files.get('usr/bin/sh' as ByteString)).toBeUndefined();
    });
  });

  testUnless(obstacles)('shows the files that umoci unpacks', async () => {
    await withBase(umociLayout, ({ files, layers }) => {
      expect(layers).toHaveLength(3);
      const paths = readdirSync(rootfs, { recursive: true, encoding: 'utf8' }).filter(
        (path) => !path.startsWith('link/'),
      );
      expect(paths).toEqual(expect.arrayContaining(['bin/new', 'bin/link', 'etc/gone', 'etc/hard', 'opt']));
      for (const path of paths) expect(files.get(path as ByteString), path).toMatchObject(nodeOf(join(rootfs, path)));
      for (const path of ['link', 'etc/gone/x', 'etc/dir/y', 'etc/dir/deep', 'etc/.wh.gone', 'bin/sh']) {
        expect(files.get(path as ByteString), path).toBeUndefined();
      }
    });
  });

  function nodeOf(path: string): object {
    const stats = lstatSync(path);
    if (stats.isSymbolicLink()) return { type: 'symlink', linkname: readlinkSync(path) };
    if (!stats.isDirectory()) return { type: 'other' };
    return { type: 'directory', mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
  }
});

describe('what we make', () => {
  testUnless(obstacles).each(
    [
      ['docker-archive', 'docker-archive'],
      ['docker-archive', 'oci-archive'],
      ['oci-archive', 'oci-archive'],
      ['oci-layout', 'oci'],
    ].flatMap(([format, transport]) => ['none', 'gzip'].map((layers) => [format!, transport!, layers] as const)),
  )('as %s is read as skopeo reads it as %s, with layers of %s', async (format, transport, layers) => {
    const folder = mkdtempSync(join(scratch, 'ours-'));
    const items = ['a', 'b'].map((name) => join(folder, name));
    for (const item of items) {
      mkdirSync(item);
      writeFileSync(join(item, 'file'), `content of ${item}`);
    }
    const options = [
      '--max-layers',
      '3',
      '--format',
      format,
      '--layer-compression',
      layers,
      '--env',
      'A=ü',
      '--user',
      '1:2',
    ];
    const path = join(folder, 'image');
    const report = buildToFile([...items, ...options, '--tag', 'demo:1'], path);
    await expectRead(path, transport);
    await withBase(format === 'oci-layout' ? path : gzipped(path), async (base) => {
      const stored = base.layers.map(({ diffId, digest, sizeBytes }) => ({ diffId, digest, sizeBytes }));
      expect(report.layers).toMatchObject(stored);
      await expectPassedOn(base);
    });
  });
});

describe('what Docker saves', () => {
  interface Inspection {
    readonly Config: Readonly<Record<string, unknown>>;
    readonly RootFS: { readonly Layers: readonly string[] };
  }

  testUnless(dockerObstacles)('of an image that it built is read as Docker inspects it', async () => {
    const folder = mkdtempSync(join(scratch, 'context-'));
    for (const name of ['a', 'b']) writeFileSync(join(folder, name), name);
    const dockerfile = [
      ...['FROM scratch', 'ENV PATH=/bin', 'COPY a /x/a', 'LABEL l=1', 'COPY b /x/b', 'EXPOSE 80', 'VOLUME /data'],
      ...['HEALTHCHECK --interval=5s CMD ["/x/a"]', 'ONBUILD ENV X=1', 'STOPSIGNAL SIGINT', 'CMD /x/a b'],
    ];
    writeFileSync(join(folder, 'Dockerfile'), dockerfile.join('\n'));
    daemon!.docker(['build', '--network', 'none', '--tag', 'built:1', '--tag', 'built:2', folder]);
    const [inspection] = JSON.parse(daemon!.docker(['image', 'inspect', 'built:1'])) as Inspection[];
    const path = join(folder, 'saved.tar');
    daemon!.docker(['save', '--output', path, 'built:1', 'built:2']);
    await expectRead(path, 'docker-archive');
    for (const one of [path, gzipped(path)]) {
      await withBase(one, (base) => {
        expect(base.layers.map(({ diffId }) => diffId)).toEqual(inspection!.RootFS.Layers);
        expect(withoutDefaults(inspection!.Config)).toMatchObject(base.config);
        expect(base.history.filter((entry) => !entry.empty_layer)).toHaveLength(2);
        expect(base.history).toHaveLength(dockerfile.length - 1);
        expect(base.files.get('x/b' as ByteString)).toEqual({ type: 'other' });
      });
    }
  });

  testUnless(dockerObstacles)('of an image that it loaded is read as Docker inspects it', async () => {
    const path = join(mkdtempSync(join(scratch, 'loaded-')), 'image');
    skopeo('copy', `oci:${umociLayout}:1`, `docker-archive:${path}:loaded:1`);
    daemon!.docker(['load', '--input', path]);
    daemon!.docker(['save', '--output', `${path}.saved`, 'loaded:1']);
    const [inspection] = JSON.parse(daemon!.docker(['image', 'inspect', 'loaded:1'])) as Inspection[];
    await withBase(`${path}.saved`, async (base) => {
      expect(base.layers.map(({ diffId }) => diffId)).toEqual(inspection!.RootFS.Layers);
      expect(withoutDefaults(inspection!.Config)).toMatchObject(base.config);
      await expectPassedOn(base);
    });
  });
});
