import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { describeDifference } from '../support/archive-diff.js';
import { clientTest } from '../support/clients.js';
import { sha256 } from '../support/commands.js';
import { scratchDirectory } from '../support/scratch.js';
import { PROGRAM } from '../support/tarseal.js';

const oracle = clientTest('tar', 'sh');

/** What makes GNU tar deterministic, and what `tarseal tar` does by itself. */
const DETERMINISTIC = '--format=ustar --sort=name --mtime=@1 --owner=root:0 --group=root:0 --hard-dereference';

function scene(): string {
  const dir = scratchDirectory();
  mkdirSync(`${dir}/src/sub/deep`, { recursive: true });
  mkdirSync(`${dir}/other`);
  for (const name of [
    'src/a.c',
    'src/a.o',
    'src/sub/b.c',
    'src/sub/deep/c',
    'src/with space',
    'src/new\nline',
    'other/x',
    '-dash',
    '=equals',
  ]) {
    writeFileSync(`${dir}/${name}`, `content of ${name}`);
  }
  writeFileSync(Buffer.from(`${dir}/src/\xff\xfe`, 'latin1'), 'not UTF-8');
  linkSync(`${dir}/src/a.c`, `${dir}/src/hard`);
  symlinkSync('a.c', `${dir}/src/link`);
  chmodSync(`${dir}/src/a.o`, 0o4755);
  writeFileSync(`${dir}/list`, 'src/a.c\nsrc/sub\nsrc/with space\nsrc/new\\nline\nother\n');
  return dir;
}

/** Runs a shell command in which `TAR` is a tar program with its deterministic options. */
function run(command: string, cwd: string, tar: string): { status: number | null; stdout: Buffer; stderr: string } {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command.replaceAll('TAR', tar)], {
    cwd,
    maxBuffer: 1 << 28,
  });
  return { status, stdout, stderr: stderr.toString() };
}

const OURS = `"${process.execPath}" "${PROGRAM}" tar`;
// GNU tar takes the first option group without a dash; ours comes first, so that the user's own may follow in any place.
const THEIRS = `LC_ALL=C tar ${DETERMINISTIC}`;

describe('the command lines that people give to GNU tar give the same bytes', () => {
  const commands = [
    'TAR -cf - src',
    'TAR -c src',
    'TAR -cf out src; cat out',
    'TAR -cfout src; cat out',
    'TAR --create --file=out src; cat out',
    'TAR --create --file out src other; cat out',
    'TAR -c -f out -C src . ; cat out',
    'TAR -cf - -C src a.c sub -C ../other x',
    'TAR -cf - --directory=src a.c',
    'TAR -cf - src other src/a.c',
    'TAR -cf - --no-recursion src src/sub',
    'TAR -cf - -T list',
    'TAR -cf - --files-from=list',
    'TAR -cf - -C src -T ../list -C .. other || true',
    'find src -print0 | LC_ALL=C sort -z | TAR --null --no-recursion -T - -cf -',
    'find src -print0 | LC_ALL=C sort -z | TAR -cf - --null --no-recursion --files-from=-',
    "(cd src && find . -type f -name '*.c') | LC_ALL=C sort | TAR -C src -cf - -T -",
    'printf "src/a.c\\n\\nother" | TAR -cf - -T -',
    'TAR -cf - --exclude=*.o src',
    'TAR -cf - --exclude=sub --exclude=*.c src',
    "TAR -cf - --exclude='src/s*' src",
    "TAR -cf - --exclude='*/deep' src other",
    'TAR -cf - --mode=u=rwX,go=rX src',
    'TAR -cf - --mode=go-rwx src',
    'TAR -cf - --mode=0644 src',
    'TAR -cf - --transform=s,^src,pkg-1.0, src',
    "TAR -cf - --xform='s/^/prefix\\//' src",
    "TAR -cf - --transform='s|^src/||' --transform='s/a/A/g' src",
    "TAR -cf - --transform='flags=rSH;s,a,b,g' src",
    "TAR -cf - --transform='s,\\(.*\\)\\.c$,\\U\\1\\E.C,x;s,^src,out,' src || true",
    "TAR -cf - --xform='s,a,b,' --transform='s,b,c,' --xform='s,c,d,' src",
    "TAR -cf - --transform=flags=R --transform='s,a,b,' src",
    'find src -print0 | LC_ALL=C sort -z | TAR --null --no-recursion --exclude=sub -T - -cf -',
    'find src -print0 | LC_ALL=C sort -z | TAR --null --exclude=sub --no-recursion -T - -cf -',
    'TAR -cf - --owner=0 --group=0 --numeric-owner src',
    'TAR -cf - --owner=build:1000 --group=users:100 src',
    'TAR -cf - --owner=:1234 --group=:4321 --numeric-owner src',
    'TAR -cf - --mtime=@1700000000 src',
    'TAR -cf - --mtime=2024-02-29T12:34:56Z src',
    'TAR --format=gnu -cf - src',
    'TAR --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime -cf - src',
    'TAR --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f --pax-option=delete=atime,delete=ctime -cf - src',
    'TAR -b 1 -cf - src',
    'TAR --blocking-factor=64 -cf - src',
    'TAR -P -cf - "$PWD/src"',
    'TAR -cf - "$PWD/src"',
    'TAR -cf - ./src',
    'TAR -cf - src/ src//sub/',
    'TAR -cf - -- -dash =equals',
    'TAR -cf - ./-dash',
    'cd src && TAR -cf - *',
    'TAR -cf - src/link src/hard',
    'TAR -cf - -T /dev/null',
  ];
  for (const command of commands) {
    oracle(command.replaceAll('\n', ' '), () => {
      const dir = scene();
      const theirs = run(command, dir, THEIRS);
      const ours = run(command, dir, OURS);
      expect(ours.status, ours.stderr).toBe(theirs.status);
      if (!command.includes('|| true')) expect(theirs.stdout.length).toBeGreaterThan(1000);
      expect(describeDifference(theirs.stdout, ours.stdout)).toBeUndefined();
      if (!command.includes('-cf - ') || command.includes('|| true')) return;
      // Members that go to a file are packed as they are listed.
      const out = `${scratchDirectory()}/out`;
      const toFile = run(command.replace('-cf - ', `-cf ${out} `), dir, OURS);
      expect(toFile.status, toFile.stderr).toBe(0);
      expect(describeDifference(theirs.stdout, readFileSync(out))).toBeUndefined();
    });
  }

  oracle('-z compresses the same archive', () => {
    const dir = scene();
    const plain = run('TAR -cf - src', dir, THEIRS).stdout;
    expect(run('TAR -czf out.tgz src && cat out.tgz | gzip -dc', dir, OURS).stdout.equals(plain)).toBe(true);
    expect(run('TAR --gzip -cf - src | tar -tzf - | wc -l', dir, OURS).stdout.toString().trim()).not.toBe('0');
    const bytes = readFileSync(`${dir}/out.tgz`);
    expect(gunzipSync(bytes).equals(plain)).toBe(true);
    // RFC 1952: no time, no name, an unknown operating system.
    expect([...bytes.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, bytes[8], 255]);
  });
});

