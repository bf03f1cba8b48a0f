import { spawn } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type BuildContext, type BuildSpec, type BuiltImage, buildImage, type TarsealError } from '../../src/index.js';
import { clientTest } from '../support/clients.js';
import { run, sha256 } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';

const MIB = 1 << 20;

/** A source of which the first file is open when the first progress is told, and the others are not yet read. */
function makeSource(): { source: string; reading: string; later: string; empty: string } {
  const source = join(scratchDirectory(), 'source');
  const file = (name: string, size: number): string => {
    const path = join(source, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.alloc(size, name));
    // An old time of whole seconds: whatever is written during a build has another.
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    return path;
  };
  return {
    reading: file('a-first', 3 * MIB),
    source,
    later: file('b/later', 5000),
    empty: file('c-empty', 0),
  };
}

/** Everything below a directory: path, type, size and digest. */
function snapshot(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const path = join(directory, name);
      const stats = lstatSync(path);
      return stats.isFile() ? `${name} ${stats.size} ${sha256(readFileSync(path))}` : name;
    })
    .sort();
}

/** Runs `change` once, when the first progress is told or the one that `when` accepts. */
function once(change: () => void, when: (done: number, total: number) => boolean = () => true): BuildContext {
  let isDone = false;
  return {
    onProgress(done, total) {
      if (isDone || !when(done, total)) return;
      isDone = true;
      change();
    },
  };
}

async function failureOf(work: Promise<BuiltImage>): Promise<TarsealError> {
  const outcome = await work.then(
    () => new Error('the build succeeded'),
    (error: unknown) => error as Error,
  );
  return outcome as TarsealError;
}

interface Target {
  readonly name: string;
  readonly spec: BuildSpec;
  /** Whether a target of another build is there already. */
  readonly exists: boolean;
}

/** Archives whose members are packed as they are listed: a file is looked at when it is opened. */
const LISTED_TARGETS: readonly Target[] = [
  { name: 'a new archive', spec: {}, exists: false },
  { name: 'an existing archive', spec: {}, exists: true },
];

/** Outputs for which all files are looked at before the first is opened. */
const READ_TARGETS: readonly Target[] = [
  { name: 'an archive of sources in one another', spec: { directory: ['/b/made'] }, exists: true },
  { name: 'an archive of compressed layers', spec: { layerCompression: 'gzip' }, exists: true },
  { name: 'a compressed archive', spec: { compression: 'gzip' }, exists: true },
  {
    name: 'a compressed archive of compressed layers',
    spec: { compression: 'gzip', layerCompression: 'gzip' },
    exists: false,
  },
  { name: 'the guix dialect', spec: { dialect: 'guix', prefix: '/profile' }, exists: false },
  { name: 'a new layout', spec: { format: 'oci-layout' }, exists: false },
  { name: 'an existing layout', spec: { format: 'oci-layout' }, exists: true },
  { name: 'a layout of plain layers', spec: { format: 'oci-layout', layerCompression: 'none' }, exists: true },
];

const TARGETS: readonly Target[] = [...LISTED_TARGETS, ...READ_TARGETS];

/** Builds into a target that a change spoils, and holds that nothing of it is left. */
async function expectNothingLeft(
  { spec, exists }: Target,
  sources: BuildSpec,
  context: BuildContext,
): Promise<TarsealError> {
  const directory = scratchDirectory();
  const output = join(directory, 'out');
  if (exists) {
    const other = scratchDirectory();
    writeFileSync(join(other, 'file'), 'another image');
    await buildImage({ ...spec, root: other, tag: ['other:1'], output });
  }
  const before = snapshot(directory);
  const error = await failureOf(buildImage({ ...spec, ...sources, tag: ['test:1'], output }, context));
  expect(snapshot(directory)).toEqual(before);
  return error;
}

function expectChanged(error: TarsealError, path: string): void {
  expect(`${error.code}: ${error.message}`).toMatch(/^SOURCE_CHANGED: .*changed during the build/);
  expect(error.message).toContain(`"${path}"`);
}

type Change = (path: string) => void;

