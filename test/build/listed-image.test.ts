import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BuildContext, type BuildSpec, type BuiltImage, buildImage, type TarsealError } from '../../src/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';

interface Made {
  readonly bytes: Buffer;
  readonly image: Omit<BuiltImage, 'output'>;
  readonly told: readonly string[];
}

/** Builds to a file, where members are packed as they are listed if they can be, and says whether they were. */
async function buildFile(spec: BuildSpec, context: BuildContext = {}): Promise<Made & { readonly isListed: boolean }> {
  const output = join(scratchDirectory(), 'out');
  const told: string[] = [];
  let isListed = false;
  let packed = 0;
  const { output: _, ...image } = await buildImage(
    { ...spec, output },
    // How much comes nobody knows of what is only listed.
    {
      onProgress(done, total) {
        packed = done;
        isListed ||= total === Infinity;
      },
      onWarning: (message) => told.push(message),
      ...context,
    },
  );
  if (context.onProgress === undefined) {
    const ownLayers = image.layers.filter(({ isBase }) => !isBase);
    expect(packed).toBe(ownLayers.reduce((sum, { tarSizeBytes }) => sum + tarSizeBytes, 0));
  }
  return { bytes: readFileSync(output), image, told, isListed };
}

/** Builds to a sink, for which all sources are looked at before anything is packed. */
async function buildStream(spec: BuildSpec): Promise<Made> {
  const chunks: Buffer[] = [];
  const told: string[] = [];
  const { output: _, ...image } = await buildImage(spec, {
    sink: (chunk) => void chunks.push(Buffer.from(chunk)),
    onWarning: (message) => told.push(message),
  });
  return { bytes: Buffer.concat(chunks), image, told };
}

/** Holds both ways to give the same. @returns whether members were listed */
async function expectSame(spec: BuildSpec): Promise<boolean> {
  const { isListed, ...file } = await buildFile(spec);
  const { bytes, ...stream } = await buildStream(spec);
  expect(describeDifference(bytes, file.bytes)).toBeUndefined();
  expect({ image: file.image, told: file.told }).toEqual(stream);
  return isListed;
}

/** Makes `path` with its parents, whatever the umask. */
function write(path: string, content: string = path.slice(-20), mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

/** A directory of a few files, links and directories. */
function makeSource(root: string, name: string): string {
  const source = join(root, name);
  write(join(source, 'bin/run'), '#!/bin/sh', 0o755);
  write(join(source, 'bin/set'), 'x', 0o6711);
  write(join(source, 'etc/empty'), '');
  write(join(source, 'etc/deep/er/file'), 'y'.repeat(5000), 0o600);
  write(join(source, `etc/${'long'.repeat(40)}`), name);
  mkdirSync(join(source, 'var/empty'), { recursive: true });
  chmodSync(join(source, 'var'), 0o700);
  symlinkSync('bin/run', join(source, 'link'));
  run('mkfifo', [join(source, 'var/fifo')]);
  return source;
}

const HASHES = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(32));

/** A store of four items, of which one is a file, each referring to those behind it. */
function makeStore(root: string): Pick<BuildSpec, 'store' | 'graph' | 'paths'> {
  const items = HASHES.map((hash, index) => `/nix/store/${hash}-item-${index}`);
  for (const [index, item] of items.entries())
    if (index === 2) write(join(root, 'store', basename(item)), 'an item that is a file');
    else makeSource(join(root, 'store'), basename(item));
  const graph = join(root, 'graph.json');
  writeFileSync(graph, JSON.stringify(items.map((path, index) => ({ path, references: items.slice(index + 1) }))));
  return { store: { source: join(root, 'store'), destination: '/nix/store' }, graph, paths: [items[0]!] };
}

const oracle = clientTest('mkfifo');
const awkward = clientTest('mkfifo', 'mknod');