describe('results', () => {
  test('the text says digest, size and file, on standard error', () => {
    const dir = scene();
    const { stdout, stderr, status } = run('TAR -cf out.tar src', dir, OURS);
    const bytes = readFileSync(`${dir}/out.tar`);
    expect({ status, stdout: stdout.toString(), stderr }).toEqual({
      status: 0,
      stdout: '',
      stderr: `${sha256(bytes)} ${bytes.length} out.tar\n`,
    });
    const { stdout: archive, stderr: result } = run('TAR -c src', dir, OURS);
    expect(result).toBe(`${sha256(archive)} ${archive.length} -\n`);
  });

  test('the JSON goes to standard output, or to standard error where that has the archive', () => {
    const dir = scene();
    const { stdout } = run('TAR -cf out.tar --json src', dir, OURS);
    const bytes = readFileSync(`${dir}/out.tar`);
    const members = run('tar -tf out.tar', dir, 'tar').stdout.toString().trimEnd().split('\n').length;
    expect(JSON.parse(stdout.toString())).toEqual({ sha256: sha256(bytes), sizeBytes: bytes.length, members });
    const { stdout: archive, stderr } = run('TAR -c --json src', dir, OURS);
    expect(JSON.parse(stderr)).toEqual({ sha256: sha256(archive), sizeBytes: archive.length, members });
  });

  test('--quiet says nothing, and no warning', () => {
    const dir = scene();
    expect(run('TAR --quiet -cf out.tar "$PWD/src"', dir, OURS)).toMatchObject({ status: 0, stderr: '' });
    expect(run('TAR -cf out.tar "$PWD/src"', dir, OURS).stderr).toMatch(/removing leading "\/" from member names/);
  });

  test('neither the hash engine nor naming the default codec changes a byte', () => {
    const dir = scene();
    const results = ['--hash-engine wasm', '--hash-engine=native', '', '--codec gzip-libdeflate-1'].map(
      (flags) => run(`TAR ${flags} -czf - src`, dir, OURS).stdout,
    );
    for (const result of results) expect(result.equals(results[0]!)).toBe(true);
  });
});

describe('what is refused', () => {
  const refused: Readonly<Record<string, RegExp>> = {
    'TAR -cf out.tar src --no-recursion': /--no-recursion after the members/,
    'TAR -cf out.tar src -C other': /-C after the members/,
    'TAR -cf out.tar src --exclude=x': /--exclude after the members/,
    'TAR -cf out.tar src -5': /a member that begins with "-" must be given after --/,
    'TAR -cf out.tar': /at least one member/,
    'TAR -cf out.tar nowhere': /nowhere": it does not exist \[SOURCE_MISSING\]/,
    'TAR -cf out.tar --format=v7 src': /v7/,
    'TAR -cf out.tar --owner=alice src': /alice/,
    'TAR -cf out.tar --mtime=yesterday src': /yesterday/,
    "TAR -cf out.tar --transform='s,a|b,x,x' src": /alternation/i,
    "TAR -cf out.tar --transform='s,\\(a\\)\\1,x,' src": /back-?reference/i,
    'TAR -cf out.tar --transform=nonsense src': /nonsense/,
    'TAR -cf out.tar --pax-option=globexthdr.name=x src': /globexthdr\.name=x/,
    'TAR -cf out.tar -b 0 src': /from 1 to/,
    'TAR -xf out.tar': /unknown option/,
    "printf -- '-C\\nsrc\\n' | TAR -cf out.tar -T -": /begins with "-"/,
    'TAR -cf out.tar -T nowhere': /nowhere/,
    'TAR --strict --owner=x:3000000 -cf out.tar src': /uid must be at most 2097151/,
    'TAR --json --hash-engine sha1 -cf out.tar src': /sha1/,
  };
  for (const [command, message] of Object.entries(refused)) {
    test(command, () => {
      const dir = scene();
      writeFileSync(`${dir}/out.tar`, 'precious');
      const { status, stdout, stderr } = run(command, dir, OURS);
      expect(stderr).toMatch(message);
      expect(stdout.toString()).toBe('');
      expect(status).toBe(2);
      expect(readFileSync(`${dir}/out.tar`, 'utf8')).toBe('precious');
    });
  }
});