const CHANGES_OF_LATER: readonly (readonly [name: string, change: Change])[] = [
  ['shrinks', (path) => truncateSync(path, 100)],
  ['shrinks by a byte', (path) => truncateSync(path, 4999)],
  ['is emptied', (path) => truncateSync(path, 0)],
  ['grows by a byte', (path) => appendFileSync(path, 'x')],
  ['is rewritten', (path) => writeFileSync(path, Buffer.alloc(5000, 'x'))],
  ['has one byte changed', (path) => writeAt(path, 2500)],
  ['is deleted', (path) => unlinkSync(path)],
  ['is replaced by a file', (path) => replace(path, (to) => writeFileSync(to, Buffer.alloc(5000, 'y')))],
  ['is replaced by a symlink to an equal file', (path) => becomeSymlink(path)],
  ['is replaced by a dangling symlink', (path) => replace(path, (to) => symlinkSync('/nowhere', to))],
  ['is replaced by a fifo', (path) => replace(path, (to) => run('mkfifo', [to]))],
  ['goes with its directory', (path) => rmSync(dirname(path), { recursive: true })],
];

function writeAt(path: string, position: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, 'X', position);
  closeSync(fd);
}

function replace(path: string, make: Change): void {
  unlinkSync(path);
  make(path);
}

function becomeSymlink(path: string): void {
  renameSync(path, `${path}-moved`);
  symlinkSync(`${basename(path)}-moved`, path);
}

function becomeWrittenFifo(path: string): void {
  replace(path, (to) => run('mkfifo', [to]));
  const fd = openSync(path, 'r+');
  onTestFinished(() => closeSync(fd));
}

function becomeFile(path: string): void {
  rmSync(path, { recursive: true });
  writeFileSync(path, 'a file');
}

const oracle = clientTest('mkfifo');

describe.each(CHANGES_OF_LATER)('a later file that %s', (_name, change) => {
  oracle.each(READ_TARGETS)('fails the build, and leaves nothing of $name', async (target) => {
    const { source, later } = makeSource();
    const error = await expectNothingLeft(
      target,
      { root: source },
      once(() => change(later)),
    );
    expectChanged(error, later);
  });
});

const CHANGES_OF_KIND: readonly (readonly [name: string, change: Change])[] = [
  ['is replaced by a fifo that has a writer', (path) => becomeWrittenFifo(path)],
  ['is replaced by a directory', (path) => replace(path, (to) => mkdirSync(to))],
  ['has its directory become a file', (path) => becomeFile(dirname(path))],
];

oracle.each(CHANGES_OF_KIND)('a later file that %s fails the build as any other change does', async (_name, change) => {
  const { source, later } = makeSource();
  const error = await expectNothingLeft(
    READ_TARGETS[0]!,
    { root: source },
    once(() => change(later)),
  );
  expectChanged(error, later);
});

describe.each([...CHANGES_OF_LATER, ...CHANGES_OF_KIND])('a file that is listed, and later %s', (name, change) => {
  oracle.each(LISTED_TARGETS)('is in $name what it is then, or fails the build', async (target) => {
    const { source, later } = makeSource();
    const context = once(() => change(later));
    if (/deleted|directory become a file|goes with/.test(name)) {
      expectChanged(await expectNothingLeft(target, { root: source }, context), later);
      return;
    }
    const output = join(scratchDirectory(), 'out');
    const { layers } = await buildImage({ ...target.spec, root: source, output }, context);
    expect(await buildImage({ ...target.spec, root: source, output })).toMatchObject({ layers });
  });
});

const CHANGES_OF_OPEN: readonly (readonly [name: string, change: Change])[] = [
  ['shrinks to what was read', (path) => truncateSync(path, MIB)],
  ['shrinks by a byte', (path) => truncateSync(path, 3 * MIB - 1)],
  ['is emptied', (path) => truncateSync(path, 0)],
  ['grows by a byte', (path) => appendFileSync(path, 'x')],
  ['is rewritten', (path) => writeFileSync(path, Buffer.alloc(3 * MIB, 'x'))],
  ['has a byte changed that was read', (path) => writeAt(path, 10)],
  ['has a byte changed that was not read', (path) => writeAt(path, 3 * MIB - 10)],
];

describe.each(CHANGES_OF_OPEN)('a file that %s while it is read', (_name, change) => {
  test.each(TARGETS)('fails the build, and leaves nothing of $name', async (target) => {
    const { source, reading } = makeSource();
    const error = await expectNothingLeft(
      target,
      { root: source },
      once(() => change(reading)),
    );
    expectChanged(error, reading);
  });
});

