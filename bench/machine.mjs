// What the figures were made with: the machine and the programs' versions.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

const BENCH_PACKAGES = ['@napi-rs/tar', 'modern-tar', 'tar', 'tar-fs', 'tar-stream'];

function firstLine(program, ...args) {
  const { stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  return error ? 'missing' : (stdout || stderr).split('\n')[0].trim();
}

export function describeMachine(directory) {
  const installed = (name) =>
    JSON.parse(readFileSync(new URL(`./node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
  return {
    date: new Date().toISOString().slice(0, 10),
    processors: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    directory: `${directory} (${firstLine('stat', '-f', '-c', '%T', directory)})`,
    commit: firstLine('git', '-C', new URL('..', import.meta.url).pathname, 'describe', '--always', '--dirty'),
    versions: [
      `Node ${process.version}`,
      firstLine('tar', '--version'),
      firstLine('bsdtar', '--version').replace(/ - .*/, ''),
      firstLine('sha256sum', '--version'),
      firstLine('openssl', 'version').replace(/ \(.*/, ''),
      firstLine('gzip', '--version'),
      firstLine('pigz', '--version'),
      firstLine('python3', '--version'),
      ...BENCH_PACKAGES.map((name) => `${name === 'tar' ? 'node-tar' : name} ${installed(name)}`),
    ],
  };
}
