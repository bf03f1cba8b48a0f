import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { clientTest, missingClients, testUnless } from '../support/clients.js';
import { run } from '../support/commands.js';
import { bash, explanationOf } from '../support/compared.js';
import { type DockerDaemon, obstaclesOfDockerd, startDockerd } from '../support/dockerd.js';
import { scratchDirectory } from '../support/scratch.js';
import { buildToFile } from '../support/tarseal.js';

const obstacles = [...missingClients('docker', 'dockerd'), ...obstaclesOfDockerd()];

function context(directory: string): void {
  mkdirSync(join(directory, 'context/tree'), { recursive: true });
  writeFileSync(join(directory, 'context/tree/file'), 'content\n');
  writeFileSync(join(directory, 'context/Dockerfile'), 'FROM scratch\nCOPY tree /app/tree\nENV ONE=1\n');
  bash('touch -d @1600000000 context/tree/file context/tree', directory);
}

/** Times in archives have whole seconds: what is made after this has another one. */
async function nextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  while (Math.floor(Date.now() / 1000) === second) await setTimeout(20);
}

/** Layer, code and message of each cause. */
async function causesOf(directory: string, a: string, b: string): Promise<string[]> {
  const { causes } = await explanationOf(directory, a, b);
  return causes.map(
    ({ code, layer, message }) => `${layer === undefined ? '' : `layer ${layer.a}: `}${code} ${message}`,
  );
}

describe('images of Docker', () => {
  let daemon: DockerDaemon | undefined;
  beforeAll(async () => {
    if (obstacles.length === 0) daemon = await startDockerd();
  });
  afterAll(async () => daemon?.stop());

  testUnless(obstacles)('built twice: times of the directories that the builder makes, and of the config', async () => {
    const { docker } = daemon!;
    const directory = scratchDirectory();
    context(directory);
    for (const name of ['a', 'b']) {
      docker(['build', '--no-cache', '-q', '-t', `built:${name}`, join(directory, 'context')]);
      docker(['save', '-o', join(directory, `${name}.tar`), `built:${name}`]);
      await nextSecond();
    }
    expect(await causesOf(directory, 'a.tar', 'b.tar')).toEqual([
      'IMAGE_NAMES names of the images: 1 value differs',
      'CONFIG_TIME the config has the time of its making, or others have: 3 values differ',
      'CONFIG_CONTAINER the config names the container from which the image was made: 4 values differ',
      expect.stringMatching(/^layer 1: TIME mtime of 2 members: A has its build time, .* B has its build time, /),
    ]);
  });

  testUnless(obstacles)('imported twice: the time of the config alone', async () => {
    const { docker } = daemon!;
    const directory = scratchDirectory();
    bash('mkdir t; echo 1 > t/f; tar --mtime=@1 -cf t.tar -C t f', directory);
    for (const name of ['a', 'b']) {
      docker(['import', join(directory, 't.tar'), `imported:${name}`]);
      docker(['save', '-o', join(directory, `${name}.tar`), `imported:${name}`]);
      await nextSecond();
    }
    expect(await causesOf(directory, 'a.tar', 'b.tar')).toEqual([
      'IMAGE_NAMES names of the images: 1 value differs',
      'CONFIG_TIME the config has the time of its making, or others have: 2 values differ',
    ]);
  });

  testUnless(obstacles)('committed from two containers', async () => {
    const { docker } = daemon!;
    const directory = scratchDirectory();
    bash(
      'mkdir t; echo 1 > t/f; tar --mtime=@1 -cf t.tar -C t f; echo one > x; echo two > y; touch -d @1600000000 x y',
      directory,
    );
    docker(['import', join(directory, 't.tar'), 'base:1']);
    for (const [name, file] of [
      ['a', 'x'],
      ['b', 'y'],
    ]) {
      const container = docker(['create', 'base:1', '/none']).trim();
      docker(['cp', join(directory, file!), `${container}:/new`]);
      docker(['commit', container, `committed:${name}`]);
      docker(['save', '-o', join(directory, `${name}.tar`), `committed:${name}`]);
      await nextSecond();
    }
    expect(await causesOf(directory, 'a.tar', 'b.tar')).toEqual([
      expect.stringMatching(/^TIME in the archive around the image: mtime of 4 members: A has its build time, /),
      'IMAGE_NAMES names of the images: 1 value differs',
      'CONFIG_TIME the config has the time of its making, or others have: 2 values differ',
      'CONFIG_CONTAINER the config names the container from which the image was made: 3 values differ',
      'layer 2: CONTENT content of 1 file differs',
    ]);
  });
});

describe('images of buildah and skopeo', () => {
  clientTest('buildah')('built twice: times of directories and of the config', async () => {
    const directory = scratchDirectory();
    context(directory);
    const buildah = (...args: string[]): string =>
      run('buildah', [
        '--root',
        join(directory, 'r'),
        '--runroot',
        join(directory, 'rr'),
        '--storage-driver',
        'vfs',
        ...args,
      ])
        .toString()
        .trim();
    for (const name of ['a', 'b']) {
      const container = buildah('from', 'scratch');
      buildah('copy', '-q', container, join(directory, 'context/tree'), '/app');
      buildah('commit', '-q', '--format', 'oci', container, `docker-archive:${join(directory, name)}.tar:built:latest`);
      await nextSecond();
    }
    expect(await causesOf(directory, 'a.tar', 'b.tar')).toEqual([
      'CONFIG_TIME the config has the time of its making, or others have: 2 values differ',
      expect.stringMatching(/^layer 1: TIME mtime of 1 member: A has its build time, .* B has its build time, /),
    ]);
  });

  clientTest('skopeo')('compressed by skopeo and by us', async () => {
    const directory = scratchDirectory();
    context(directory);
    const args = ['--add', `${join(import.meta.dirname, '../../src')}=/src`, '-t', 'one'];
    buildToFile([...args, '--format', 'oci-layout'], join(directory, 'ours'));
    buildToFile(args, join(directory, 'plain.tar'));
    run('skopeo', [
      'copy',
      '-q',
      '--dest-compress',
      `docker-archive:${join(directory, 'plain.tar')}`,
      `oci:${join(directory, 'theirs')}:one`,
    ]);
    expect(await causesOf(directory, 'ours', 'theirs')).toEqual([
      'SPELLING oci-layout says the same in other bytes: order of keys, white space or escapes',
      'IMAGE_NAMES names of the images: 2 values differ',
      'CONFIG index.json: 2 values differ',
      'SPELLING config says the same in other bytes: order of keys, white space or escapes',
      "layer 1: COMPRESSOR same tar, other compressor: A gzip-libdeflate-1, level 6, B Go's pgzip, by the time in its header (skopeo, buildah, podman)",
    ]);
  });
});