const EMPTY_CHANGES: readonly (readonly [name: string, change: Change])[] = [
  ['is written to', (path) => writeFileSync(path, 'x')],
  ['is deleted', (path) => unlinkSync(path)],
  ['is replaced by a fifo', (path) => replace(path, (to) => run('mkfifo', [to]))],
  ['is replaced by a symlink', (path) => replace(path, (to) => symlinkSync('a-first', to))],
  ['is replaced by a directory', (path) => replace(path, (to) => mkdirSync(to))],
];

oracle.each(EMPTY_CHANGES)('an empty file that %s fails the build', async (_name, change) => {
  const { source, empty } = makeSource();
  const error = await expectNothingLeft(
    READ_TARGETS[0]!,
    { root: source },
    once(() => change(empty)),
  );
  expectChanged(error, empty);
});

test('a file of another layer fails the build, too', async () => {
  const { source, later } = makeSource();
  const paths = [join(source, 'a-first'), join(source, 'b')];
  for (const target of READ_TARGETS.slice(1)) {
    const context = once(() => appendFileSync(later, 'x'));
    expectChanged(await expectNothingLeft(target, { paths, maxLayers: 5 }, context), later);
    truncateSync(later, 5000);
    utimesSync(later, 1_600_000_000, 1_600_000_000);
  }
});

describe('layers by size whose members are listed', () => {
  const bySize = (source: string): BuildSpec => ({ paths: [join(source, 'a-first'), join(source, 'b')], maxLayers: 5 });

  test.each(LISTED_TARGETS)('fail in $name when one of them has become larger', async (target) => {
    const { source, later } = makeSource();
    const context = once(() => appendFileSync(later, 'x'.repeat(5000)));
    const error = await expectNothingLeft(target, bySize(source), context);
    expect(`${error.code}: ${error.message}`).toMatch(
      /^SOURCE_CHANGED: Cannot write layer 2: .*measured as 10240 bytes, and has 20480$/,
    );
  });

  test('have what their files are when they are opened, where that takes no more room', async () => {
    const { source, later } = makeSource();
    const output = join(scratchDirectory(), 'out');
    const context = once(() => appendFileSync(later, 'x'));
    const { layers } = await buildImage({ ...bySize(source), output }, context);
    expect(await buildImage({ ...bySize(source), output })).toMatchObject({ layers });
  });
});

test('the database fails the build, too', async () => {
  const { source, later } = makeSource();
  const sources = { add: [`${join(source, 'a-first')}=/a`], database: later, prefix: '/profile', transform: ['/c=/d'] };
  const error = await expectNothingLeft(
    READ_TARGETS[0]!,
    sources,
    once(() => truncateSync(later, 1)),
  );
  expectChanged(error, later);
});

test('a file that is touched after it was read changes nothing', async () => {
  const { source, reading } = makeSource();
  const output = join(scratchDirectory(), 'out');
  await buildImage(
    { root: source, output },
    once(
      () => writeFileSync(reading, 'x'),
      (done) => done > 3 * MIB + 5000,
    ),
  );
  expect(existsSync(output)).toBe(true);
});

describe('a file that changes between the two reads of a stream', () => {
  const afterFirstRead = (change: () => void): BuildContext => once(change, (done, total) => done >= total);

  const changes: readonly (readonly [name: string, change: Change])[] = [
    ['shrinks', (path) => truncateSync(path, 100)],
    ['grows', (path) => appendFileSync(path, 'x')],
    ['is rewritten', (path) => writeFileSync(path, Buffer.alloc(5000, 'x'))],
    ['is deleted', (path) => unlinkSync(path)],
    ['is replaced by a fifo', (path) => replace(path, (to) => run('mkfifo', [to]))],
  ];

  oracle.each(changes)('%s: an error that names it', async (_name, change) => {
    const { source, later } = makeSource();
    const fifo = join(scratchDirectory(), 'fifo');
    run('mkfifo', [fifo]);
    const reader = spawn('cat', [fifo], { stdio: ['ignore', 'ignore', 'inherit'] });
    const closed = new Promise((resolve) => reader.on('close', resolve));
    const error = await failureOf(
      buildImage(
        { root: source, output: fifo },
        afterFirstRead(() => change(later)),
      ),
    );
    // The stream ends, so that its reader does not wait for ever.
    await closed;
    expectChanged(error, later);
  });

  oracle.each(changes)('%s: a compressed archive is not there', async (_name, change) => {
    const { source, later } = makeSource();
    const target: Target = { name: '', spec: { compression: 'gzip' }, exists: true };
    const error = await expectNothingLeft(
      target,
      { root: source },
      afterFirstRead(() => change(later)),
    );
    expectChanged(error, later);
  });

  oracle('keeps its size and its time: an error, by the digest of its layer', async () => {
    const { source, later } = makeSource();
    const target: Target = { name: '', spec: { compression: 'gzip' }, exists: false };
    const change = (): void => {
      writeFileSync(later, Buffer.alloc(5000, 'x'));
      utimesSync(later, 1_600_000_000, 1_600_000_000);
    };
    const error = await expectNothingLeft(target, { root: source }, afterFirstRead(change));
    expect(error).toMatchObject({ code: 'SOURCE_CHANGED', message: expect.stringContaining('sources changed') });
  });
});

