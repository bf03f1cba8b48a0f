import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import type { ArchiveEntry, EntryBody } from '../../src/entry/index.js';
import { entriesOfItems, ImageTree, type NodeOrigin, TreeError } from '../../src/tree/index.js';

const IMPLIED = { mode: 0, uid: 0, gid: 0, uname: 'root' as ByteString, gname: 'root' as ByteString, mtimeSeconds: 1 };

const DIRECTORY: EntryBody = { type: 'directory' };
const FIFO: EntryBody = { type: 'fifo' };
const DEVICE: EntryBody = { type: 'character-device', devMajor: 1, devMinor: 3 };

function link(target: string): EntryBody {
  return { type: 'symlink', linkname: target as ByteString };
}

function file(content = 'x'): EntryBody {
  const bytes = new TextEncoder().encode(content);
  return { type: 'file', sizeBytes: bytes.length, source: { from: 'memory', bytes } };
}

function fileAt(directory: string, name: string): EntryBody {
  const source = { from: 'file', directory: directory as ByteString, name: name as ByteString, mtimeMs: 1 } as const;
  return { type: 'file', sizeBytes: 1, source };
}

function isOfDisk(body: EntryBody): boolean {
  return body.type === 'file' && body.source.from === 'file';
}

function entry(path: string, body: EntryBody, mode = 0o644, uid = 0): ArchiveEntry {
  return { path: path as ByteString, body, ...IMPLIED, mode, uid };
}

function origin(source: string, fsPath?: string, item?: string): NodeOrigin {
  return { source, fsPath: fsPath as ByteString | undefined, item: item as ByteString | undefined };
}

let tree: ImageTree;

beforeEach(() => {
  tree = new ImageTree(IMPLIED);
});

function at(path: string): string | undefined {
  const node = tree.get(path as ByteString);
  if (node === undefined) return undefined;
  const { body, mode, uid } = node.entry;
  return `${body.type} ${mode.toString(8)} ${uid}${node.explicit ? '' : ' implied'} of ${node.origin.source}`;
}

describe('directories merge', () => {
  test('parents are implied: root, 0755', () => {
    tree.place(entry('a/b/c', file()), origin('one'));
    expect([at('a'), at('a/b'), at('a/b/c')]).toEqual([
      'directory 755 0 implied of one',
      'directory 755 0 implied of one',
      'file 644 0 of one',
    ]);
    expect(tree.size).toBe(3);
  });

  test('explicit attributes win over implied ones that come before or after', () => {
    tree.place(entry('a/b', file()), origin('one'));
    tree.place(entry('a', DIRECTORY, 0o700, 5), origin('two'));
    tree.place(entry('a/c', file()), origin('three'));
    expect(at('a')).toBe('directory 700 5 of two');
  });

  test('later explicit attributes win over earlier ones', () => {
    tree.place(entry('a', DIRECTORY, 0o700), origin('one'));
    tree.place(entry('a', DIRECTORY, 0o711), origin('two'));
    expect(at('a')).toBe('directory 711 0 of two');
  });

  test('what is in them stays', () => {
    tree.place(entry('a/x', file()), origin('one'));
    tree.place(entry('a', DIRECTORY), origin('two'));
    expect(at('a/x')).toBe('file 644 0 of one');
  });
});

describe('what agrees', () => {
  test('the same source twice', () => {
    tree.place(entry('a', fileAt('/src', 'a')), origin('one'));
    tree.place(entry('a', fileAt('/src', 'a')), origin('two'));
    expect(at('a')).toBe('file 644 0 of one');
  });

  test('equal symlinks, wherever they come from', () => {
    tree.place(entry('a', link('target')), origin('one', '/src/a'));
    tree.place(entry('a', link('target')), origin('two'));
    expect(at('a')).toBe('symlink 644 0 of one');
  });

  test.each<[name: string, body: EntryBody]>([
    ['a fifo', FIFO],
    ['a device', DEVICE],
  ])('%s that is the same object', (_name, body) => {
    tree.place(entry('a', body), origin('one', '/src/a'));
    tree.place(entry('a', body), origin('two', '/src/a'));
    expect(tree.size).toBe(1);
  });
});

