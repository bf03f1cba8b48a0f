import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type BuildSpec, type BuiltImage, buildImage, readBuildSpec } from '../../src/index.js';
import { readJson, sha256 } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { type BuildReport, buildToFile, PROGRAM } from '../support/tarseal.js';

/** A value of every key, of the kind that the type has: a key that is missing here or too many does not compile. */
const EVERY_KEY: Required<BuildSpec> = {
  paths: ['item'],
  add: ['source=/opt/source', 'source/file=/etc/one=two'],
  root: 'root',
  contents: ['contents'],
  contentsOwner: '3:4',
  preset: ['tmp', 'nsswitch,usr-bin-env'],
  store: { source: 'stores', destination: '/nix/store' },
  symlink: ['/bin=/opt/bin'],
  directory: ['/tmp:1777', '/var/lib/app:0750:1000:1000'],
  files: { '/etc/motd': { content: 'ünïcode\n' }, 'usr/bin/start': { content: '#!/bin/sh\n', mode: '0755' } },
  transform: ['/opt/source=/opt/app'],
  exclude: ['**/*.o'],
  chown: ['/opt/app/**=7:8'],
  chmod: ['/etc/motd=0600'],
  mode: 'go-w',
  owner: 'build:1000',
  group: 'users:100',
  mtime: '@5',
  database: 'db',
  prefix: 'item',
  tag: ['test:1', 'test:2'],
  entrypoint: ['bin/run', '--flag'],
  cmd: '["a", "b"]',
  env: ['A=1', 'B='],
  label: ['k=v', 'l='],
  user: '1000:1000',
  workdir: '/srv',
  expose: ['80', '53/udp'],
  volume: ['/data'],
  stopSignal: 'SIGTERM',
  config: { Labels: { base: 'yes' } },
  platform: 'linux/arm64/v8',
  system: 'aarch64-linux',
  created: '2020-01-01T00:00:00Z',
  annotation: ['org.example=x'],
  from: 'base.tar:app:1',
  layers: 'size',
  graph: 'graph',
  scan: 'stores',
  maxLayers: 4,
  dialect: 'native',
  tarFormat: 'posix',
  strict: false,
  output: 'out.tar',
  format: 'docker-archive',
  layerCompression: 'gzip:3',
  compression: 'none',
  codec: 'gzip-fflate-1',
  jobs: 2,
  hashEngine: 'auto',
};

interface Schema {
  readonly additionalProperties: boolean;
  readonly properties: Readonly<Record<string, { readonly enum?: readonly string[] }>>;
}

const SCHEMA = readJson<Schema>(new URL('../../src/build/spec-schema.json', import.meta.url).pathname);

/** A directory with everything that {@link EVERY_KEY} names. */
function makeSources(): string {
  const directory = scratchDirectory();
  for (const [name, content] of Object.entries({
    'item/bin/run': 'run',
    'item/lib.o': 'excluded',
    'source/file': 'file',
    'source/sub/other': 'other',
    'root/etc/passwd': 'root:x:0:0',
    'contents/share/file': 'content',
    'stores/00000000000000000000000000000000-x/file': 'item',
    db: 'database',
    'config.json': '{"Labels":{"base":"yes"},"User":"nobody"}',
  })) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

function writeSpec(directory: string, spec: unknown, name = 'spec.json'): string {
  const path = join(directory, name);
  writeFileSync(
    path,
    name.endsWith('.json') ? JSON.stringify(spec) : typeof spec === 'string' ? spec : stringify(spec),
  );
  return path;
}

function without(spec: BuildSpec, ...keys: readonly (keyof BuildSpec)[]): BuildSpec {
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !keys.includes(key as keyof BuildSpec)));
}

