import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { testUnless } from '../support/clients.js';
import { sha256 } from '../support/commands.js';
import { copyForEveryUser } from '../support/public-program.js';
import { scratchDirectory } from '../support/scratch.js';
import { PROGRAM } from '../support/tarseal.js';

/** What every variation must give: found once, from the plainest build, and held against `sha256sum` of its output. */
let expected: { readonly image: string; readonly archive: string };

interface Variation {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly shell?: string;
}

function buildArguments(tree: string, output: string, extra: readonly string[] = []): string[] {
  return [
    'build',
    '--add',
    `${tree}=/app`,
    '--directory',
    '/tmp:1777',
    '-S',
    '/bin=/app/bin',
    '--max-layers',
    '4',
    '-t',
    'det:1',
    ...extra,
    '-o',
    output,
    '--json',
  ];
}

function build(
  tree: string,
  { args = [], env = {}, cwd, uid, shell = '' }: Variation = {},
): { image: string; archive: string } {
  const scratch = scratchDirectory();
  if (uid !== undefined) chownSync(scratch, uid, uid);
  const output = join(scratch, 'out.tar');
  const command = `${shell} exec "$0" "$@"`;
  const result = spawnSync(
    'sh',
    [
      '-c',
      command,
      process.execPath,
      uid === undefined ? PROGRAM : publicProgram.program,
      ...buildArguments(tree, output, args),
    ],
    {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
      ...(uid !== undefined && { uid, gid: uid }),
    },
  );
  expect(result.stderr.toString()).toBe('');
  expect(result.status).toBe(0);
  return {
    image: (JSON.parse(result.stdout.toString()) as { image: string }).image,
    archive: sha256(readFileSync(output)),
  };
}

/** Names whose creation order, byte order and UTF-16 order all differ. */
const NAMES = [
  'z',
  'a',
  'm/deep/er',
  'm/deep',
  'bin/tool',
  'bin',
  '\u{10000}',
  '\uff5e',
  'é',
  'b',
  'm/x',
  'hard1',
  'hard2',
  'link',
];

function makeTree(
  root: string,
  options: { reversed?: boolean; hardLinks?: boolean; mtime?: number; owner?: number } = {},
): string {
  mkdirSync(root, { recursive: true });
  const names = options.reversed ? NAMES.toReversed() : NAMES;
  for (const name of names) {
    const path = join(root, name);
    if (['m/deep', 'bin'].includes(name)) mkdirSync(path, { recursive: true });
    else if (name === 'link') symlinkSync('m/x', path);
    else {
      mkdirSync(join(path, '..'), { recursive: true });
      if (!existsSync(path)) writeFileSync(path, name.startsWith('hard') ? 'one content' : `content of ${name}`);
    }
  }
  if (options.hardLinks) {
    unlinkSync(join(root, 'hard2'));
    linkSync(join(root, 'hard1'), join(root, 'hard2'));
  }
  for (const path of everything(root)) {
    const isDirectory = lstatSync(path).isDirectory();
    if (!lstatSync(path).isSymbolicLink()) chmodSync(path, isDirectory ? 0o750 : path.endsWith('tool') ? 0o755 : 0o644);
    if (options.owner !== undefined && lstatSync(path).isSymbolicLink() === false)
      chownSync(path, options.owner, options.owner);
    if (options.mtime !== undefined) lutimesSync(path, options.mtime, options.mtime);
  }
  return root;
}

function everything(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => join(root, name))
    .sort((a, b) => b.length - a.length)
    .concat(root);
}

/** For users other than root. */
let publicProgram: ReturnType<typeof copyForEveryUser>;
afterAll(() => publicProgram.remove());