describe('an image whose members are listed is the one whose sources were all looked at', () => {
  oracle('whatever it is made of', async () => {
    const root = scratchDirectory();
    const [one, two] = [makeSource(root, 'one'), makeSource(root, 'two')];
    write(join(root, 'plain'), 'a file by itself', 0o640);
    const store = makeStore(root);
    const base = join(root, 'base.tar');
    const shared = { '/one/etc/shared': { content: 'of the base' }, '/usr/x': { content: 'y' } };
    await buildImage({ files: shared, directory: ['/usr:0711:3:4'], output: base });
    const options: Readonly<Record<string, BuildSpec>> = {
      'a second source': { add: [`${one}=/one`, `${two}=/usr/two`] },
      'a source before another': { add: [`${two}=/z`, `${one}=/a`, `${join(root, 'plain')}=/m/plain`] },
      'a root': { root },
      'a source in another': { add: [`${one}=/one`, `${two}=/one/etc/two`] },
      'a source twice': { add: [`${one}=/one`, `${one}=/one`] },
      'a source over another': { add: [`${one}/etc=/one`, `${two}/bin=/one`] },
      store,
      'a store in few layers': { ...store, maxLayers: 3 },
      'a store in one layer': { ...store, layers: 'single' },
      'a store by size': { ...store, layers: 'size' },
      'contents of the store': { ...store, contents: store.paths! },
      base: { from: base, add: [`${one}=/one`] },
      'owners of contents': { contentsOwner: '5:6' },
      directives: {
        symlink: ['/usr/bin=../one/bin'],
        directory: ['/one:0700:8:9', '/tmp:1777'],
        preset: ['tmp,passwd'],
      },
      files: { files: { '/etc/a': { content: 'a'.repeat(70_000), mode: '0400' }, '/z': { content: '' } } },
      'a directive in a source': { directory: ['/one/etc/new'] },
      'a database': { database: join(root, 'plain'), prefix: '/one' },
      owner: { owner: 'me:1000', group: ':1001', mtime: '@77' },
      mode: { mode: 'go+u,go-w,u+X' },
      chmod: { chmod: ['**/run=0111', '**/etc/**=0640', '/nowhere=0777'] },
      chown: { chown: ['**/bin/**=1:2', '/one=3:4', '/none=5:6', '**/link=7:8'] },
      exclude: { exclude: ['**/deep', '/usr/two/bin', '**/link'] },
      'an exclusion of all': { exclude: ['/*'] },
      transform: { transform: ['/one=/two'] },
      gnu: { tarFormat: 'gnu' },
      posix: { tarFormat: 'posix' },
      oci: { format: 'oci-archive' },
    };
    const outcomes = new Set<boolean>();
    await fc.assert(
      fc.asyncProperty(fc.subarray(Object.keys(options), { maxLength: 5 }), async (names) => {
        const spec: BuildSpec = Object.assign({ add: [`${one}=/one`] }, ...names.map((name) => options[name]));
        const whole = { ...spec, tag: ['listed:1'], created: '@5' };
        const failure = await buildStream(whole).then(
          () => undefined,
          ({ code, message }: TarsealError) => ({ code, message }),
        );
        if (failure === undefined) outcomes.add(await expectSame(whole));
        else expect(await failureOf(whole)).toMatchObject(failure);
      }),
      { numRuns: 120, examples: Object.keys(options).map((name): [string[]] => [[name]]) },
    );
    expect(outcomes).toEqual(new Set([true, false]));
  });

  awkward.each(['ustar', 'gnu', 'posix'] as const)('of an awkward tree, in %s', async (tarFormat) => {
    const root = scratchDirectory();
    makeAwkwardTree(root);
    const rules = { chmod: ['**/sizes/*=0604'], chown: ['**/deep/**=9:10'], mode: 'g=o' };
    expect(await expectSame({ add: [`${root}=/a`], tarFormat })).toBe(true);
    expect(await expectSame({ root, tarFormat, ...rules })).toBe(true);
  });

  clientTest('python3')('with its warnings, in their order and once', async () => {
    const root = scratchDirectory();
    const sockets = ['z/one', 'a/two', 'a/deep/three', 'store/four'].map((name) => join(root, name));
    for (const path of sockets) {
      mkdirSync(dirname(path), { recursive: true });
      run('python3', ['-c', 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', path]);
    }
    const spec: BuildSpec = {
      paths: [join(root, 'store')],
      add: [`${join(root, 'z')}=/z`, `${join(root, 'a')}=/a`],
      directory: ['/d:0700'],
      mode: 'go+u',
      chmod: ['/nothing=0700'],
    };
    const { told, isListed } = await buildFile(spec);
    expect(isListed).toBe(true);
    expect(told).toEqual([
      ...[3, 0, 2, 1].map((index) => `"${sockets[index]}" is a socket and is left out`),
      '--mode changes "/d" from the 0700 that was given for it to 0777; --chmod comes after it',
      '--chmod "/nothing=0700" matches nothing',
    ]);
    await expectSame(spec);
  });
});

async function failureOf(spec: BuildSpec, context: BuildContext = {}): Promise<TarsealError> {
  return buildFile(spec, context).then(
    () => {
      throw new Error('the build succeeded');
    },
    (error: unknown) => error as TarsealError,
  );
}

describe('an output in a source', () => {
  /** Builds over an output that is there, among files of its source. */
  async function buildOver(root: string, output: string): Promise<{ warnings: readonly string[]; isListed: boolean }> {
    let isListed = false;
    const { warnings } = await buildImage(
      { add: [`${root}=/r`], output },
      { onProgress: (_done, total) => (isListed = total === Infinity) },
    );
    return { warnings, isListed };
  }

  function makeTree(): { root: string; output: string } {
    const root = scratchDirectory();
    for (const name of ['a', 'd/image.tar', 'd/other', 'z']) write(join(root, name));
    return { root, output: join(root, 'd/image.tar') };
  }

  test('is no member, and others of its name are', async () => {
    const { root, output } = makeTree();
    write(join(root, 'e/image.tar'), 'another');
    const warnings = [`"${output}" is the output and is left out`];
    expect(await buildOver(root, output)).toEqual({ warnings, isListed: true });
    const listed = run('tar', ['-xOf', output, 'manifest.json']).toString();
    const [{ Layers: layers }] = JSON.parse(listed) as [{ Layers: [string] }];
    const members = run('sh', ['-c', `tar -xOf '${output}' ${layers[0]} | tar -t`]).toString();
    expect(members.trim().split('\n')).toEqual(['r/', 'r/a', 'r/d/', 'r/d/other', 'r/e/', 'r/e/image.tar', 'r/z']);
  });

  test('is no member under another name either, and each name is told once', async () => {
    const { root, output } = makeTree();
    for (const name of ['b', 'd/y']) linkSync(output, join(root, name));
    const warnings = ['b', 'd/image.tar', 'd/y'].map((name) => `"${join(root, name)}" is the output and is left out`);
    expect(await buildOver(root, output)).toEqual({ warnings, isListed: false });
  });
});

describe('what is wrong with the sources is told as ever', () => {
  const WRONG: Readonly<Record<string, (source: string) => BuildSpec>> = {
    'a name that is a whiteout': (source) => {
      write(join(source, 'deep/.wh.x'));
      return {};
    },
    'a name that the format has no place for': (source) => {
      write(join(source, 'n'.repeat(200)));
      return { strict: true };
    },
    'an owner that it has no place for': () => ({ chown: ['**/a=99999999:1'], strict: true }),
    'a source that is not there': (source) => ({ add: [`${source}=/s`, `${source}-not=/t`] }),
    'sources for one path': (source) => {
      write(join(source, 'x/y'));
      return { add: [`${source}=/s`, `${source}/a=/s/x/y`] };
    },
    'a rule that is none': () => ({ chmod: ['nothing'] }),
  };
  test.each(Object.entries(WRONG))('%s', async (_name, change) => {
    const root = scratchDirectory();
    const source = join(root, 's');
    write(join(source, 'a'));
    const spec = { add: [`${source}=/s`], ...change(source) };
    const { name, code, message } = await failureOf(spec);
    const expected = buildStream(spec).catch((error: TarsealError) => [error.name, error.code, error.message]);
    expect([name, code, message]).toEqual(await expected);
  });

  test('what the base has in the place of something', async () => {
    const root = scratchDirectory();
    const base = join(root, 'base.tar');
    await buildImage({ files: { '/s/a/x': { content: '' } }, output: base });
    write(join(root, 's/a'));
    const error = await failureOf({ from: base, add: [`${join(root, 's')}=/s`] });
    expect(error).toMatchObject({
      code: 'TREE_CONFLICT',
      message: expect.stringContaining('over the base image: it is a file, and in the base a directory'),
    });
  });
});

describe('a build that fails leaves nothing, and is not done again', () => {
  const device = existsSync('/dev/full') ? test : test.skip;

  test('when it is aborted', async () => {
    const root = scratchDirectory();
    write(join(root, 's/a'), 'x'.repeat(2 << 20));
    mkdirSync(join(root, 'o'));
    const controller = new AbortController();
    let ready = 0;
    const error = await buildImage(
      { add: [`${root}/s=/s`], output: join(root, 'o/out') },
      { signal: controller.signal, onReady: () => ready++, onProgress: () => controller.abort() },
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ABORTED' });
    expect(ready).toBe(1);
    expect(readdirSync(join(root, 'o'))).toEqual([]);
  });

  device('when the output has no room', async () => {
    const root = scratchDirectory();
    write(join(root, 's/a'), 'x'.repeat(2 << 20));
    const mount = join(root, 'small');
    mkdirSync(mount);
    const program = `ulimit -f 1024; trap '' XFSZ; exec "$0" --input-type=module -e '
      import { buildImage } from "${new URL('../../dist/index.js', import.meta.url).href}";
      let ready = 0;
      await buildImage({ add: ["${root}/s=/s"], output: "${mount}/out" }, { onReady: () => ready++ }).then(
        () => console.log("built"), ({ code, message }) => console.log(ready, code, message));'`;
    const printed = run('sh', ['-c', program, process.execPath]).toString();
    expect(printed).toBe(
      `1 OUTPUT_FAILED Cannot write the output "${mount}/out": the file is larger than the system allows (EFBIG)\n`,
    );
    expect(readdirSync(mount)).toEqual([]);
  });
});