describe('the schema and the type', () => {
  test('have the same keys', () => {
    expect(Object.keys(SCHEMA.properties).sort()).toEqual(['$schema', ...Object.keys(EVERY_KEY)].sort());
    expect(SCHEMA.additionalProperties).toBe(false);
  });

  test('agree about a value of every key', async () => {
    const directory = makeSources();
    for (const [key, value] of Object.entries(EVERY_KEY)) {
      const spec = await readBuildSpec(writeSpec(directory, { [key]: value }));
      expect(Object.keys(spec), key).toEqual([key]);
    }
  });

  test('have the same words where only some are allowed', () => {
    // Each object must name all words of its type, and no other: else it does not compile.
    const words: {
      readonly [K in 'layers' | 'dialect' | 'tarFormat' | 'format' | 'hashEngine']: Record<
        NonNullable<BuildSpec[K]>,
        true
      >;
    } = {
      layers: { single: true, size: true, popularity: true },
      dialect: { native: true, guix: true, nix: true },
      tarFormat: { ustar: true, gnu: true, posix: true },
      format: { 'docker-archive': true, 'oci-archive': true, 'oci-layout': true },
      hashEngine: { auto: true, wasm: true, native: true },
    };
    for (const [key, known] of Object.entries(words)) expect(SCHEMA.properties[key]!.enum).toEqual(Object.keys(known));
  });

  test('is the schema that the package exports', () => {
    const { exports, files } = readJson<{ exports: Record<string, unknown>; files: string[] }>(
      new URL('../../package.json', import.meta.url).pathname,
    );
    expect(exports['./schema.json']).toBe('./dist/build/spec-schema.json');
    expect(files).toContain('dist');
  });
});

describe('a specification gives the image of the same options', () => {
  // What exclude each other are in two of them.
  const cases: readonly (readonly [name: string, spec: BuildSpec])[] = [
    ['of almost every key', without(EVERY_KEY, 'system', 'graph', 'from', 'output')],
    ['with a system', without(EVERY_KEY, 'platform', 'graph', 'from', 'output')],
    [
      'with a config file',
      { ...without(EVERY_KEY, 'system', 'graph', 'from', 'output', 'config'), config: 'config.json' },
    ],
    ['of one layer', without(EVERY_KEY, 'system', 'graph', 'scan', 'from', 'output', 'layers', 'maxLayers')],
    ['in the guix dialect', { paths: ['item'], dialect: 'guix', symlink: ['/bin=x'], tag: ['Name'], created: '@1' }],
    ['of files alone', { files: EVERY_KEY.files, tag: ['x'] }],
  ];

  async function digestOf(build: Promise<BuiltImage>, output: string): Promise<string[]> {
    const { image } = await build;
    return [image, sha256(readFileSync(output))];
  }

  test.each(cases)('%s', async (_name, spec) => {
    const directory = makeSources();
    const outputs = scratchDirectory();
    const output = (name: string): { output: string } => ({ output: join(outputs, name) });
    const expected = await digestOf(
      buildImage({ ...spec, ...output('given') }, { cwd: directory }),
      output('given').output,
    );
    for (const name of ['spec.json', 'spec.yaml', 'spec.yml', 'spec']) {
      const read = await readBuildSpec(writeSpec(directory, spec, name));
      expect(await digestOf(buildImage({ ...read, ...output(name) }), output(name).output), name).toEqual(expected);
    }
    const relative = await readBuildSpec('spec.yaml', directory);
    expect(await digestOf(buildImage({ ...relative, ...output('cwd') }), output('cwd').output)).toEqual(expected);
  });

  test('written by hand in YAML, with comments, anchors and blocks', async () => {
    const directory = makeSources();
    const yaml = [
      '# yaml-language-server: $schema=node_modules/tarseal/schema.json',
      '$schema: ./schema.json',
      'add: &sources',
      '  - source=/opt/source   # a comment',
      'files:',
      '  /etc/motd:',
      '    content: |',
      '      one',
      '      two',
      '    mode: "0600"',
      "env: ['A=1', B=]",
      'label: []',
      'maxLayers: 3',
      'strict: no-such-thing',
      '',
    ];
    writeSpec(directory, yaml.filter((line) => !line.startsWith('strict')).join('\n'), 'spec.yaml');
    const read = await readBuildSpec(join(directory, 'spec.yaml'));
    expect(read).toEqual({
      add: [{ source: `${directory}/source`, destination: '/opt/source' }],
      files: { '/etc/motd': { content: 'one\ntwo\n', mode: '0600' } },
      env: ['A=1', 'B='],
      label: [],
      maxLayers: 3,
    });
    writeSpec(directory, yaml.join('\n'), 'spec.yaml');
    await expect(readBuildSpec(join(directory, 'spec.yaml'))).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      message: expect.stringMatching(/"strict" must be boolean, and is "no-such-thing"/),
    });
  });

  test('with names that objects have by themselves', async () => {
    const directory = makeSources();
    const names = ['__proto__', 'constructor', 'toString', '1', '0'];
    const json = `{"files": {${names.map((name) => `"/x/${name}": {"content": "c"}, "${name}": {"content": "d"}`).join(',')}},
      "label": ["__proto__=x", "constructor=y"], "tag": ["t"]}`;
    writeFileSync(join(directory, 'spec.json'), json);
    const output = join(directory, 'out.tar');
    const { layers } = await buildImage({ ...(await readBuildSpec(join(directory, 'spec.json'))), output });
    expect([...layers[0]!.items].sort()).toEqual(
      [...names, ...names.map((name) => `x/${name}`)].map((name) => `/${name}`).sort(),
    );
  });
});

