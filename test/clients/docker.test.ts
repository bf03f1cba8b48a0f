import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { missingClients, testUnless } from '../support/clients.js';
import { type DockerDaemon, obstaclesOfDockerd, startDockerd } from '../support/dockerd.js';
import { FIXTURE_GRAPH, FIXTURE_STORE, fixtureClosure, fixtureItem } from '../support/fixture-store.js';
import { type BuildReport, buildToFile, buildToStdout } from '../support/tarseal.js';
import {
  createStore,
  EXPECTED_REPORT,
  IMAGE_CONFIG,
  IMAGE_OPTIONS,
  obstaclesOfBusybox,
  REPORT_SCRIPT,
  type Store,
} from './store.js';

const DEMO = fileURLToPath(new URL('../../fixtures/demo/', import.meta.url));
const ENTRYPOINT = ['/bin/sh', '-c', REPORT_SCRIPT, 'report'];
const CMD = ['one', 'two words'];

const obstacles = [...missingClients('dockerd', 'docker'), ...obstaclesOfDockerd()];
const busyboxObstacles = [...obstacles, ...obstaclesOfBusybox()];

interface DockerImage {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly Architecture: string;
  readonly Os: string;
  readonly Created: string;
  readonly Config: Record<string, unknown>;
  readonly RootFS: { readonly Type: string; readonly Layers: readonly string[] };
}

let scratch: string;
let daemon: DockerDaemon;
let store: Store;

// One daemon for every test of this file: it takes a second or two to start, and its containerd as long again.
beforeAll(async () => {
  if (obstacles.length > 0) return;
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-docker-'));
  daemon = await startDockerd();
  if (busyboxObstacles.length === 0) store = createStore(scratch);
});

