import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

/** The options of one image, on the command line and in a program. */
const COMMAND = ['build', '--root', 'root', '--mode', 'go+u,go-w', '--env', 'A=b', '--tag', 'consumer:1', '--json'];
const SPEC = { root: 'root', mode: 'go+u,go-w', env: ['A=b'], tag: ['consumer:1'], output: 'library.tar' };

test('the package holds what a user needs and nothing else', () => {
  const paths = packed.map(({ path }) => path).sort();
  expect(paths.filter((path) => !path.startsWith('dist/'))).toEqual(['LICENSE', 'README.md', 'package.json']);
  const compiled = paths.filter(
    (path) =>
      path.startsWith('dist/') && !/^dist\/(?:[\w/-]+(?:\.js|\.d\.ts|schema\.json)|bin\/package\.json)$/.test(path),
  );
  expect(compiled).toEqual([]);
  expect(paths).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'dist/bin/tarseal.js']));
  expect(paths.filter((path) => /test|fixture|bench|tsconfig|\.map$/.test(path))).toEqual([]);
});

// npm writes an engine there when it adds the package, and `npm ci` would then refuse the Node that the project is for.
test('the lock file does not ask for a newer Node than the package does', () => {
  const { packages } = readJson<{ packages: Record<string, { engines?: object }> }>(join(PROJECT, 'package-lock.json'));
  expect(packages['node_modules/libdeflate']).toBeDefined();
  expect(packages['node_modules/libdeflate']).not.toHaveProperty('engines');
});

test('the installed command says its version', () => {
  expect(npm(consumer, 'exec', '--no', '--', 'tarseal', '--version').trim()).toBe(version);
});

/** Runs a program that imports the installed package. @returns what it prints, parsed */
function runLibrary<T>(name: string, source: string): T {
  writeFileSync(join(consumer, name), source);
  return JSON.parse(run(process.execPath, [name], { cwd: consumer }).toString('utf8')) as T;
}

test('the installed command and the installed library build the same image', () => {
  const output = npm(consumer, 'exec', '--no', '--', 'tarseal', ...COMMAND, '-o', 'command.tar');
  const command = JSON.parse(output) as { image: string; manifest: string };
  const library = runLibrary(
    'build.js',
    `import { buildImage } from 'tarseal';
    const { image, manifest } = await buildImage(${JSON.stringify(SPEC)}, { cwd: process.cwd() });
    console.log(JSON.stringify({ image, manifest }));`,
  );
  expect(library).toEqual({ image: command.image, manifest: command.manifest });
  expect(sha256(readFileSync(join(consumer, 'library.tar')))).toBe(sha256(readFileSync(join(consumer, 'command.tar'))));
});

test('the installed command and the installed library write the same archive', () => {
  npm(consumer, 'exec', '--no', '--', 'tarseal', 'tar', '-cf', 'command-tree.tar', 'root');
  const library = runLibrary<{ sha256: string; members: number }>(
    'tar.js',
    `import { createTar } from 'tarseal';
    const spec = { members: [{ name: 'root' }], output: 'library-tree.tar' };
    console.log(JSON.stringify(await createTar(spec, { cwd: process.cwd() })));`,
  );
  const command = sha256(readFileSync(join(consumer, 'command-tree.tar')));
  expect(library).toMatchObject({ sha256: command, members: 4 });
  expect(sha256(readFileSync(join(consumer, 'library-tree.tar')))).toBe(command);
});

test('the installed library refuses with its own error', () => {
  const refusal = runLibrary(
    'refuse.js',
    `import { buildImage, TarsealError } from 'tarseal';
    try {
      await buildImage({ root: 'missing', output: 'x.tar' }, { cwd: process.cwd() });
    } catch (error) {
      console.log(JSON.stringify({ ours: error instanceof TarsealError, code: typeof error.code }));
    }`,
  );
  expect(refusal).toEqual({ ours: true, code: 'string' });
});

test('the installed schema describes a spec', () => {
  const properties = runLibrary<string[]>(
    'schema.js',
    `import { readFileSync } from 'node:fs';
    const schema = JSON.parse(readFileSync(new URL(import.meta.resolve('tarseal/schema.json')), 'utf8'));
    console.log(JSON.stringify(Object.keys(schema.properties)));`,
  );
  expect(properties).toEqual(expect.arrayContaining(['paths', 'files', ...Object.keys(SPEC)]));
});

test('the shipped types compile under strict settings, libraries included', () => {
  const source = `
    import { type BuildSpec, type BuiltImage, buildImage, createTar, TarsealError } from 'tarseal';
    const spec: BuildSpec = ${JSON.stringify(SPEC)};
    export async function build(): Promise<string> {
      const built: BuiltImage = await buildImage(spec, { cwd: '/', onWarning: (message: string) => void message });
      return built.layers.map(({ diffId, sizeBytes }) => \`\${diffId} \${sizeBytes.toFixed()}\`).join() + createTar.name;
    }
    export function codeOf(error: unknown): string | undefined {
      return error instanceof TarsealError ? error.code : undefined;
    }
    // @ts-expect-error an unknown key is a mistake that the types tell
    export const wrong: BuildSpec = { paths: [], entryPoint: [] };`;
  writeFileSync(join(consumer, 'consumer.ts'), source);
  const options = {
    ...{ module: 'nodenext', target: 'es2023', types: [], noEmit: true },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
  };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }));
  const compiler = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
  expect(run(process.execPath, [compiler, '-p', consumer]).toString('utf8')).toBe('');
});

/** The npm of this Node; `npm` on PATH is no program that Windows can start without a shell. */
function npm(cwd: string, ...args: string[]): string {
  const cli = process.env['npm_execpath'];
  // npm hands the project's settings to what it runs, and a consumer has not set this one. It matters because libdeflate
  // says that it needs Node 24, which it does not: test/runtimes, and every test here on Node 20.
  const options = { cwd, env: { ...process.env, npm_config_engine_strict: 'false' } };
  const output = cli?.endsWith('.js') ? run(process.execPath, [cli, ...args], options) : run('npm', args, options);
  return output.toString('utf8');
}
