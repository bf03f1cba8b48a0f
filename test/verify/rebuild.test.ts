import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BuildSpec, buildImage, rebuildImage, verifyImage } from '../../src/index.js';
import { run } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { PROGRAM } from '../support/tarseal.js';

const SPEC: BuildSpec = { paths: ['a', 'b'], maxLayers: 3, tag: ['r:1'], files: { '/etc/motd': { content: 'hi\n' } } };

function sources(): string {
  const directory = scratchDirectory();
  for (const name of ['a', 'b']) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'file'), `content of ${name}`, { mode: 0o644 });
  }
  return directory;
}

describe('an image that is built again', () => {
  test.each<[name: string, options: BuildSpec, bytesCompared: boolean]>([
    ['an archive', {}, true],
    ['an archive with gzip layers', { layerCompression: 'gzip' }, true],
    ['an archive within gzip', { compression: 'gzip' }, true],
    ['an OCI archive', { format: 'oci-archive' }, true],
    ['a layout', { format: 'oci-layout' }, false],
    ['a layout with plain layers', { format: 'oci-layout', layerCompression: 'none' }, false],
    ['the nix dialect', { dialect: 'nix' }, true],
    ['the guix dialect', { dialect: 'guix' }, true],
  ])('is equal: %s; and differs when a source has changed', async (_name, options, bytesCompared) => {
    const cwd = sources();
    const temporaryDirectory = scratchDirectory();
    const context = { cwd, temporaryDirectory };
    const spec = { ...SPEC, ...options, output: join(cwd, 'image') };
    const { image } = await buildImage(spec, context);
    const before = readdirSync(cwd).length;
    const verification = await verifyImage(spec.output, context);
    expect(await rebuildImage(spec, spec.output, verification, context)).toEqual({
      isEqual: true,
      image,
      differences: [],
      bytesCompared,
    });
    expect(readdirSync(cwd)).toHaveLength(before);
    expect(readdirSync(temporaryDirectory)).toEqual([]);

    writeFileSync(join(cwd, 'b/file'), 'Content of b');
    const changed = await rebuildImage(spec, spec.output, verification, context);
    expect(changed.isEqual).toBe(false);
    const differences = changed.differences.join('\n');
    expect(differences).toContain('the config is ');
    expect(differences).toMatch(/layer \d is sha256:/);
    expect(differences.includes('the archive differs from byte')).toBe(bytesCompared);
  });

  test('that lies among its own sources is no member', async () => {
    const cwd = sources();
    const context = { cwd, temporaryDirectory: tmpdir() };
    const spec: BuildSpec = { root: '.', tag: ['r:1'], output: 'image.tar' };
    await buildImage(spec, context);
    const verification = await verifyImage('image.tar', context);
    expect(await rebuildImage(spec, 'image.tar', verification, context)).toMatchObject({ isEqual: true });
  });
});

describe('the command', () => {
  const verify = (cwd: string, ...args: string[]): { status: number; text: string } => {
    try {
      return { status: 0, text: run(process.execPath, [PROGRAM, 'verify', ...args], { cwd }).toString() };
    } catch (error) {
      const { message } = error as Error;
      return { status: Number(/exited with (\d+)/.exec(message)?.[1]), text: message };
    }
  };

  test('says equal, or what differs with the exit code 1', async () => {
    const cwd = sources();
    writeFileSync(join(cwd, 'spec.json'), JSON.stringify({ ...SPEC, created: '@5' }));
    await buildImage({ ...SPEC, created: '@5', output: 'image.tar' }, { cwd });
    expect(verify(cwd, '--rebuild', 'spec.json', 'image.tar')).toEqual({
      status: 0,
      text: expect.stringContaining('rebuild equal, byte for byte\n') as string,
    });
    writeFileSync(join(cwd, 'spec.json'), JSON.stringify({ ...SPEC, created: '@6' }));
    const { status, text } = verify(cwd, '--rebuild', 'spec.json', 'image.tar');
    expect(status).toBe(1);
    expect(text).toMatch(/rebuild differs: the config is sha256:\w+, and is built as sha256:/);
  });

  test('has the exit codes 0, 1 and 2', async () => {
    const cwd = sources();
    await buildImage({ ...SPEC, output: 'image.tar' }, { cwd });
    expect(verify(cwd, 'image.tar').status).toBe(0);
    // Notes alone are no fault.
    writeFileSync(join(cwd, 'note.tar'), readFileSync(join(cwd, 'image.tar')).subarray(0, -512));
    expect(verify(cwd, 'note.tar')).toEqual({
      status: 0,
      text: expect.stringMatching(/^note TAR_RECORD: /m) as string,
    });
    writeFileSync(join(cwd, 'cut.tar'), readFileSync(join(cwd, 'image.tar')).subarray(0, 5000));
    expect(verify(cwd, 'cut.tar')).toEqual({
      status: 1,
      text: expect.stringMatching(/^error TAR_INVALID byte 5000: /m) as string,
    });
    expect(verify(cwd, '--quiet', 'cut.tar').status).toBe(1);
    expect(verify(cwd, 'missing.tar').status).toBe(2);
    expect(verify(cwd).status).toBe(2);
    expect(verify(cwd, '--target', 'rkt', 'image.tar').status).toBe(2);
    expect(verify(cwd, '--rebuild', 'missing.json', 'image.tar').status).toBe(2);
    const json = JSON.parse(verify(cwd, '--json', 'image.tar').text) as object;
    expect(Object.keys(json)).toEqual(['formats', 'images', 'findings', 'counts']);
    const stdin = run(process.execPath, [PROGRAM, 'verify', '-'], { cwd, input: readFileSync(join(cwd, 'image.tar')) });
    expect(stdin.toString()).toContain('-: docker-archive and oci-archive, 0 errors, 0 warnings, 0 notes\n');
  });
});
