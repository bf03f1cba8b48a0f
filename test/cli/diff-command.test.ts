import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bash } from '../support/compared.js';
import { rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { buildToFile, PROGRAM } from '../support/tarseal.js';

function tarseal(cwd: string, args: readonly string[], input?: Uint8Array) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    cwd,
    input,
    maxBuffer: 1 << 28,
  });
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Two archives that differ in one time, and a third that differs in a hundred modes. */
function archives(): string {
  const directory = scratchDirectory();
  const write = (name: string, fields: object): void => {
    const members = Array.from({ length: 100 }, (_, index) => rawMember({ name: `file${index}`, ...fields }, 'text'));
    writeFileSync(`${directory}/${name}`, rawArchive(rawMember({ name: 'first' }), ...members));
  };
  write('a', {});
  write('b', { mtime: '14000000000' });
  write('c', { mode: '0000600' });
  return directory;
}

describe('exit codes', () => {
  for (const command of ['diff', 'explain']) {
    test(`${command}: 0 where they are equal, 1 where they differ, 2 for a wrong call`, () => {
      const directory = archives();
      bash('cp a same; echo text > text', directory);
      const codes = [
        ['a', 'a'],
        ['a', 'same'],
        ['a', 'b'],
        ['a'],
        ['a', 'missing'],
        ['text', 'a'],
        ['a', 'b', 'c'],
        ['-', '-'],
      ].map((args) => tarseal(directory, [command, ...args]).status);
      expect(codes).toEqual([0, 0, 1, 2, 2, 2, 2, 2]);
    });
  }

  test('an archive that is cut differs', () => {
    const directory = archives();
    bash('head -c 5000 a > cut', directory);
    const { status, stdout } = tarseal(directory, ['explain', 'a', 'cut']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^UNREADABLE B cannot be read to its end: .*truncated|ends/m);
  });
});

describe('text', () => {
  test('diff: the first byte with both dumps, and three members of a field', () => {
    const directory = archives();
    expect(tarseal(directory, ['diff', 'a', 'b'])).toEqual({
      status: 1,
      stderr: '',
      stdout: `A a: tar, 103936 bytes
B b: tar, 103936 bytes
first differing byte 648: mtime of "file0"
  A 00000270  30 30 30 00 30 30 30 30 30 30 30 00 30 30 30 30  000.0000000.0000
  A 00000280  30 30 30 30 30 30 34 00 30 30 30 30 30 30 30 30  0000004.00000000
  A 00000290  30 30 31 00 30 30 36 36 36 32 00 20 30 00 00 00  001.006662. 0...
  B 00000270  30 30 30 00 30 30 30 30 30 30 30 00 30 30 30 30  000.0000000.0000
  B 00000280  30 30 30 30 30 30 34 00 31 34 30 30 30 30 30 30  0000004.14000000
  B 00000290  30 30 30 00 30 30 36 36 36 36 00 20 30 00 00 00  000.006666. 0...
mtime of 100 members
  "file0": A @1 (1970-01-01T00:00:01Z), B @1610612736 (2021-01-14T08:25:36Z)
  "file1": A @1 (1970-01-01T00:00:01Z), B @1610612736 (2021-01-14T08:25:36Z)
  "file2": A @1 (1970-01-01T00:00:01Z), B @1610612736 (2021-01-14T08:25:36Z)
  and 97 more (--all)
`,
    });
  });

  test('diff --all: every one, with its bytes', () => {
    const directory = archives();
    const { stdout } = tarseal(directory, ['diff', '--all', 'a', 'c']);
    expect(stdout.match(/^ {2}"file\d+": A 0644, B 0600$/gm)).toHaveLength(100);
    expect(stdout.match(/^ {4}A [0-9a-f]{8} {2}/gm)!.length).toBe(300);
    expect(stdout).not.toContain('more');
  });

  test('explain: causes with what they were seen by', () => {
    const directory = archives();
    expect(tarseal(directory, ['explain', 'a', 'c']).stdout).toBe(`A a: tar, 103936 bytes
B c: tar, 103936 bytes
MODE probably: mode of 100 members lacks bits of 0044 in B that are in A: files were made with another umask
  A 0644, B 0600: "file0" and 99 more
`);
  });

  test('equal', () => {
    const directory = archives();
    expect(tarseal(directory, ['diff', 'a', 'a']).stdout).toBe(
      'A a: tar, 103936 bytes\nB a: tar, 103936 bytes\nequal\n',
    );
    expect(tarseal(directory, ['diff', '--quiet', 'a', 'b'])).toEqual({ status: 1, stdout: '', stderr: '' });
  });

  test('names move no cursor and forge no line', () => {
    const directory = scratchDirectory();
    for (const [file, name] of [
      ['a', 'x\x1b[2J\nMODE forged'],
      ['b', 'y'],
    ] as const) {
      writeFileSync(`${directory}/${file}`, rawArchive(rawMember({ name }, file)));
    }
    for (const command of ['diff', 'explain']) {
      const { stdout } = tarseal(directory, [command, '--all', 'a', 'b']);
      expect(stdout).not.toMatch(/\x1b|^MODE/m);
      expect(stdout).toContain(String.raw`x\x1b[2J\nMODE forged`);
    }
  });
});

