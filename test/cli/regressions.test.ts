import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeDifference } from '../support/archive-diff.js';
import { clientTest, testUnless } from '../support/clients.js';
import { sha256 } from '../support/commands.js';
import { gnuTar, gnuTarArguments } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { PROGRAM } from '../support/tarseal.js';

// What was wrong once, each by the call that showed it.

function tarseal(
  args: readonly (string | Buffer)[],
  cwd: string,
): { status: number | null; stdout: Buffer; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...(args as string[])], {
    cwd,
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr: stderr.toString() };
}

function bash(script: string, cwd: string): { status: number | null; stdout: Buffer; stderr: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, PROGRAM], {
    cwd,
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr: stderr.toString() };
}

describe('tar', () => {
  test('what the format cannot hold is refused before a byte is written, however large the members before it', () => {
    const dir = scratchDirectory();
    writeFileSync(`${dir}/a`, Buffer.alloc(5 << 20));
    mkdirSync(`${dir}/m/${'d'.repeat(150)}`, { recursive: true });
    const { status, stdout, stderr } = tarseal(['tar', '--strict', '-cf', '-', 'a', 'm'], dir);
    expect(stderr).toMatch(/\[TAR_FIELD_RANGE\]/);
    expect({ status, size: stdout.length }).toEqual({ status: 2, size: 0 });
  });

  clientTest('tar')('a pax header has the name from before the transformation', () => {
    const dir = scratchDirectory();
    mkdirSync(`${dir}/x`);
    writeFileSync(`${dir}/x/ü`, '');
    for (const args of [
      ['--transform', 's,^,pre/,'],
      ['-P', '--transform', 's,^,pre/,'],
    ]) {
      const theirs = gnuTar([...gnuTarArguments('posix'), ...args, '-cf', '-', 'x/ü'], dir);
      const ours = tarseal(['tar', '--format', 'posix', ...args, '-cf', '-', 'x/ü'], dir).stdout;
      expect(describeDifference(theirs, ours)).toBeUndefined();
    }
  });

  test('an empty -C, a second -f and -h are refused', () => {
    const dir = scratchDirectory();
    writeFileSync(`${dir}/t`, '');
    for (const args of [
      ['-cf', 'o', '-C', '', 't'],
      ['-f', '-', '-f', 'o', 't'],
      ['-cf', 'o', '-h', 't'],
    ]) {
      expect(tarseal(['tar', ...args], dir).status).toBe(2);
      expect(existsSync(`${dir}/o`)).toBe(false);
    }
  });

  test('arguments that are not UTF-8 are kept as members, and refused where they would become something else', () => {
    const dir = scratchDirectory();
    writeFileSync(Buffer.from(`${dir}/inv\xff`, 'latin1'), 'x');
    expect(bash(`"$0" "$1" tar -cf o.tar $'inv\\xff'`, dir).status).toBe(0);
    for (const command of [
      `tar -cf $'o\\xff.tar' o.tar`,
      `tar --exclude=$'inv\\xff' -cf p.tar .`,
      `build --add o.tar=$'/x\\xff' -o p.tar`,
      `build $'inv\\xff' -o p.tar`,
    ]) {
      const { status, stderr } = bash(`"$0" "$1" ${command}`, dir);
      expect(stderr).toMatch(/must be UTF-8/);
      expect(status).toBe(2);
    }
    expect(readdirSync(dir)).toHaveLength(2);
  });
});