describe('relative paths begin at the directory of the file', () => {
  test('all of them, and nothing else', async () => {
    const directory = makeSources();
    mkdirSync(join(directory, 'specs/deep'), { recursive: true });
    const up = (path: string): string => `../../${path}`;
    const spec = {
      ...EVERY_KEY,
      paths: [up('item')],
      add: [up('source=/opt/source')],
      root: up('root'),
      contents: [up('contents')],
      store: up('stores=/nix/store'),
      graph: up('graph'),
      scan: up('stores'),
      database: up('db'),
      from: up('item:tag'),
      prefix: up('item'),
      config: up('config.json'),
      output: up('out.tar'),
    };
    const read = await readBuildSpec(writeSpec(join(directory, 'specs/deep'), spec));
    expect(read).toEqual({
      ...spec,
      paths: [`${directory}/item`],
      // SRC of SRC=DEST is only given a directory: where it ends is known when it is looked for.
      add: [{ source: `${directory}/source`, destination: '/opt/source' }],
      root: `${directory}/root`,
      contents: [`${directory}/contents`],
      store: { source: `${directory}/stores`, destination: '/nix/store' },
      graph: `${directory}/graph`,
      // What lies below the SRC of --store is called as in the image.
      scan: '/nix/store',
      database: `${directory}/db`,
      from: { path: `${directory}/item`, reference: 'tag' },
      prefix: `${directory}/item`,
      config: `${directory}/config.json`,
      output: `${directory}/out.tar`,
    });
  });

  test('whatever the working directory and the way to the file', async () => {
    const directory = makeSources();
    writeSpec(directory, { root: 'root' });
    for (const [path, cwd] of [
      ['spec.json', directory],
      ['./spec.json', directory],
      ['root/../spec.json', directory],
      [`${directory.split('/').at(-1)}/spec.json`, join(directory, '..')],
      ['../spec.json', join(directory, 'root')],
      [join(directory, 'spec.json'), '/'],
      [join(directory, 'spec.json'), undefined],
    ] as const) {
      expect(await readBuildSpec(path, cwd)).toEqual({ root: `${directory}/root` });
    }
  });

  test('in a directory with an equals sign', async () => {
    const directory = join(scratchDirectory(), 'a=b');
    mkdirSync(directory);
    writeFileSync(join(directory, 'f=g'), 'x');
    const spec = await readBuildSpec(writeSpec(directory, { add: ['f=g=/x=y'] }));
    const { layers } = await buildImage({ ...spec, output: join(directory, 'out') });
    expect(layers[0]!.items).toEqual(['/x=y']);
  });

  test('an output of - is standard output, and one with a slash at its end stays a directory', async () => {
    const directory = scratchDirectory();
    expect(await readBuildSpec(writeSpec(directory, { output: '-' }))).toEqual({ output: '-' });
    expect(await readBuildSpec(writeSpec(directory, { output: 'layout/' }))).toEqual({
      output: `${directory}/layout/`,
    });
  });
});