afterAll(async () => {
  await daemon?.stop();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

// Docker does not read a layer again that it has: without this, gzip layers would be those of the image before.
afterEach(() => {
  if (obstacles.length > 0) return;
  const images = daemon.docker(['image', 'ls', '--quiet', '--no-trunc']).split('\n').filter(Boolean);
  if (images.length > 0) daemon.docker(['image', 'rm', '--force', ...new Set(images)]);
});

function inspect(reference: string): DockerImage {
  return (JSON.parse(daemon.docker(['image', 'inspect', reference])) as DockerImage[])[0]!;
}

/** Loads, compares what Docker says of the image with what we said, and runs it. */
function expectRuns(
  archive: string,
  report: BuildReport,
  tag: string,
  layerCount: number,
  expected: string = EXPECTED_REPORT,
): void {
  expect(daemon.docker(['load', '-i', archive])).toContain(`Loaded image: ${tag}`);
  const image = inspect(tag);
  expect(image.Id).toBe(daemon.usesContainerdStore ? report.manifest : report.image);
  expect(image.RootFS).toEqual({ Type: 'layers', Layers: report.layers.map(({ diffId }) => diffId) });
  expect(image.RootFS.Layers).toHaveLength(layerCount);
  expect(image.RepoTags).toEqual([tag]);
  expect(image).toMatchObject({ Os: 'linux', Architecture: report.platform.architecture });
  expect(new Date(image.Created)).toEqual(new Date('1970-01-01T00:00:01Z'));
  expect(image.Config).toMatchObject({ ...IMAGE_CONFIG, Entrypoint: ENTRYPOINT, Cmd: CMD });
  expect(runOnce(tag)).toBe(expected);
}

function runOnce(tag: string): string {
  return daemon.docker(['run', '--rm', '--pull', 'never', '--network', 'none', tag]);
}

function imageOptions(tag: string): string[] {
  return [
    ...IMAGE_OPTIONS,
    ...['--tag', tag, '--created', '@1'],
    ...['--entrypoint', JSON.stringify(ENTRYPOINT), '--cmd', JSON.stringify(CMD)],
  ];
}

testUnless(busyboxObstacles).each<[name: string, source: 'fromItems' | 'fromRoot', options: string[], layers: number]>([
  ['one-layer', 'fromItems', [], 1],
  ['one-layer-of-a-root', 'fromRoot', [], 1],
  ['layers', 'fromItems', ['--max-layers', '4'], 4],
  ['layers-for-each-item', 'fromItems', ['--max-layers', '10'], 5],
  ['gzip-layer', 'fromItems', ['--layer-compression', 'gzip'], 1],
  ['gzip-layers', 'fromItems', ['--max-layers', '4', '--layer-compression', 'gzip'], 4],
  ['gzip-archive', 'fromItems', ['--max-layers', '4', '-C', 'gzip'], 4],
  ['gnu-format', 'fromItems', ['--tar-format', 'gnu'], 1],
  ['posix-format', 'fromItems', ['--tar-format', 'posix'], 1],
  ['guix', 'fromItems', ['--dialect', 'guix'], 1],
  ['guix-root', 'fromRoot', ['--dialect', 'guix', '--prefix', '/gnu/store/0a-busybox-1.35'], 1],
  ['guix-layers', 'fromItems', ['--dialect', 'guix', '--max-layers', '4'], 4],
  ['guix-gzip-archive', 'fromItems', ['--dialect', 'guix', '-C', 'gzip'], 1],
])('docker loads and runs an image of %s', (name, source, options, layers) => {
  const tag = `tarseal-${name}:latest`;
  const archive = join(scratch, `${name}.tar`);
  const report = buildToFile([...store[source], ...imageOptions(tag), ...options], archive);
  // To Guix's tar every member has the one owner, also a directory that a directive gives to another.
  const ofDirective = options.includes('guix') && source === 'fromItems' ? '750 0 0 1' : '750 1000 1001 1';
  expect(EXPECTED_REPORT).toContain('750 1000 1001 1');
  expectRuns(archive, report, tag, layers, EXPECTED_REPORT.replace('750 1000 1001 1', ofDirective));
});

testUnless(busyboxObstacles)('docker loads and runs an image that was streamed', () => {
  const tag = 'tarseal-streamed:latest';
  const { bytes, report } = buildToStdout([...store.fromItems, ...imageOptions(tag), '--max-layers', '4']);
  expect(daemon.docker(['load'], bytes)).toContain(`Loaded image: ${tag}`);
  expect(inspect(tag).RootFS.Layers).toEqual(report.layers.map(({ diffId }) => diffId));
  expect(runOnce(tag)).toBe(EXPECTED_REPORT);
});

testUnless(busyboxObstacles)('another user than root reaches what lies below implied parents', () => {
  const archive = join(scratch, 'parents.tar');
  const script = "busybox id -u; busybox stat -c '%n %a %u %g %Y' /gnu /gnu/store /gnu/store/2c-names-3.1";
  const options = [
    '--user',
    '1000:1001',
    '--env',
    'PATH=/bin',
    '--entrypoint',
    JSON.stringify(['/bin/sh', '-c', script]),
  ];
  buildToFile([...store.fromItems, ...options, '--tag', 'tarseal-parents', '--max-layers', '4'], archive);
  daemon.docker(['load', '-i', archive]);
  expect(runOnce('tarseal-parents:latest').split('\n')).toEqual([
    '1000',
    ...['/gnu', '/gnu/store', '/gnu/store/2c-names-3.1'].map((path) => `${path} 755 0 0 1`),
    '',
  ]);
});

testUnless(obstacles)('docker gives an image all of its tags', () => {
  const tags = ['tarseal-demo:one', 'tarseal-demo:two', 'registry.example/team/tarseal-demo:3'];
  const archive = join(scratch, 'tags.tar');
  const report = buildToFile(
    ['--root', join(DEMO, 'root'), ...tags.flatMap((tag) => ['--tag', tag]), '--entrypoint', '/bin/hello'],
    archive,
  );
  expect(report.tags).toEqual(tags);
  daemon.docker(['load', '-i', archive]);
  expect(inspect(tags[2]!).RepoTags.toSorted()).toEqual(tags.toSorted());
});

const demoTest = process.arch === 'x64' ? testUnless(obstacles) : test.skip;
demoTest('docker runs the demo image', () => {
  const archive = join(scratch, 'demo.tar');
  const report = buildToFile(['--spec', join(DEMO, 'tarseal.yaml')], archive);
  expect(daemon.docker(['load', '-i', archive])).toContain('Loaded image: tarseal-demo:1');
  expect(inspect('tarseal-demo:1').Id).toBe(daemon.usesContainerdStore ? report.manifest : report.image);
  expect(runOnce('tarseal-demo:1')).toBe(readFileSync(join(DEMO, 'root', 'share', 'greeting.txt'), 'utf8'));
});

const runsFromStore = testUnless(
  process.arch === 'x64' ? obstacles : [...obstacles, 'the programs of the fixture store are for x64'],
);

runsFromStore('two layered images of a store run, and share the layers of the items that they share', () => {
  const build = (name: string, args: readonly string[]): BuildReport => {
    const item = fixtureItem(name);
    const store = ['--store', `${FIXTURE_STORE}=/nix/store`, '--mode', 'go+u,go-w'];
    return buildToFile([item, ...store, '--entrypoint', `bin/${name}`, ...args], join(scratch, `${name}.tar`));
  };
  const hello = build('hello', ['--scan', FIXTURE_STORE, '--preset', 'bin,tmp']);
  const greet = build('greet', ['--graph', FIXTURE_GRAPH, '--max-layers', '20', '--contents', fixtureItem('greet')]);

  for (const [name, report] of [['hello', hello] as const, ['greet', greet] as const]) {
    const [tag] = report.tags;
    expect(tag).toBe(`${name}:${fixtureItem(name).slice('/nix/store/'.length).slice(0, 32)}`);
    expect(daemon.docker(['load', '-i', join(scratch, `${name}.tar`)])).toContain(`Loaded image: ${tag}`);
    expect(inspect(tag!).RootFS.Layers).toEqual(report.layers.map(({ diffId }) => diffId));
    // Every item but the interpreter says a line, by its name.
    const lines = daemon.docker(['run', '--rm', '--network=none', tag!]).trimEnd().split('\n');
    for (const item of fixtureClosure(fixtureItem(name))) {
      const title = item.slice('/nix/store/'.length + 33).replace(/-(\d.*?)(?:\.txt)?$/, ' $1');
      if (!title.startsWith('show '))
        expect(
          lines.some((line) => line.startsWith(`${title}:`)),
          title,
        ).toBe(true);
    }
  }
  const [ofHello, ofGreet] = [hello, greet].map(({ tags }) => inspect(tags[0]!).RootFS.Layers);
  const shared = fixtureClosure(fixtureItem('hello')).filter((item) =>
    fixtureClosure(fixtureItem('greet')).includes(item),
  );
  expect(shared.length).toBeGreaterThan(4);
  expect(ofGreet!.filter((layer) => ofHello!.includes(layer))).toHaveLength(shared.length);
});

testUnless(busyboxObstacles)(
  'an image on a base that docker committed and saved runs with the layers and the config of both',
  () => {
    const root = join(scratch, 'import.tar');
    buildToFile([...store.fromItems, '--tag', 'tarseal-start'], join(scratch, 'start.tar'));
    daemon.docker(['load', '-i', join(scratch, 'start.tar')]);
    const command = ['/bin/busybox', 'sh', '-c', '/bin/busybox rm -r /tmp; echo committed > /srv/file'];
    const container = daemon
      .docker(['create', '--network', 'none', '--entrypoint', '', 'tarseal-start', ...command])
      .trim();
    daemon.docker(['start', '--attach', container]);
    daemon.docker([
      ...['commit', '--change', 'ENV PATH=/bin BASE=base', '--change', 'ENV BOTH=base', '--change', 'CMD ["sh"]'],
      ...[container, 'tarseal-base:1'],
    ]);
    daemon.docker(['rm', container]);
    daemon.docker(['save', '-o', root, 'tarseal-base:1']);
    const base = inspect('tarseal-base:1');
    expect(base.RootFS.Layers).toHaveLength(2);

    const script =
      'busybox cat /srv/file; busybox ls -d /tmp; echo $BASE $BOTH; busybox stat -c "%a %u %g" /srv; busybox cat /srv/new';
    const archive = join(scratch, 'on-base.tar');
    writeFileSync(join(scratch, 'new'), 'above\n');
    const report = buildToFile(
      [
        ...['--from', root, ...IMAGE_OPTIONS.slice(0, 2), '--tag', 'tarseal-on-base', '--env', 'BOTH=above'],
        ...['--add', `${join(scratch, 'new')}=/srv/new`, '--entrypoint', JSON.stringify(['/bin/sh', '-c', script])],
      ],
      archive,
    );
    expect(daemon.docker(['load', '-i', archive])).toContain('Loaded image: tarseal-on-base:latest');
    const image = inspect('tarseal-on-base:latest');
    expect(image.RootFS.Layers).toEqual(report.layers.map(({ diffId }) => diffId));
    expect(image.RootFS.Layers.slice(0, -1)).toEqual(base.RootFS.Layers);
    // The directory that the container removed stays away, and the one above which a file was put is as it was.
    const shown = daemon.docker(['run', '--rm', '--network', 'none', 'tarseal-on-base:latest']).split('\n');
    expect(shown).toEqual(['committed', 'base above', '750 1000 1001', 'above', '']);
  },
);
