import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { describe, expect, vi } from 'vitest';
import { createTar, type TarSpec } from '../../src/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { FORMATS, type Format, gnuTar, gnuTarArguments } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';

const oracle = clientTest('tar', 'mkfifo', 'mknod');

async function ours(spec: Partial<TarSpec> & Pick<TarSpec, 'members'>, cwd: string): Promise<Buffer> {
  const output = `${scratchDirectory()}/out.tar`;
  const created = await createTar({ output, ...spec }, { cwd });
  const bytes = readFileSync(output);
  expect(created.sizeBytes).toBe(bytes.length);
  expect(created.sha256).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  return bytes;
}

function expectSame(expected: Uint8Array, actual: Uint8Array): void {
  expect(describeDifference(expected, actual)).toBeUndefined();
}

describe('an archive is byte for byte that of GNU tar', () => {
  for (const format of ['gnu', 'posix'] as const) {
    oracle(`of a tree of every awkward case, as ${format}`, async () => {
      const root = scratchDirectory();
      mkdirSync(`${root}/t`);
      expect(makeAwkwardTree(`${root}/t`)).toBeGreaterThan(150);
      expectSame(
        gnuTar([...gnuTarArguments(format), '-cf', '-', 't'], root),
        await ours({ members: [{ name: 't' }], format }, root),
      );
    });
  }

  oracle(
    'of a tree of every awkward case, as ustar: each member as GNU tar writes it, or its posix form where ustar cannot hold it',
    async () => {
      const root = scratchDirectory();
      mkdirSync(`${root}/t`);
      makeAwkwardTree(`${root}/t`);
      const names = spawnSync('find', ['t', '-print0'], { cwd: root, env: { LC_ALL: 'C' } })
        .stdout.toString('latin1')
        .split('\0')
        .slice(0, -1);
      const expected = new Map<string, Buffer>();
      let outsideUstar = 0;
      const one = (format: Format, name: string): Buffer =>
        gnuTar(
          [...gnuTarArguments(format), '--no-recursion', '--null', '-T', '-', '-b1', '-cf', '-'],
          root,
          Buffer.from(`${name}\0`, 'latin1'),
        ).subarray(0, -1024);
      for (const name of names) {
        try {
          expected.set(name, one('ustar', name));
        } catch {
          expected.set(name, one('posix', name));
          outsideUstar++;
        }
      }
      expect(outsideUstar).toBeGreaterThan(20);
      const order = gnuTar(
        [
          ...gnuTarArguments('gnu'),
          '-cf',
          '/dev/null',

          '--quoting-style=escape',
          '-v',
          't',
        ],
        root,
      )
        .toString('latin1')
        .split('\n')
        .slice(0, -1);
      const unquoted = order.map((line) => unquote(line).replace(/\/$/, ''));
      expect(new Set(unquoted)).toEqual(new Set(names));
      const members = unquoted.map((name) => expected.get(name)!);
      const size = members.reduce((sum, { length }) => sum + length, 0);
      const whole = Buffer.concat([...members, Buffer.alloc(Math.ceil((size + 1024) / 10_240) * 10_240 - size)]);
      expectSame(whole, await ours({ members: [{ name: 't' }] }, root));
    },
  );

  oracle('of what ustar can hold, as ustar and with --strict', async () => {
    const root = scratchDirectory();
    mkdirSync(`${root}/t/${'p'.repeat(97)}/q`, { recursive: true });
    for (const name of ['a', 'é', `${'p'.repeat(97)}/${'f'.repeat(100)}`, `${'p'.repeat(97)}/q/file`])
      writeFileSync(`${root}/t/${name}`, name);
    symlinkSync('x'.repeat(100), `${root}/t/link`);
    const expected = gnuTar([...gnuTarArguments('ustar'), '-cf', '-', 't'], root);
    expectSame(expected, await ours({ members: [{ name: 't' }] }, root));
    expectSame(expected, await ours({ members: [{ name: 't' }], strict: true }, root));
  });

  for (const format of FORMATS) {
    oracle(`of random trees, as ${format}`, async () => {
      // A random tree is a list of paths of random bytes, of which some become directories, links or files.
      const component = fc
        .uint8Array({ minLength: 1, maxLength: 130 })
        .map((bytes) =>
          Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x41 : byte))).toString('latin1'),
        )
        .filter((name) => name !== '.' && name !== '..');
      const object = fc.record({
        path: fc.array(component, { minLength: 1, maxLength: format === 'ustar' ? 1 : 3 }),
        kind: fc.constantFrom('file', 'directory', 'symlink'),
        mode: fc.integer({ min: 0o400, max: 0o7777 }).map((mode) => mode | 0o700),
        content: fc.uint8Array({ maxLength: 2000 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(object, { maxLength: 12 }), async (objects) => {
          const root = scratchDirectory();
          mkdirSync(`${root}/t`);
          for (const { path, kind, mode, content } of objects) {
            const parent = Buffer.from([`${root}/t`, ...path.slice(0, -1)].join('/'), 'latin1');
            const full = Buffer.from([`${root}/t`, ...path].join('/'), 'latin1');
            try {
              mkdirSync(parent, { recursive: true });
              if (kind === 'directory') mkdirSync(full);
              else if (kind === 'symlink')
                symlinkSync(
                  Buffer.from(content.filter((byte) => byte !== 0).map((byte) => byte)).subarray(
                    0,
                    format === 'ustar' ? 100 : 300,
                  ),
                  full,
                );
              else writeFileSync(full, content);
              if (kind !== 'symlink') chmodSync(full, mode);
            } catch {
              // Two objects of one name, or a name that the file system refuses: the tree is what could be made.
            }
          }
          let expected: Buffer;
          try {
            expected = gnuTar([...gnuTarArguments(format), '-cf', '-', 't'], root);
          } catch (error) {
            // GNU tar cannot write every tree as ustar; those are held by the test of awkward cases.
            if (format === 'ustar') return;
            throw error;
          }
          expectSame(expected, await ours({ members: [{ name: 't' }], format }, root));
        }),
        { numRuns: 60 },
      );
    });
  }

  for (const format of FORMATS) {
    oracle(`of other owners and times, as ${format}`, async () => {
      const root = scratchDirectory();
      writeFileSync(`${root}/f`, 'x');
      const cases = [
        { owner: 'build:1000', group: 'users:100', mtime: '@0' },
        { owner: 'root:0', group: 'root:0', mtime: '@1700000000' },
        { owner: 'bär:2097151', group: `${'g'.repeat(31)}:65534`, mtime: '@8589934591' },
        ...(format === 'ustar'
          ? []
          : [
              { owner: 'big:2097152', group: 'big:4294967294', mtime: '@8589934592' },
              { owner: 'a:1', group: 'b:2', mtime: '@-5' },
            ]),
      ];
      for (const { owner, group, mtime } of cases) {
        const pax = gnuTarArguments(format).filter(
          (argument) => argument.startsWith('--pax') || argument.startsWith('--format'),
        );
        const expected = gnuTar(
          [...pax, `--owner=${owner}`, `--group=${group}`, `--mtime=${mtime}`, '-cf', '-', 'f'],
          root,
        );
        expectSame(expected, await ours({ members: [{ name: 'f' }], format, owner, group, mtime }, root));
      }
      const numeric = gnuTar([...gnuTarArguments(format), '--numeric-owner', '-cf', '-', 'f'], root);
      expectSame(numeric, await ours({ members: [{ name: 'f' }], format, numericOwner: true }, root));
    });
  }

  oracle('of a long name with numeric owners, as gnu', async () => {
    const root = scratchDirectory();
    writeFileSync(`${root}/${'f'.repeat(200)}`, 'x');
    const members = [{ name: 'f'.repeat(200) }];
    expectSame(
      gnuTar([...gnuTarArguments('gnu'), '--numeric-owner', '-cf', '-', 'f'.repeat(200)], root),
      await ours({ members, format: 'gnu', numericOwner: true }, root),
    );
  });

  for (const blockingFactor of [1, 2, 7, 20, 64]) {
    oracle(`with a blocking factor of ${blockingFactor}`, async () => {
      const root = scratchDirectory();
      for (const size of [0, 100, 5000, 100_000]) {
        writeFileSync(`${root}/f`, Buffer.alloc(size, 1));
        expectSame(
          gnuTar([...gnuTarArguments('ustar'), `--blocking-factor=${blockingFactor}`, '-cf', '-', 'f'], root),
          await ours({ members: [{ name: 'f' }], blockingFactor }, root),
        );
      }
    });
  }

  oracle('of names that lead out of the tree, and with --absolute-names', async () => {
    const root = scratchDirectory();
    mkdirSync(`${root}/a/b`, { recursive: true });
    writeFileSync(`${root}/a/f`, 'x');
    for (const name of [
      `${root}/a`,
      '../a',
      './a',
      './/a',
      'a//',
      'a/.',
      'a/../a',
      'b/../../a',
      '..',
      '.',
      './',
      'a/b/..',
    ]) {
      for (const flags of [[], ['-P']]) {
        const expected = gnuTar(
          [
            ...gnuTarArguments('ustar'),
            ...flags,
            '-cf',
            '-',
            '-C',
            `${root}/a`,
            '-C',
            name.startsWith('b/') || name.startsWith('..') ? '.' : '..',
            name,
          ],
          root,
        );
        const directory = name.startsWith('b/') || name.startsWith('..') ? `${root}/a` : root;
        expectSame(expected, await ours({ members: [{ name, directory }], absoluteNames: flags.length > 0 }, root));
      }
    }
  });

  oracle('with repeated members, excluded ones and changed modes', async () => {
    const root = scratchDirectory();
    mkdirSync(`${root}/t/sub`, { recursive: true });
    for (const name of ['a.o', 'a.c', 'sub/b.o', 'sub/b.c']) writeFileSync(`${root}/t/${name}`, name);
    symlinkSync('a.c', `${root}/t/link`);
    const cases: [string[], Partial<TarSpec>][] = [
      [['t/a.c', 't', 't/a.c'], {}],
      [['--exclude=*.o', 't'], { exclude: ['*.o'] }],
      [['--exclude=sub', 't'], { exclude: ['sub'] }],
      [['--mode=u+rw,go=rX', 't'], { mode: 'u+rw,go=rX' }],
      [['--mode=0700', 't'], { mode: '0700' }],
      [['--transform=s,^t,pkg-1.0,', 't'], { transform: ['s,^t,pkg-1.0,'] }],
      [['--transform=s,\\.c$,.txt,', 't'], { transform: ['s,\\.c$,.txt,'] }],
      [['--transform=flags=r;s,\\.c$,.txt,', 't'], { transform: ['flags=r;s,\\.c$,.txt,'] }],
      [['--no-recursion', 't', 't/sub'], {}],
    ];
    for (const [args, spec] of cases) {
      const members = args
        .filter((argument) => !argument.startsWith('-'))
        .map((name) => ({ name, recursive: !args.includes('--no-recursion') }));
      expectSame(
        gnuTar(
          [
            ...gnuTarArguments('ustar'),
            ...args.filter((a) => a.startsWith('-')),
            '-cf',
            '-',
            ...args.filter((a) => !a.startsWith('-')),
          ],
          root,
        ),
        await ours({ members, ...spec }, root),
      );
    }
  });

  for (const format of FORMATS) {
    oracle(`of a file above 8 GiB, as ${format}`, { timeout: 300_000 }, async () => {
      // The file is a hole: what is compared is the first 4 KiB, the size, and the digest of GNU tar's own stream.
      const root = scratchDirectory();
      truncateSync(touch(`${root}/huge`), 8 * 2 ** 30);
      const { members } = { members: [{ name: 'huge' }] };
      const { execFileSync } = await import('node:child_process');
      // GNU tar has no ustar for it; ours is its posix member, and so the same archive.
      const theirs = execFileSync(
        'sh',
        [
          '-c',
          `tar "$@" -cf - huge | head -c 8192 | sha256sum`,
          'sh',
          ...gnuTarArguments(format === 'gnu' ? 'gnu' : 'posix'),
        ],
        { cwd: root },
      );
      const abort = new AbortController();
      const output = `${root}/out.fifo`;
      execFileSync('mkfifo', [output]);
      const fd = openSync(output, 'r+');
      const work = createTar({ members, output, format }, { cwd: root, signal: abort.signal });
      const head = await readHead(fd, 8192);
      abort.abort();
      await expect(work).rejects.toMatchObject({ code: 'ABORTED' });
      closeSync(fd);
      expect(createHash('sha256').update(head).digest('hex')).toBe(theirs.toString().slice(0, 64));
    });
  }

  oracle('of a socket: left out with a warning', async () => {
    const root = scratchDirectory();
    mkdirSync(`${root}/t`);
    const server = createServer().listen(`${root}/t/socket`);
    await vi.waitFor(() => expect(server.listening).toBe(true));
    const warnings: string[] = [];
    const output = `${root}/out.tar`;
    await createTar(
      { members: [{ name: 't' }], output },
      { cwd: root, onWarning: (message) => warnings.push(message) },
    );
    expectSame(gnuTar([...gnuTarArguments('ustar'), '-cf', '-', 't'], root), readFileSync(output));
    server.close();
    expect(warnings).toEqual([expect.stringContaining('is a socket and is left out')]);
  });
});

function touch(path: string): string {
  closeSync(openSync(path, 'w'));
  return path;
}

async function readHead(fd: number, size: number): Promise<Buffer> {
  const { read } = await import('node:fs');
  const head = Buffer.alloc(size);
  let done = 0;
  while (done < size) {
    done += await new Promise<number>((resolve, reject) => {
      read(fd, head, done, size - done, null, (error, count) => (error ? reject(error) : resolve(count)));
    });
  }
  return head;
}

/** Undoes GNU tar's `--quoting-style=escape`. */
function unquote(line: string): string {
  const named: Record<string, string> = {
    n: '\n',
    t: '\t',
    '\\': '\\',
    a: '\x07',
    b: '\b',
    f: '\f',
    r: '\r',
    v: '\v',
    ' ': ' ',
  };
  return line.replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
    /^[0-7]{3}$/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : (named[code] ?? code),
  );
}
