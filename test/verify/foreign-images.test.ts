import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type FindingCode, type Verification, verifyImage } from '../../src/index.js';
import { clientTest, missingClients, testUnless } from '../support/clients.js';
import { run } from '../support/commands.js';
import { obstaclesOfDockerd, startDockerd } from '../support/dockerd.js';
import { rawMember } from '../support/raw-tar.js';
import { gzipLayer, imageParts, layerTar, packParts, smallLayer } from './image-parts.js';

let scratch: string;
let archive: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'tarseal-foreign-'));
  archive = join(scratch, 'image.tar');
  const tar = layerTar(
    rawMember({ name: 'etc/', typeflag: '5', mode: '0000755' }),
    rawMember({ name: 'etc/motd' }, 'hello\n'),
    rawMember({ name: 'etc/motd-again', typeflag: '1', linkname: 'etc/motd' }),
  );
  writeFileSync(archive, packParts(imageParts({ layers: [smallLayer('a'), { tar }, gzipLayer(smallLayer('b'))] })));
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Codes of errors and warnings. */
function faultsOf({ findings }: Verification): FindingCode[] {
  return [...new Set(findings.flatMap(({ severity, code }) => (severity === 'note' ? [] : [code])))].sort();
}

async function expectImage(path: string, layers: number, faults: readonly FindingCode[]): Promise<void> {
  const verification = await verifyImage(path, { temporaryDirectory: tmpdir() });
  expect(verification.images.map((image) => image.layers.length)).toEqual([layers]);
  expect(verification.images[0]!.layers.every(({ diffId, members }) => diffId !== null && members > 0)).toBe(true);
  expect(faultsOf(verification)).toEqual(faults);
}

testUnless([...missingClients('dockerd', 'docker'), ...obstaclesOfDockerd()])(
  'what docker saves has no errors, and an import is of its time',
  async () => {
    const docker = await startDockerd();
    try {
      docker.docker(['load', '-i', archive]);
      docker.docker(['save', '-o', join(scratch, 'saved.tar'), 'part:1']);
      writeFileSync(join(scratch, 'root.tar'), layerTar(rawMember({ name: 'a' })));
      docker.docker(['import', join(scratch, 'root.tar'), 'imported:1']);
      docker.docker(['save', '-o', join(scratch, 'imported.tar'), 'imported:1']);
    } finally {
      await docker.stop();
    }
    await expectImage(join(scratch, 'saved.tar'), 3, []);
    await expectImage(join(scratch, 'imported.tar'), 1, ['CONFIG_CREATED']);
  },
);

testUnless([...missingClients('podman'), ...obstaclesOfDockerd()])('what podman saves has no errors', async () => {
  const podman = (...args: string[]): Buffer =>
    run('podman', ['--root', join(scratch, 'p'), '--runroot', join(scratch, 'r'), '--storage-driver', 'vfs', ...args]);
  podman('load', '-i', archive);
  podman('save', '-o', join(scratch, 'podman.tar'), 'part:1');
  podman('save', '--format', 'oci-archive', '-o', join(scratch, 'podman-oci.tar'), 'part:1');
  podman('image', 'rm', '--all', '--force');
  // Its legacy names of layers are symlinks, which not every reader follows.
  await expectImage(join(scratch, 'podman.tar'), 3, ['ARCHIVE_TYPE']);
  // It packs a directory that it has just made, with its times.
  await expectImage(join(scratch, 'podman-oci.tar'), 3, ['ARCHIVE_TIME']);
});

clientTest('skopeo').each([
  ['oci:', 'layout:x', 'layout', []],
  ['oci-archive:', 'oci.tar:x', 'oci.tar', ['ARCHIVE_TIME']],
  ['docker-archive:', 'docker.tar:x:1', 'docker.tar', ['ARCHIVE_TYPE']],
] as const)('what skopeo copies to %s has no errors', async (transport, target, path, faults) => {
  run('skopeo', ['--insecure-policy', 'copy', `oci-archive:${archive}`, `${transport}${join(scratch, target)}`]);
  await expectImage(join(scratch, path), 3, faults);
});

clientTest('skopeo', 'umoci')('what umoci packs has no errors', async () => {
  const layout = join(scratch, 'umoci');
  run('skopeo', ['--insecure-policy', 'copy', `oci-archive:${archive}`, `oci:${layout}:x`]);
  const bundle = join(scratch, 'bundle');
  run('umoci', ['unpack', '--rootless', '--image', `${layout}:x`, bundle]);
  writeFileSync(join(bundle, 'rootfs', 'new'), 'new\n');
  run('umoci', ['repack', '--image', `${layout}:y`, bundle]);
  const verification = await verifyImage(`${layout}:y`);
  expect(verification.images[0]!.layers).toHaveLength(4);
  expect(verification.counts.error).toBe(0);
});

clientTest('tar', 'bsdtar')(
  'what tar makes of a tree as it is on disk is no error, and of its time and place',
  async () => {
    const root = join(scratch, 'tree');
    mkdirSync(join(root, 'directory'), { recursive: true });
    for (const [index, name] of ['b', 'a', 'c', 'directory/z', 'directory/y'].entries()) {
      writeFileSync(join(root, name), name);
      run('touch', ['-d', `@${1_700_000_000 + index}.5`, join(root, name)]);
    }
    // In an order as a directory may have on disk.
    const names = ['.', './directory', './directory/z', './directory/y', './c', './b', './a'];
    for (const [program, args, faults] of [
      [
        'tar',
        ['--format=gnu', '--no-recursion', '--owner=alice:1000'],
        ['MEMBER_ORDER', 'MEMBER_OWNER', 'MEMBER_TIMES'],
      ],
      [
        'tar',
        ['--format=posix', '--no-recursion', '--owner=root:0', '--group=root:0'],
        ['MEMBER_ORDER', 'MEMBER_TIMES', 'PAX_FRACTION', 'PAX_TIME'],
      ],
      [
        'bsdtar',
        ['--format=pax', '--no-recursion', '--uid=0', '--gid=0', '--uname=root', '--gname=root'],
        ['MEMBER_ORDER', 'MEMBER_TIMES', 'PAX_FRACTION', 'PAX_TIME'],
      ],
    ] as const) {
      const output = join(scratch, 'tree.tar');
      run(program, ['-C', root, '-cf', output, ...args, ...names]);
      expect(
        faultsOf(await verifyImage(output)).filter((code) => code !== 'TAR_RESIDUE'),
        `${program} ${args[0]}`,
      ).toEqual(faults);
    }
  },
);