describe('json', () => {
  test('one object, that of the library', () => {
    const directory = archives();
    const { status, stdout } = tarseal(directory, ['diff', '--json', 'a', 'b']);
    expect(status).toBe(1);
    expect(stdout.match(/\n/g)).toHaveLength(1);
    const json = JSON.parse(stdout);
    expect(Object.keys(json)).toEqual(['isEqual', 'a', 'b', 'layers', 'differences', 'counts']);
    expect(json).toMatchObject({
      isEqual: false,
      a: { name: 'a', formats: ['tar'], sizeBytes: 103936, images: [], findings: [] },
      counts: [{ kind: 'field', field: 'mtime', count: 100 }],
    });
    expect(json.differences).toHaveLength(10);
    const explained = JSON.parse(tarseal(directory, ['explain', '--json', '--all', 'a', 'b']).stdout);
    expect(explained.differences).toHaveLength(100);
    expect(explained.causes).toMatchObject([{ code: 'TIME', count: 100, certainty: 'certain' }]);
  });
});

describe('images', () => {
  test('standard input, a name behind a colon, a layer of an image', () => {
    const directory = scratchDirectory();
    mkdirSync(`${directory}/t`);
    writeFileSync(`${directory}/t/file`, 'text');
    const { layers } = buildToFile(
      ['--add', `${directory}/t=/t`, '-t', 'one:1', '--format', 'oci-layout', '--layer-compression', 'none'],
      `${directory}/layout`,
    );
    buildToFile(['--add', `${directory}/t=/t`, '-t', 'one:1'], `${directory}/a.tar`);
    const archive = readFileSync(`${directory}/a.tar`);
    expect(tarseal(directory, ['diff', '-', 'a.tar'], archive)).toMatchObject({ status: 0, stderr: '' });
    expect(tarseal(directory, ['diff', 'a.tar:one:1', '-'], archive).status).toBe(0);
    const layer = `layout/blobs/sha256/${layers[0]!.digest.slice(7)}`;
    expect(tarseal(directory, ['diff', 'a.tar', layer]).stdout).toContain(
      'format: A docker-archive and oci-archive, B tar\n',
    );
    expect(JSON.parse(tarseal(directory, ['diff', '--json', 'a.tar', layer]).stdout).layers).toMatchObject([
      { layer: { a: 1, b: 1 }, by: 'diffID', first: null },
    ]);
    expect(tarseal(directory, ['diff', 'a.tar:other', 'a.tar']).stderr).toMatch(/\[IMAGE_MISSING\]/);
  });
});