describe('options win over the file', () => {
  function fromCommandLine(
    spec: BuildSpec,
    args: readonly string[],
    directory = makeSources(),
  ): BuildReport & { config: ImageConfig } {
    const file = writeSpec(directory, spec);
    const output = join(scratchDirectory(), 'out.tar');
    const report = buildToFile(['--spec', file, ...args], output);
    const layout = spawnSync('tar', ['-xOf', output, `blobs/sha256/${report.image.slice(7)}`]);
    return { ...report, config: JSON.parse(layout.stdout.toString()) as ImageConfig };
  }

  interface ImageConfig {
    readonly architecture: string;
    readonly created: string;
    readonly config: Readonly<Record<string, unknown>>;
  }

  const base: BuildSpec = {
    files: { '/file': { content: 'x' } },
    tag: ['file:1'],
    env: ['FILE=1'],
    user: 'file',
    platform: 'linux/arm64',
    created: '@5',
    entrypoint: ['/file'],
  };

  test('each by itself, and lists as a whole', () => {
    const report = fromCommandLine(base, ['-t', 'option:1', '-t', 'option:2', '--env', 'OPTION=1', '--created', '@7']);
    expect(report.tags).toEqual(['option:1', 'option:2']);
    expect(report.config).toMatchObject({
      architecture: 'arm64',
      created: '1970-01-01T00:00:07Z',
      config: { Env: ['OPTION=1'], User: 'file', Entrypoint: ['/file'] },
    });
  });

  test('paths, too', () => {
    const directory = makeSources();
    const report = fromCommandLine({ paths: ['item'] }, [join(directory, 'source'), '--created', '@1'], directory);
    expect(report.layers[0]!.items).toEqual([`${directory}/source`]);
  });

  test('relative ones begin at the working directory', () => {
    const directory = makeSources();
    const file = writeSpec(directory, { root: 'root', output: 'of-file.tar', tag: ['x'] });
    const elsewhere = scratchDirectory();
    mkdirSync(join(elsewhere, 'root'));
    writeFileSync(join(elsewhere, 'root/only-here'), 'x');
    const args = [PROGRAM, 'build', '--spec', file, '--root', 'root', '-o', 'out.tar', '--json'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: elsewhere });
    expect(stderr.toString()).toBe('');
    expect(status).toBe(0);
    const list = spawnSync('sh', ['-c', 'tar -xOf out.tar --wildcards "blobs/sha256/*" | tar -t 2>/dev/null'], {
      cwd: elsewhere,
    });
    expect(list.stdout.toString()).toContain('only-here');
  });

  test('a system on the command line over a platform in the file', () => {
    expect(fromCommandLine(base, ['--system', 'x86_64-linux']).config.architecture).toBe('amd64');
  });

  test('a file without created takes SOURCE_DATE_EPOCH, one with it does not', () => {
    const directory = makeSources();
    const created = (spec: BuildSpec): string => {
      const file = writeSpec(directory, spec);
      const output = join(directory, 'epoch.tar');
      const env = { PATH: process.env['PATH'], SOURCE_DATE_EPOCH: '99' };
      const { stdout } = spawnSync(process.execPath, [PROGRAM, 'build', '--spec', file, '-o', output, '--json'], {
        env,
      });
      const { image } = JSON.parse(stdout.toString()) as BuildReport;
      const config = spawnSync('tar', ['-xOf', output, `blobs/sha256/${image.slice(7)}`]).stdout.toString();
      return (JSON.parse(config) as ImageConfig).created;
    };
    expect(created({ files: base.files! })).toBe('1970-01-01T00:01:39Z');
    expect(created(base)).toBe('1970-01-01T00:00:05Z');
  });
});

describe('an unknown key is an error with its place and the nearest known one', () => {
  test.each<[name: string, spec: unknown, place: string, nearest: string | undefined]>([
    ['misspelt', { paths: [], entrypiont: 'x' }, 'entrypiont', 'entrypoint'],
    ['in kebab case', { 'max-layers': 3 }, 'max-layers', 'maxLayers'],
    ['in capitals', { ROOT: 'x' }, 'ROOT', 'root'],
    ['in the plural', { tags: ['x'] }, 'tags', 'tag'],
    ['of a short option', { t: ['x'] }, 't', undefined],
    ['like nothing', { 'something completely different': 1 }, 'something completely different', undefined],
    ['in a file', { files: { '/etc/x': { content: 'x', moed: '0644' } } }, 'files./etc/x.moed', 'mode'],
    ['in a file whose name has a tilde', { files: { '~': { contents: 'x' } } }, 'files.~.contents', 'content'],
    ['of the command line alone', { spec: 'x' }, 'spec', undefined],
    ['an empty one', { '': 1 }, '', undefined],
  ])('%s', async (_name, spec, place, nearest) => {
    const work = readBuildSpec(writeSpec(scratchDirectory(), spec));
    await expect(work).rejects.toMatchObject({ code: 'SPEC_KEY' });
    await expect(work).rejects.toThrow(`the key "${place}" is not known`);
    if (nearest !== undefined) await expect(work).rejects.toThrow(`did you mean "${nearest}"`);
  });

  test('__proto__', async () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'spec.json'), '{"__proto__": {"root": "/"}}');
    await expect(readBuildSpec(join(directory, 'spec.json'))).rejects.toMatchObject({ code: 'SPEC_KEY' });
  });
});