describe('build', () => {
  test('--add without a source never takes the working directory', () => {
    const dir = scratchDirectory();
    mkdirSync(`${dir}/a=b/sub`, { recursive: true });
    for (const [add, cwd] of [
      ['=/dest', dir],
      ['nothing', `${dir}/a=b/sub`],
      ['', dir],
    ] as const) {
      const { status, stderr } = tarseal(['build', '--add', add, '--dry-run'], cwd);
      expect(stderr).toMatch(/SRC=DEST/);
      expect(status).toBe(2);
    }
    expect(tarseal(['build', '--add', 'sub=/dest', '--dry-run'], `${dir}/a=b`).status).toBe(0);
  });

  test('a --directory that is none of its forms', () => {
    const dir = scratchDirectory();
    for (const value of ['/a:rwx', '/tmp:755:1', '/a:755:1:x', '/a:755:1:2:3', '/:700']) {
      expect(tarseal(['build', '--directory', value, '--dry-run'], dir).status, value).toBe(2);
    }
  });

  test('system errors of a source have a code and exit status 2', () => {
    const dir = scratchDirectory();
    writeFileSync(`${dir}/file`, '');
    symlinkSync('l2', `${dir}/l1`);
    symlinkSync('l1', `${dir}/l2`);
    for (const args of [
      ['--add', 'file/x=/q'],
      ['--root', 'file/x'],
      ['--add', 'l1/x=/q'],
      ['--add', `${'n'.repeat(300)}=/q`],
      ['--database', 'file/x', '--prefix', '/p'],
    ]) {
      const { status, stderr } = tarseal(['build', ...args, '--dry-run'], dir);
      expect(stderr, args.join(' ')).toMatch(/\[SOURCE_(MISSING|UNREADABLE)\]/);
      expect(status).toBe(2);
    }
  });

  test('no path of the machine reaches the image when names are transformed', () => {
    const [a, b] = ['A', 'B'].map((name) => {
      const dir = `${scratchDirectory()}/${name}`;
      mkdirSync(`${dir}/s/p`, { recursive: true });
      chmodSync(`${dir}/s/p`, 0o755);
      writeFileSync(`${dir}/s/p/f`, '1', { mode: 0o644 });
      const { stdout } = tarseal(
        ['build', `${dir}/s/p`, '--transform', `${dir}=/`, '-t', 'x', '-o', `${dir}.tar`],
        dir,
      );
      expect(readFileSync(`${dir}.tar`).includes(dir)).toBe(false);
      return { image: stdout.toString().split('\n')[0], archive: sha256(readFileSync(`${dir}.tar`)) };
    });
    expect(a).toEqual(b);
  });

  test('a layer that only repeats directories is named after them', () => {
    const dir = scratchDirectory();
    mkdirSync(`${dir}/i`);
    writeFileSync(`${dir}/i/f`, '');
    const { stdout } = tarseal(
      [
        'build',
        `${dir}/i`,
        '--transform',
        `${dir}=/tmp`,
        '--max-layers',
        '3',
        '--chmod',
        'tmp=1777',
        '-o',
        'o.tar',
        '--json',
      ],
      dir,
    );
    const { layers } = JSON.parse(stdout.toString()) as { layers: { items: string[] }[] };
    expect(layers.map(({ items }) => items)).toEqual([['/tmp/i'], ['/tmp']]);
  });

  test('what a message quotes moves no cursor', () => {
    const dir = scratchDirectory();
    writeFileSync(`${dir}/s.yaml`, 'root: .\nmode: "\\e[31m\\x9b\\u202e"\n');
    writeFileSync(`${dir}/c.json`, '\u001b[31m\u009b');
    for (const args of [
      ['--spec', 's.yaml'],
      ['--root', '.', '--config', 'c.json'],
      ['--root', '.', '--chown', '\u001b[1m=x:y'],
    ]) {
      const { stderr, status } = tarseal(['build', ...args, '-o', 'o.tar'], dir);
      expect(status).toBe(2);
      expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    }
  });

  test('a device as a spec file ends', () => {
    expect(tarseal(['build', '--spec', '/dev/zero', '-o', 'o.tar'], scratchDirectory()).stderr).toMatch(
      /at most 4194304 bytes/,
    );
  });

  testUnless(existsSync('/dev/stdout') ? [] : ['/dev/stdout is missing'])('/dev/stdout is a stream', () => {
    const dir = scratchDirectory();
    writeFileSync(`${dir}/f`, 'x');
    const { status, stdout, stderr } = bash(
      '"$0" "$1" build --root . -t x:1 -o /dev/stdout 2>/dev/null --quiet | cat',
      dir,
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(sha256(stdout)).toBe(
      sha256(tarseal(['build', '--root', '.', '-t', 'x:1', '-o', '-', '--quiet'], dir).stdout),
    );
  });

  test('one layout keeps images of one tag and several names', () => {
    const dir = scratchDirectory();
    mkdirSync(`${dir}/src`);
    writeFileSync(`${dir}/src/f`, 'x');
    for (const tag of ['a:1', 'b:1', 'a:1'])
      tarseal(['build', '--root', 'src', '-t', tag, '--format', 'oci-layout', '-o', 'layout'], dir);
    const index = JSON.parse(readFileSync(`${dir}/layout/index.json`, 'utf8')) as {
      manifests: { annotations: Record<string, string> }[];
    };
    expect(index.manifests.map(({ annotations }) => annotations['io.containerd.image.name']).sort()).toEqual([
      'docker.io/library/a:1',
      'docker.io/library/b:1',
    ]);
  });

  for (const [name, make] of Object.entries({
    'a fifo for oci-layout': (dir: string) => spawnSync('mkfifo', [`${dir}/oci-layout`]),
    'a fifo for index.json': (dir: string) => {
      writeFileSync(`${dir}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
      spawnSync('mkfifo', [`${dir}/index.json`]);
    },
    'an index that nests deeply': (dir: string) => {
      writeFileSync(`${dir}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
      writeFileSync(
        `${dir}/index.json`,
        `{"schemaVersion":2,"manifests":[],"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      );
    },
    'a size beyond what a number holds': (dir: string) => {
      writeFileSync(`${dir}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
      writeFileSync(`${dir}/index.json`, '{"schemaVersion":2,"manifests":[{"size":9007199254740993}]}');
    },
  })) {
    test(`a hostile layout: ${name}`, () => {
      const dir = scratchDirectory();
      mkdirSync(`${dir}/src`);
      writeFileSync(`${dir}/src/f`, 'x');
      mkdirSync(`${dir}/layout`);
      make(`${dir}/layout`);
      const before = readdirSync(`${dir}/layout`);
      const { status, stderr } = tarseal(['build', '--root', 'src', '--format', 'oci-layout', '-o', 'layout'], dir);
      expect(stderr).toMatch(/\[OUTPUT_INVALID\]/);
      expect(status).toBe(2);
      expect(readdirSync(`${dir}/layout`)).toEqual(before);
    });
  }

  test('a layout whose blobs are a symlink to elsewhere', () => {
    const dir = scratchDirectory();
    for (const name of ['src', 'layout', 'elsewhere']) mkdirSync(`${dir}/${name}`);
    writeFileSync(`${dir}/layout/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
    symlinkSync('../elsewhere', `${dir}/layout/blobs`);
    const { status } = tarseal(
      ['build', '--root', 'src', '--directory', '/x', '--format', 'oci-layout', '-o', 'layout'],
      dir,
    );
    expect(status).toBe(2);
    expect(readdirSync(`${dir}/elsewhere`)).toEqual([]);
  });

  test('--exclude of a directory leaves out what other sources have below it, and not what is renamed away', () => {
    const dir = scratchDirectory();
    mkdirSync(`${dir}/src/old/keep`, { recursive: true });
    writeFileSync(`${dir}/src/old/keep/f`, 'x');
    const items = (args: string[]): string => {
      expect(
        tarseal(['build', ...args, '-o', 'o.tar', '--quiet', '--tar-format', 'ustar', '-t', 'x:1'], dir).status,
      ).toBe(0);
      const layer = /blobs\/sha256\/([0-9a-f]{64})/.exec(readFileSync(`${dir}/o.tar`).toString('latin1'))![1]!;
      return spawnSync('sh', ['-c', `tar -xOf o.tar blobs/sha256/${layer} | tar -tf -`], {
        cwd: dir,
      }).stdout.toString();
    };
    expect(items(['--directory', '/z', '--add', 'src/old/keep/f=/a/b', '--exclude', '/a'])).toBe('z/\n');
    expect(items(['--root', 'src', '--transform', '/old/keep=/new', '--exclude', '/old'])).toBe('new/\nnew/f\n');
  });

  test('a second signal ends the process while the first is being served', async () => {
    const dir = scratchDirectory();
    spawnSync('mkfifo', [`${dir}/fifo`]);
    mkdirSync(`${dir}/src`);
    writeFileSync(`${dir}/src/f`, 'x');
    // Both ends are held, so that the build blocks in writing and not in opening.
    const fd = openSync(`${dir}/fifo`, 'r+');
    writeFileSync(`${dir}/src/large`, Buffer.alloc(3 << 20, 1));
    const child = spawn(process.execPath, [PROGRAM, 'build', '--root', 'src', '-o', 'fifo'], {
      cwd: dir,
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill('SIGTERM');
    child.kill('SIGINT');
    expect(['SIGTERM', 'SIGINT']).toContain(await ended);
    closeSync(fd);
  });
});