beforeAll(() => {
  publicProgram = copyForEveryUser();
  // Outside the tests' own scratch directories, which go with each test.
  const base = mkdtempSync('/tmp/tarseal-det-');
  try {
    const output = join(base, 'out.tar');
    const { status, stdout, stderr } = spawnSync(process.execPath, [
      PROGRAM,
      ...buildArguments(makeTree(join(base, 'tree')), output),
    ]);
    if (status !== 0) throw new Error(stderr.toString());
    const sum = spawnSync('sha256sum', [output]).stdout.toString().slice(0, 64);
    expected = { image: (JSON.parse(stdout.toString()) as { image: string }).image, archive: `sha256:${sum}` };
  } finally {
    rmSync(base, { recursive: true });
  }
});

describe('the same image', () => {
  test('from a copy of the tree, by other inodes', () => {
    const scratch = scratchDirectory();
    cpSync(makeTree(`${scratch}/a`), `${scratch}/b`, { recursive: true, verbatimSymlinks: true });
    expect(readlinkSync(`${scratch}/b/link`)).toBe('m/x');
    expect(build(`${scratch}/b`)).toEqual(expected);
  });

  test('from files created in reverse order', () => {
    expect(build(makeTree(`${scratchDirectory()}/t`, { reversed: true }))).toEqual(expected);
  });

  test('from files of which two are hard links', () => {
    const tree = makeTree(`${scratchDirectory()}/t`, { hardLinks: true });
    expect(lstatSync(`${tree}/hard1`).nlink).toBe(2);
    expect(build(tree)).toEqual(expected);
  });

  test('from files of other times', () => {
    for (const mtime of [0, 86_400, 4_000_000_000.5])
      expect(build(makeTree(`${scratchDirectory()}/t`, { mtime }))).toEqual(expected);
  });

  testUnless(process.getuid?.() === 0 ? [] : ['another owner needs root'])('from files of another owner', () => {
    expect(build(makeTree(`${scratchDirectory()}/t`, { owner: 12_345 }))).toEqual(expected);
  });

  testUnless(process.getuid?.() === 0 ? [] : ['another user needs root'])('for another user, without root', () => {
    const scratch = scratchDirectory();
    chmodSync(scratch, 0o755);
    expect(build(makeTree(`${scratch}/t`, { owner: 65_534 }), { uid: 65_534, cwd: '/' })).toEqual(expected);
  });

  testUnless(existsSync('/dev/shm') ? [] : ['a tmpfs at /dev/shm is missing'])('from a tmpfs', () => {
    const shm = mkdtempSync('/dev/shm/tarseal-');
    onTestFinished(() => rmSync(shm, { recursive: true }));
    expect(build(makeTree(`${shm}/t`))).toEqual(expected);
  });

  for (const umask of ['000', '022', '077', '0777']) {
    test(`under umask ${umask}`, () => {
      // The tree's own modes are set by the test; what the umask could change is the build.
      if (umask === '0777' && process.getuid?.() !== 0) return;
      expect(build(makeTree(`${scratchDirectory()}/t`), { shell: `umask ${umask};` })).toEqual(expected);
    });
  }

  const environments: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'another time zone': { TZ: 'Pacific/Kiritimati' },
    'a UTF-8 locale': { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' },
    'another language': { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
    'another home': { HOME: '/nonexistent' },
    'another directory for temporary files': { TMPDIR: homedir() },
    'no colours and another terminal': { NO_COLOR: '1', TERM: 'dumb', COLUMNS: '20' },
  };
  for (const [name, env] of Object.entries(environments)) {
    test(`in ${name}`, () => {
      expect(build(makeTree(`${scratchDirectory()}/t`), { env })).toEqual(expected);
    });
  }

  test('from another working directory, by a relative path', () => {
    const scratch = scratchDirectory();
    makeTree(`${scratch}/t`);
    expect(build('t', { cwd: scratch })).toEqual(expected);
    expect(build('../../t', { cwd: mkdtempIn(`${scratch}/x`) })).toEqual(expected);
  });

  for (const engine of ['wasm', 'native', 'auto']) {
    test(`with the hash engine ${engine}`, () => {
      expect(build(makeTree(`${scratchDirectory()}/t`), { args: ['--hash-engine', engine] })).toEqual(expected);
    });
  }

  test('with other numbers of jobs', () => {
    for (const jobs of ['1', '2', '7'])
      expect(build(makeTree(`${scratchDirectory()}/t`), { args: ['--jobs', jobs] })).toEqual(expected);
  });

  test('to standard output', () => {
    const tree = makeTree(`${scratchDirectory()}/t`);
    const { stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...buildArguments(tree, '-')], {
      maxBuffer: 1 << 28,
    });
    expect(sha256(stdout)).toBe(expected.archive);
    expect((JSON.parse(stderr.toString()) as { image: string }).image).toBe(expected.image);
  });

  test('into a fifo', async () => {
    const scratch = scratchDirectory();
    const tree = makeTree(`${scratch}/t`);
    spawnSync('mkfifo', [`${scratch}/fifo`]);
    const reader = spawn('sha256sum', [`${scratch}/fifo`]);
    const text = collect(reader.stdout);
    const builder = spawn(process.execPath, [PROGRAM, ...buildArguments(tree, `${scratch}/fifo`)], { stdio: 'ignore' });
    expect(await exitCode(builder)).toBe(0);
    expect(`sha256:${(await text).slice(0, 64)}`).toBe(expected.archive);
    expect(lstatSync(`${scratch}/fifo`).isFIFO()).toBe(true);
  });

  test('twice at the same time, to one target', async () => {
    const scratch = scratchDirectory();
    const tree = makeTree(`${scratch}/t`);
    const builders = [1, 2, 3].map(() =>
      spawn(process.execPath, [PROGRAM, ...buildArguments(tree, `${scratch}/out.tar`)], { stdio: 'ignore' }),
    );
    expect(await Promise.all(builders.map(exitCode))).toEqual([0, 0, 0]);
    expect(sha256(readFileSync(`${scratch}/out.tar`))).toBe(expected.archive);
    expect(readdirSync(scratch).sort()).toEqual(['out.tar', 't']);
  });

  for (const compression of [
    ['--layer-compression', 'gzip'],
    ['-C', 'gzip:1'],
    ['-C', 'gzip', '--layer-compression', 'gzip:9'],
    ['--format', 'oci-archive'],
  ]) {
    test(`with ${compression.join(' ')}: a file, standard output and both hash engines agree`, () => {
      const tree = makeTree(`${scratchDirectory()}/t`);
      const toFile = build(tree, { args: compression });
      const { stdout } = spawnSync(process.execPath, [PROGRAM, ...buildArguments(tree, '-', compression)], {
        maxBuffer: 1 << 28,
      });
      expect(sha256(stdout)).toBe(toFile.archive);
      expect(
        build(makeTree(`${scratchDirectory()}/t`, { reversed: true }), {
          args: [...compression, '--hash-engine', 'wasm'],
        }),
      ).toEqual(toFile);
    });
  }

  test('and another one when a byte, a name, a mode or a link target is another', () => {
    const changes: ((tree: string) => void)[] = [
      (tree) => writeFileSync(`${tree}/a`, 'content of b'),
      (tree) => writeFileSync(`${tree}/new`, ''),
      (tree) => chmodSync(`${tree}/a`, 0o600),
      (tree) => chmodSync(`${tree}/m`, 0o755),
      (tree) => {
        unlinkSync(`${tree}/link`);
        symlinkSync('m/y', `${tree}/link`);
      },
    ];
    for (const change of changes) {
      const tree = makeTree(`${scratchDirectory()}/t`);
      change(tree);
      expect(build(tree).image).not.toBe(expected.image);
    }
  });
});

function mkdtempIn(path: string): string {
  mkdirSync(path);
  return mkdtempSync(`${path}/d`);
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

function exitCode(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve) => child.on('close', resolve));
}