describe('a value of the wrong kind is an error with its place', () => {
  test.each<[name: string, spec: unknown, message: RegExp]>([
    ['a text for a list', { paths: 'item' }, /"paths" must be array, and is "item"/],
    ['a number in a list', { env: ['A=1', 2] }, /"env\.1" must be string, and is 2/],
    ['null', { root: null }, /"root" must be string, and is null/],
    ['a number of layers as text', { maxLayers: '3' }, /"maxLayers" must be integer, and is "3"/],
    ['a fraction', { maxLayers: 2.5 }, /"maxLayers" must be integer, and is 2\.5/],
    ['too few layers', { maxLayers: 1 }, /"maxLayers" must be >= 2, and is 1/],
    ['too many layers', { maxLayers: 126 }, /"maxLayers" must be <= 125, and is 126/],
    ['an unknown word', { format: 'tar' }, /"format" must be .*docker-archive.*, and is "tar"/],
    ['a mode as a number', { files: { x: { content: '', mode: 493 } } }, /"files\.x\.mode" must be string, and is 493/],
    [
      'a mode that is no octal number',
      { files: { x: { content: '', mode: '0888' } } },
      /"files\.x\.mode" must match pattern/,
    ],
    ['a file without content', { files: { x: {} } }, /"files\.x" must have required property 'content'/],
    ['files as a list', { files: [] }, /"files" must be object/],
    ['a config as a list', { config: [] }, /"config" must be of one of the kinds/],
    ['an entry point of numbers', { entrypoint: [1] }, /"entrypoint" must be of one of the kinds/],
    ['strict as text', { strict: 'yes' }, /"strict" must be boolean/],
    ['a document that is a list', [], /the document must be object/],
    ['a document that is null', null, /the document must be object/],
    ['a document that is text', 'text', /the document must be object/],
  ])('%s', async (_name, spec, message) => {
    const path = writeSpec(scratchDirectory(), spec);
    const work = readBuildSpec(path);
    await expect(work).rejects.toMatchObject({ code: 'SPEC_INVALID', message: expect.stringMatching(message) });
    await expect(work).rejects.toThrow(`--spec "${path}"`);
  });

  test('an empty path', async () => {
    for (const spec of [{ paths: [''] }, { root: '' }, { output: '' }, { database: '' }, { prefix: '' }]) {
      await expect(readBuildSpec(writeSpec(scratchDirectory(), spec))).rejects.toMatchObject({ code: 'SPEC_INVALID' });
    }
  });
});

describe('a file that cannot be read or parsed is an error that names it', () => {
  test.each<[name: string, content: string | Uint8Array, code: string]>([
    ['no YAML', 'a: [', 'SPEC_FILE'],
    ['a tab', 'a:\n\t- b', 'SPEC_FILE'],
    ['a key twice', 'root: a\nroot: b', 'SPEC_FILE'],
    ['a key twice in JSON', '{"root": "a", "root": "b"}', 'SPEC_FILE'],
    ['two documents', 'root: a\n---\nroot: b', 'SPEC_FILE'],
    ['an unknown alias', 'root: *nowhere', 'SPEC_FILE'],
    ['an unknown tag', 'root: !!js/function x', 'SPEC_FILE'],
    ['nothing', '', 'SPEC_INVALID'],
    ['comments alone', '# nothing', 'SPEC_INVALID'],
    ['bytes that are not UTF-8', Buffer.from('root: "\xff"', 'latin1'), 'SPEC_FILE'],
    ['more than 4 MiB', `# ${'x'.repeat(4 << 20)}`, 'SPEC_FILE'],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'.replace(/./g, (c) => {
        const before = String.fromCharCode(c.charCodeAt(0) - 1);
        return `${c}: &${c} [${Array(9).fill(`*${before}`).join(',')}]\n`;
      })}`,
      'SPEC_FILE',
    ],
  ])('%s', async (_name, content, code) => {
    const path = join(scratchDirectory(), 'spec.yaml');
    writeFileSync(path, content);
    const work = readBuildSpec(path);
    await expect(work).rejects.toMatchObject({ code });
    await expect(work).rejects.toThrow(path);
  });

  test('one that does not exist, and a directory', async () => {
    const directory = scratchDirectory();
    await expect(readBuildSpec(join(directory, 'nowhere'))).rejects.toMatchObject({
      code: 'SPEC_FILE',
      message: expect.stringContaining('does not exist'),
    });
    await expect(readBuildSpec(directory)).rejects.toMatchObject({ code: 'SPEC_FILE' });
  });
});

test('a relative path in a specification that is no file needs a working directory', async () => {
  for (const spec of [{ root: 'x' }, { paths: ['x'] }, { add: ['x=/y'] }, { database: 'x' }] satisfies BuildSpec[]) {
    await expect(buildImage({ ...spec, output: '/nowhere' })).rejects.toMatchObject({ code: 'SPEC_INVALID' });
  }
});