describe('any other two are an error that names both', () => {
  const bodies: readonly (readonly [what: string, body: EntryBody])[] = [
    ['a file', file()],
    ['a file', file('another')],
    ['a file', fileAt('/src', 'a')],
    ['a file', fileAt('/src/b', 'a')],
    ['a file', fileAt('/src', 'b')],
    ['a symlink to "x"', link('x')],
    ['a symlink to "y"', link('y')],
    ['a directory', DIRECTORY],
    ['a fifo', FIFO],
    ['a character device', DEVICE],
  ];
  const pairs = bodies.flatMap(([first, one], a) =>
    bodies.flatMap(([second, two], b) =>
      a === b && (one.type === 'symlink' || one.type === 'directory' || isOfDisk(one))
        ? []
        : [[first, second, one, two] as const],
    ),
  );

  test.each(pairs)('%s and %s', (first, second, one, two) => {
    tree.place(entry('d/a', one), origin('--add "one"', '/src/one'));
    const work = (): void => tree.place(entry('d/a', two), origin('--add "two"', '/src/two'));
    expect(work).toThrow(TreeError);
    expect(work).toThrow(
      expect.objectContaining({
        code: 'TREE_CONFLICT',
        message: `Cannot lay two sources at "/d/a": it is ${first} of --add "one", and ${second} of --add "two"`,
        data: { path: 'd/a', sources: ['--add "one"', '--add "two"'] },
      }),
    );
    expect(tree.get('d/a' as ByteString)!.entry.body).toBe(one);
  });

  test.each(bodies.filter(([, body]) => body.type !== 'directory'))('%s above another', (what, body) => {
    tree.place(entry('a', body), origin('one'));
    expect(() => tree.place(entry('a/b/c', file()), origin('two'))).toThrow(
      expect.objectContaining({
        code: 'TREE_CONFLICT',
        message: `Cannot lay "/a/b/c" of two: "/a" must be a directory, and is ${what} of one`,
        data: { path: 'a/b/c', parent: 'a', sources: ['one', 'two'] },
      }),
    );
  });

  test.each(bodies.filter(([, body]) => body.type !== 'directory'))(
    '%s where a directory is implied',
    (_what, body) => {
      tree.place(entry('a/b', file()), origin('one'));
      expect(() => tree.place(entry('a', body), origin('two'))).toThrow(/one.*two|two.*one/);
    },
  );

  test('two files of no file system: texts have no object that could be the same', () => {
    tree.place(entry('a', file()), origin('one'));
    expect(() => tree.place(entry('a', file()), origin('two'))).toThrow(TreeError);
  });

  test('names are shown without control characters', () => {
    tree.place(entry('a\x1b[2J', file()), origin('one'));
    expect(() => tree.place(entry('a\x1b[2J', FIFO), origin('two'))).toThrow(/^[\x20-\x7e]*$/);
  });
});

describe('replace', () => {
  test('replaces a file, and a symlink', () => {
    for (const body of [file(), link('before')]) {
      tree = new ImageTree(IMPLIED);
      tree.place(entry('a', body), origin('one'));
      tree.replace(entry('a', link('after')), origin('two'));
      expect(tree.get('a' as ByteString)!.entry.body).toEqual(link('after'));
    }
  });

  test('never replaces a directory', () => {
    tree.place(entry('a/b', file()), origin('one'));
    expect(() => tree.replace(entry('a', link('x')), origin('two'))).toThrow(TreeError);
    expect(at('a/b')).toBe('file 644 0 of one');
  });
});

describe('items', () => {
  const ofItem = (path: string, item: string): ArchiveEntry | undefined =>
    new Map(entriesOfItems(tree.get(path as ByteString)!)).get(item as ByteString);

  test('have what they gave, whatever is laid over it', () => {
    tree.place(entry('i/d', DIRECTORY, 0o555), origin('item', '/i/d', 'i'));
    tree.place(entry('i/d', DIRECTORY, 0o700), origin('other'));
    expect(at('i/d')).toBe('directory 700 0 of other');
    expect(ofItem('i/d', 'i')!.mode).toBe(0o555);
  });

  test('share a directory, each with its own attributes', () => {
    tree.place(entry('d', DIRECTORY, 0o555), origin('one', '/one', '1'));
    tree.place(entry('d', DIRECTORY, 0o700), origin('two', '/two', '2'));
    expect([ofItem('d', '1')!.mode, ofItem('d', '2')!.mode]).toEqual([0o555, 0o700]);
  });

  test('have no implied parents', () => {
    tree.place(entry('a/b', file()), origin('item', '/a/b', 'i'));
    expect([...entriesOfItems(tree.get('a' as ByteString)!)]).toEqual([]);
  });

  test('are changed by rules with the image, each from its own attributes', () => {
    tree.place(entry('i', DIRECTORY, 0o555), origin('item', '/i', 'i'));
    tree.place(entry('i', DIRECTORY, 0o700), origin('other'));
    tree.setAttributes('i' as ByteString, ({ mode }) => ({ mode: mode | 0o011 }));
    expect(at('i')).toBe('directory 711 0 of other');
    expect(ofItem('i', 'i')!.mode).toBe(0o555);
    tree.setAttributes('i' as ByteString, () => ({ uid: 7 }));
    expect(at('i')).toBe('directory 711 7 of other');
    expect(ofItem('i', 'i')).toMatchObject({ mode: 0o555, uid: 7 });
  });
});

test('the order of sources that agree does not matter to what is there', () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(fc.array(path, { maxLength: 12 }), (paths) => {
      const of = (list: readonly string[]): string[] => {
        tree = new ImageTree(IMPLIED);
        for (const each of list) tree.place(entry(each, DIRECTORY, 0o700), origin('x'));
        return [...tree.nodes()].map((node) => `${node.entry.path} ${node.entry.mode} ${node.explicit}`).sort();
      };
      expect(of(paths.toReversed())).toEqual(of(paths));
      for (const node of tree.nodes()) {
        const parent = node.entry.path.slice(0, Math.max(0, node.entry.path.lastIndexOf('/')));
        if (parent !== '') expect(tree.get(parent as ByteString)).toBeDefined();
      }
    }),
  );
});
