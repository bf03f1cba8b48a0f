import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { createLookAhead } from '../../src/layer/index.js';
import { type FoundObject, TreeError, type UnreadablePath, type WalkOptions, walk } from '../../src/tree/index.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { scratchDirectory } from '../support/scratch.js';

/** The package's worker: it runs what was built. */
const WORKER = new URL('../../dist/layer/look-worker.js', import.meta.url);

/** A worker that ends, or sleeps for ever, when it has claimed a group. */
function hindered(how: 'ends' | 'sleeps' | 'ends at once'): URL {
  const memory = new URL('../../dist/layer/look-memory.js', import.meta.url).href;
  const then = how === 'sleeps' ? 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);' : 'process.exit();';
  const program = `
    import { workerData } from 'node:worker_threads';
    import { openLookMemory } from '${memory}';
    const groups = openLookMemory(workerData);
    ${how === 'ends at once' ? 'process.exit();' : ''}
    for (;;) {
      const seen = groups.events();
      if (groups.isStopped()) break;
      if (groups.claim() >= 0) { ${then} }
      groups.wait(seen);
    }`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

interface Walked {
  readonly objects: readonly FoundObject[];
  readonly warnings: readonly string[];
  readonly unreadable: readonly UnreadablePath[];
}

function walked(root: string, options: Partial<WalkOptions>): Walked {
  const objects: FoundObject[] = [];
  const warnings: string[] = [];
  const unreadable: UnreadablePath[] = [];
  walk(root as ByteString, 'tree' as ByteString, (_, found) => objects.push(found), {
    unreadable,
    onWarning: (message) => warnings.push(message),
    ...options,
  });
  return { objects, warnings, unreadable };
}

function lookAheadOf(jobs: number, workerUrl = WORKER): NonNullable<ReturnType<typeof createLookAhead>> {
  const lookAhead = createLookAhead(jobs, workerUrl)!;
  onTestFinished(lookAhead.stop);
  return lookAhead;
}

/** More files than it takes for workers to come in, in more groups than may be on their way, and every awkward case. */
function makeLargeTree(): string {
  const root = scratchDirectory();
  for (let directory = 0; directory < 60; directory++) {
    const path = join(root, `directory-${directory}`);
    mkdirSync(path);
    for (let file = 0; file < 150; file++) writeFileSync(join(path, `file-${file}`), 'x'.repeat(file));
  }
  mkdirSync(join(root, 'awkward'));
  makeAwkwardTree(join(root, 'awkward'));
  return root;
}

const tree = clientTest('mkfifo', 'mknod');

describe('a walk that looks ahead finds what one does that looks at each file in its turn', () => {
  tree.each([
    ['with one worker', 2, WORKER],
    ['with more workers than it takes', 9, WORKER],
    ['with workers that end at once', 3, hindered('ends at once')],
    ['with workers that end in the middle', 3, hindered('ends')],
    ['with workers that never come back', 3, hindered('sleeps')],
  ] as const)('%s', (_, jobs, url) => {
    const root = makeLargeTree();
    const select = (name: ByteString): boolean => !name.endsWith('-7');
    const expected = walked(root, { select });
    expect(expected.objects.length).toBeGreaterThan(8000);
    expect(walked(root, { select, lookAhead: lookAheadOf(jobs, url) })).toEqual(expected);
  });

  test('of one source after the other, with one and the same workers', () => {
    const root = makeLargeTree();
    const lookAhead = lookAheadOf(3);
    for (let source = 0; source < 60; source++) {
      const path = join(root, `directory-${source}`);
      expect(walked(path, { lookAhead })).toEqual(walked(path, {}));
    }
  });
});

test('one thread looks at each file in its turn', () => {
  expect(createLookAhead(1)).toBeUndefined();
});

describe('what is another than its directory said ends the walk', () => {
  const cases: readonly [string, string, (path: string) => void][] = [
    ['a file that vanishes', 'directory-5/file-3', (path) => rmSync(path)],
    [
      'a directory that becomes a symlink',
      'directory-5',
      (path) => {
        rmSync(path, { recursive: true });
        symlinkSync('elsewhere', path);
      },
    ],
  ];
  test.each(cases)('%s', (_, name, change) => {
    const root = makeLargeTree();
    let isChanged = false;
    const select = (member: ByteString): boolean => {
      // A group is listed whole before any of it is looked at.
      if (member === 'tree/directory-5/file-4' && !isChanged) {
        isChanged = true;
        change(join(root, name));
      }
      return true;
    };
    let error: unknown;
    try {
      walked(root, { select, lookAhead: lookAheadOf(2) });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TreeError);
    expect(error).toMatchObject({ code: 'SOURCE_CHANGED' });
  });
});
