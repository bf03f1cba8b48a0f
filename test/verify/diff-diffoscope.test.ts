import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { clientTest } from '../support/clients.js';
import { bash, diffOf } from '../support/compared.js';
import { readArchive } from '../support/python.js';
import { scratchDirectory } from '../support/scratch.js';

interface Detail {
  readonly source1: string;
  readonly unified_diff: string | null;
  readonly details?: readonly Detail[];
}

/** What Debian's diffoscope says of two archives. */
function diffoscope(cwd: string): readonly Detail[] {
  const { status, stdout, stderr } = spawnSync('diffoscope', ['--json', '-', 'a.tar', 'b.tar'], {
    cwd,
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  });
  if (status !== 1) throw new Error(`diffoscope exited with ${status}: ${stderr}`);
  return (JSON.parse(stdout.toString('utf8')) as { readonly details: readonly Detail[] }).details;
}

/** The first line that a diff takes away, or else adds. */
function firstLine(diff: string): string {
  const lines = diff.split('\n').slice(1);
  return (lines.find((line) => line.startsWith('-')) ?? lines.find((line) => line.startsWith('+')))!.slice(1);
}

const TREE = `umask 022; mkdir -p t/d; for n in a b c d/x d/y; do seq 1 500 > t/$n; done; head -c 5000 /dev/zero > t/zeros
D='--sort=name --mtime=@1 --owner=root:0 --group=root:0 --format=gnu'; tar $D -cf a.tar t
`;

describe('diffoscope finds the first difference where we find it', () => {
  for (const [name, script] of [
    ['mtime of all members', 'tar $D --mtime=@2 -cf b.tar t'],
    ['mode of one member', 'chmod 600 t/c; tar $D -cf b.tar t'],
    ['owner of all', 'tar $D --owner=alice:1000 -cf b.tar t'],
    ['a member of one side', 'rm t/b; tar $D -cf b.tar t'],
    ['a link and a file', 'rm t/d/x; ln -s y t/d/x; tar $D -cf b.tar t'],
    ['order', "printf '%s\\n' t t/a t/c t/b t/d t/d/x t/d/y t/zeros | tar $D --no-recursion -T - -cf b.tar"],
  ] as const) {
    clientTest('diffoscope', 'tar')(`${name}: the first line of its list of files`, async () => {
      const directory = scratchDirectory();
      bash(TREE + script, directory);
      const list = diffoscope(directory).find(({ source1 }) => source1 === 'file list');
      const { layers } = await diffOf(directory, 'a.tar', 'b.tar');
      const { member } = layers[0]!.first!;
      // A line ends with the name, and that of a link with what it leads to.
      const named = firstLine(list!.unified_diff!).replace(/ -> .*$/, '');
      expect([member.a, member.b]).toContain(named.slice(named.lastIndexOf(' ') + 1));
    });
  }

  clientTest(
    'diffoscope',
    'tar',
    'python3',
  )('a line of text', async () => {
    const directory = scratchDirectory();
    bash(`${TREE}sed -i s/^321/three/ t/d/y; tar $D -cf b.tar t`, directory);
    const detail = diffoscope(directory).find(({ source1 }) => source1 !== 'file list')!;
    const { differences } = await diffOf(directory, 'a.tar', 'b.tar');
    const content = differences.find(({ kind }) => kind === 'content')!;
    expect(content.member).toBe(detail.source1);
    const place = readArchive(join(directory, 'a.tar')).find((one) => one.name === content.member)!;
    const text = readFileSync(join(directory, 'a.tar')).toString('latin1', place.offset, place.offset + place.size);
    const line = text.slice(0, content.offset!.a).split('\n').length;
    expect(text.split('\n')[line - 1]).toBe(firstLine(detail.unified_diff!));
  });

  clientTest(
    'diffoscope',
    'tar',
    'xxd',
  )('a byte of a binary file', async () => {
    const directory = scratchDirectory();
    bash(`${TREE}printf x | dd of=t/zeros bs=1 seek=4321 conv=notrunc status=none; tar $D -cf b.tar t`, directory);
    const detail = diffoscope(directory).find(({ source1 }) => source1 !== 'file list')!;
    const { differences } = await diffOf(directory, 'a.tar', 'b.tar');
    const content = differences.find(({ kind }) => kind === 'content')!;
    expect(content).toMatchObject({ member: detail.source1, offset: { a: 4321, b: 4321 } });
    const row = Number.parseInt(firstLine(detail.unified_diff!).split(':')[0]!, 16);
    expect(Math.floor(4321 / 16) * 16).toBe(row);
  });
});
