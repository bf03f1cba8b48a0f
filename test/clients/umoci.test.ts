import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { missingClients, testUnless } from '../support/clients.js';
import { run, sha256 } from '../support/commands.js';
import { buildToFile } from '../support/tarseal.js';

const obstacles = missingClients('umoci', 'skopeo', 'mkfifo', 'mknod');
// Owners are only set, and modes of files that we may not read only kept, for root.
if (process.getuid?.() !== 0) obstacles.push('umoci unpack of owners needs root');

let scratch: string;
let tree: string;
let expected: readonly string[];

beforeAll(() => {
  if (obstacles.length > 0) return;
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-umoci-'));
  tree = join(scratch, 'tree');
  createTree(tree);
  expected = describeTree(tree, (path, stats) => {
    const owner = path.startsWith('owned/') ? '1000:100001' : path === 'bin/setgid' ? '0:42' : '0:0';
    const mode = path === 'ruled' ? 0o711 : stats.mode & 0o7777;
    return `${mode.toString(8)} ${owner} 1`;
  });
});

afterAll(() => {
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

function createTree(root: string): void {
  const long = 'n'.repeat(99);
  const directories = [
    'bin',
    'dir',
    'dir/empty',
    'dir/closed',
    'foo',
    'owned',
    'owned/below',
    'tmp',
    'group',
    long,
    `${long}/${long}`,
    `${long}/${long}/${long}`,
  ];
  for (const directory of directories) mkdirSync(join(root, directory), { recursive: true });
  const files: [path: string, content: string | Buffer, mode: number][] = [
    ['bin/program', '#!/bin/sh\n', 0o755],
    ['bin/setuid', 'u', 0o4755],
    ['bin/setgid', 'g', 0o2755],
    ['bin/all', 'a', 0o7777],
    ['dir/none', 'nobody may read this', 0o000],
    ['dir/closed/file', 'x', 0o400],
    ['empty', '', 0o644],
    ['block', Buffer.alloc(512, 1), 0o644],
    ['block-and-one', Buffer.alloc(513, 2), 0o600],
    ['large', Buffer.alloc(3_000_001, 'large '), 0o664],
    ['foo-bar', 'order', 0o644],
    ['foo.txt', 'order', 0o644],
    ['foo/file', 'order', 0o644],
    ['owned/file', 'owned', 0o640],
    ['owned/below/file', 'owned', 0o640],
    ['ruled', 'mode by rule', 0o600],
    [Buffer.from('ünïcødé\uff5e\u{10000}').toString('latin1'), 'unicode', 0o644],
    ['invalid \xff\xfe UTF-8', 'bytes', 0o644],
    [`invalid \xc3 ${'and long '.repeat(20)}`, 'bytes', 0o644],
    ['new\nline "quoted" \\ back', 'awkward', 0o644],
    [`${long}/${long}/file`, 'prefix', 0o644],
    [`${long}/${long}/${long}/file`, 'pax', 0o644],
    [`dir/${'f'.repeat(200)}`, 'pax', 0o644],
  ];
  for (const [path, content, mode] of files) {
    writeFileSync(fileAt(root, path), content);
    chmodSync(fileAt(root, path), mode);
  }
  symlinkSync('program', join(root, 'bin/link'));
  symlinkSync('/nowhere/at all', join(root, 'dangling'));
  symlinkSync('../../..', join(root, 'dir/up'));
  symlinkSync('l'.repeat(150), join(root, 'long-link'));
  symlinkSync('zïel', join(root, 'unicode-link'));
  run('mkfifo', ['-m', '620', join(root, 'fifo')]);
  run('mknod', ['-m', '666', join(root, 'null'), 'c', '1', '3']);
  run('mknod', ['-m', '640', join(root, 'loop'), 'b', '7', '259']);
  for (const directory of directories) chmodSync(join(root, directory), 0o755);
  chmodSync(join(root, 'dir/closed'), 0o500);
  chmodSync(join(root, 'tmp'), 0o1777);
  chmodSync(join(root, 'group'), 0o2770);
  // What must not reach an image: owners and times of the machine.
  chownSync(join(root, 'empty'), 4711, 4712);
  utimesSync(join(root, 'large'), 1_234_567_890, 1_234_567_890);
}

/** One line a member, in byte order of paths: type, attributes and content or link target. */
function describeTree(root: string, attributesOf: (path: string, stats: Stats) => string): string[] {
  return listTree(root)
    .sort()
    .map((path) => {
      const file = fileAt(root, path);
      const stats = lstatSync(file);
      const attributes = attributesOf(path, stats);
      // Linux gives every symbolic link the mode 0777; it has no meaning.
      if (stats.isSymbolicLink())
        return `${path}: link ${attributes.replace(/^\d+/, '777')} ${readlinkSync(file, 'latin1')}`;
      if (stats.isDirectory()) return `${path}: directory ${attributes}`;
      if (stats.isFIFO()) return `${path}: fifo ${attributes}`;
      if (stats.isCharacterDevice()) return `${path}: character device ${attributes} ${stats.rdev}`;
      if (stats.isBlockDevice()) return `${path}: block device ${attributes} ${stats.rdev}`;
      return `${path}: file ${attributes} ${stats.size} ${sha256(readFileSync(file))}`;
    });
}

/** A path below `root` whose name is bytes, one a character: not every name is UTF-8. */
function fileAt(root: string, path: string): Buffer {
  return Buffer.from(join(root, path), 'latin1');
}

/** `readdirSync` with `recursive` follows symbolic links in some versions of Node. */
function listTree(root: string, below = ''): string[] {
  return readdirSync(fileAt(root, below), 'latin1').flatMap((name) => {
    const path = join(below, name);
    return lstatSync(fileAt(root, path)).isDirectory() ? [path, ...listTree(root, path)] : [path];
  });
}

function unpack(layout: string, name: string): string[] {
  const bundle = join(scratch, `bundle of ${name}`);
  run('umoci', ['unpack', '--image', layout, bundle]);
  return describeTree(
    join(bundle, 'rootfs'),
    (_path, stats) => `${(stats.mode & 0o7777).toString(8)} ${stats.uid}:${stats.gid} ${stats.mtimeMs / 1000}`,
  );
}

const RULES = ['--chown', '/owned/**=1000:100001', '--chown', '/bin/setgid=0:42', '--chmod', '/ruled=0711'];

testUnless(obstacles).each<[name: string, options: string[]]>([
  ['gzip', []],
  ['no compression', ['--layer-compression', 'none']],
  ['the gnu format', ['--tar-format', 'gnu']],
  ['the posix format', ['--tar-format', 'posix']],
])('umoci unpacks a layout with %s to the source tree', (name, options) => {
  const layout = join(scratch, `layout with ${name}`);
  buildToFile(['--root', tree, ...RULES, '--tag', 'tarseal-umoci:1', '--format', 'oci-layout', ...options], layout);
  expect(unpack(`${layout}:1`, name)).toEqual(expected);
});

testUnless(obstacles).each<[name: string, transport: string, options: string[]]>([
  ['a Docker archive', 'docker-archive', []],
  ['a Docker archive with gzip layers', 'docker-archive', ['--layer-compression', 'gzip']],
  ['a Docker archive of the guix dialect', 'docker-archive', ['--dialect', 'guix', '--prefix', '/']],
  ['an OCI archive', 'oci-archive', []],
])('umoci unpacks what skopeo copied from %s to the source tree', (name, transport, options) => {
  const archive = join(scratch, `${name}.tar`);
  const layout = join(scratch, `copy of ${name}`);
  buildToFile(['--root', tree, ...RULES, '--tag', 'tarseal-umoci:1', ...options], archive);
  run('skopeo', ['--insecure-policy', 'copy', `${transport}:${archive}`, `oci:${layout}:1`]);
  expect(unpack(`${layout}:1`, name)).toEqual(expected);
});

testUnless(obstacles)('umoci unpacks layers to the items that were given', () => {
  const layout = join(scratch, 'layout of layers');
  const items = ['bin', 'dir', 'owned'].map((item) => join(tree, item));
  const report = buildToFile(
    [
      ...items,
      '--transform',
      `${tree}=/`,
      ...RULES.slice(0, 4),
      '--max-layers',
      '3',
      '--directory',
      '/tmp:1777',
      '--tag',
      'tarseal-umoci:1',
      '--format',
      'oci-layout',
    ],
    layout,
  );
  expect(report.layers).toHaveLength(3);
  expect(unpack(`${layout}:1`, 'layers')).toEqual(expected.filter((line) => /^(?:bin|dir|owned|tmp)[/:]/.test(line)));
});