describe('an existing layout', () => {
  /** A layout with an image of one item, and a build of that item and others. */
  async function makeLayout(): Promise<{ layout: string; items: string[]; before: string[] }> {
    const scratch = scratchDirectory();
    const items = [3 * MIB, 2 * MIB, MIB].map((size, index) => {
      const path = join(scratch, 'store', `item-${index}`);
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'file'), Buffer.alloc(size, `${index}`));
      return path;
    });
    const layout = join(scratch, 'layout');
    await buildImage({ paths: [items[0]!], maxLayers: 5, tag: ['one:1'], format: 'oci-layout', output: layout });
    return { layout, items, before: snapshot(layout) };
  }

  test('loses the blobs that a failed build added, and keeps those that it shares', async () => {
    const { layout, items, before } = await makeLayout();
    const change = once(() => truncateSync(join(items[2]!, 'file'), 1));
    const spec: BuildSpec = { paths: items, maxLayers: 5, tag: ['two:2'], format: 'oci-layout', output: layout };
    expectChanged(await failureOf(buildImage(spec, change)), join(items[2]!, 'file'));
    expect(snapshot(layout)).toEqual(before);
  });

  test('is whole again when the same build succeeds', async () => {
    const { layout, items } = await makeLayout();
    const spec: BuildSpec = { paths: items, maxLayers: 5, tag: ['two:2'], format: 'oci-layout', output: layout };
    await failureOf(
      buildImage(
        spec,
        once(() => truncateSync(join(items[2]!, 'file'), 1)),
      ),
    );
    const { manifest } = await buildImage(spec);
    const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
    expect(index.manifests.map(({ digest }) => digest)).toContain(manifest);
    for (const name of readdirSync(join(layout, 'blobs/sha256'))) {
      expect(sha256(readFileSync(join(layout, 'blobs/sha256', name)))).toBe(`sha256:${name}`);
    }
  });

  test('that is an empty directory is empty again', async () => {
    const { source, later } = makeSource();
    const layout = scratchDirectory();
    const spec: BuildSpec = { root: source, format: 'oci-layout', output: layout };
    expectChanged(
      await failureOf(
        buildImage(
          spec,
          once(() => unlinkSync(later)),
        ),
      ),
      later,
    );
    expect(readdirSync(layout)).toEqual([]);
  });
});

describe('an aborted build leaves nothing', () => {
  test.each(TARGETS)('of $name', async (target) => {
    const { source } = makeSource();
    const controller = new AbortController();
    const { onProgress } = once(() => controller.abort(new Error('stop')));
    const context: BuildContext = { ...(onProgress && { onProgress }), signal: controller.signal };
    expect(await expectNothingLeft(target, { root: source }, context)).toMatchObject({ code: 'ABORTED' });
  });

  test.each(TARGETS)('of $name, when it was aborted before', async (target) => {
    const { source } = makeSource();
    const error = await expectNothingLeft(target, { root: source }, { signal: AbortSignal.abort(new Error('stop')) });
    expect(error).toMatchObject({ code: 'ABORTED' });
  });
});

test.each(TARGETS)('a progress callback that throws leaves nothing of $name', async (target) => {
  const { source } = makeSource();
  const context = once(() => {
    throw new Error('from the callback');
  });
  const error = await expectNothingLeft(target, { root: source }, context);
  expect(error.message).toBe('from the callback');
});
