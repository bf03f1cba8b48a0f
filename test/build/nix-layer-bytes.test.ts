import { Buffer } from 'node:buffer';
import { chmodSync, cpSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nixStoreEntries } from '../../src/build/nix-layers.js';
import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import type { ArchiveEntry, EntryAttributes } from '../../src/entry/index.js';
import { buildImage } from '../../src/index.js';
import { measureArchive } from '../../src/tar/index.js';
import { throwIfUnreadable, type UnreadablePath, walk } from '../../src/tree/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { run, sha256 } from '../support/commands.js';
import { FIXTURE_GRAPH, FIXTURE_STORE, fixtureClosure, fixtureItem } from '../support/fixture-store.js';
import { gnuTar } from '../support/gnu-tar.js';
import { packEntries } from '../support/pack.js';
import { scratchDirectory } from '../support/scratch.js';

type Owner = Omit<EntryAttributes, 'mode'>;

const TAR = { format: 'python-pax', strict: false } as const;
const ROOT: Owner = { mtimeSeconds: 1, uid: 0, gid: 0, uname: bytes('root'), gname: bytes('root') };

function bytes(text: string): ByteString {
  return text as ByteString;
}

/** A store item's path below the root of the test's file system. */
function storeItem(letter: string, name: string): string {
  return `nix/store/${letter.repeat(32)}-${name}`;
}

/** A layer: items below `root`, in their order in the archive. */
interface Layer {
  readonly root: string;
  readonly items: readonly string[];
  readonly owner: Owner;
}

/**
 * Writes layers with Python's own tarfile: what it makes of each file's status, with the attributes given, in pathlib's
 * order. Reads a JSON list of layers, in which names are bytes, one char a byte.
 */
const WRITE_LAYERS = `
import json, os, pathlib, sys, tarfile

def text(value):
    return os.fsdecode(value.encode('latin-1'))

def write(layer):
    root = pathlib.Path(layer['root'])
    with tarfile.open(layer['output'], mode='w|', encoding='utf-8', errors='surrogateescape') as archive:
        def add(member, content=None):
            member.mtime, member.uid, member.gid = layer['mtimeSeconds'], layer['uid'], layer['gid']
            member.uname, member.gname = text(layer['uname']), text(layer['gname'])
            archive.addfile(member, content)
        for name in ['/nix', '/nix/store']:
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            add(directory)
        for item in layer['items']:
            top = root / text(item)
            # Path.rglob fails at a link target with a component of more than 255 bytes, in Python up to 3.10.
            walked = [] if top.is_symlink() else os.walk(top)
            below = [pathlib.Path(folder, name) for folder, *names in walked for name in sum(names, [])]
            for path in sorted([top, *below]):
                member = archive.gettarinfo(path, '/' + str(path.relative_to(root)))
                member.name = '/' + member.name
                if member.islnk():
                    member.type, member.linkname, member.size = tarfile.REGTYPE, '', path.lstat().st_size
                if member.isreg():
                    with path.open('rb') as content:
                        add(member, content)
                else:
                    add(member)

for layer in json.load(open(sys.argv[1])):
    write(layer)
`;

function pythonLayers(layers: readonly Layer[]): Buffer[] {
  const scratch = scratchDirectory();
  const jobs = layers.map(({ root, items, owner }, at) => ({ root, items, ...owner, output: `${scratch}/${at}.tar` }));
  writeFileSync(`${scratch}/jobs.json`, JSON.stringify(jobs));
  // UTF-8 mode gives names on disk the same text in every locale.
  run('python3', ['-I', '-X', 'utf8', '-c', WRITE_LAYERS, `${scratch}/jobs.json`]);
  return jobs.map(({ output }) => readFileSync(output));
}

async function ourLayer({ root, items, owner }: Layer): Promise<Buffer> {
  const entries = nixStoreEntries(
    items.map((item) => entriesOf(root, item, owner)),
    owner,
  );
  const chunks: Buffer[] = [];
  const { sizeBytes } = await packEntries(entries, (chunk) => void chunks.push(Buffer.from(chunk)), { tar: TAR });
  expect(measureArchive(entries, TAR)).toBe(sizeBytes);
  return Buffer.concat(chunks);
}

function entriesOf(root: string, item: string, owner: Owner): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  const unreadable: UnreadablePath[] = [];
  const onWarning = (message: string): never => {
    throw new Error(message);
  };
  const visit: Parameters<typeof walk>[2] = (path, { body, mode }) => entries.push({ ...owner, path, body, mode });
  walk(bytes(`${root}/${item}`), bytes(item), visit, { order: 'asListed', onWarning, unreadable });
  throwIfUnreadable(unreadable);
  return entries;
}

async function expectPythonsBytes(layers: readonly Layer[]): Promise<void> {
  const expected = pythonLayers(layers);
  for (const [at, layer] of layers.entries()) {
    const actual = await ourLayer(layer);
    const where = `layer ${at} of ${layer.items}: ${describeDifference(expected[at]!, actual)}`;
    expect(sha256(actual), where).toBe(sha256(expected[at]!));
  }
}

/** Makes objects below `root`; names are bytes. */
function maker(root: string) {
  const at = (name: string): Buffer => Buffer.from(`${root}/${name}`, 'latin1');
  return {
    directory(name: string, mode = 0o755): void {
      mkdirSync(at(name), { recursive: true });
      chmodSync(at(name), mode);
    },
    file(name: string, content: string | Uint8Array = name, mode = 0o444): void {
      writeFileSync(at(name), content);
      chmodSync(at(name), mode);
    },
    symlink(name: string, target: string): void {
      symlinkSync(Buffer.from(target, 'latin1'), at(name));
    },
    hardLink(name: string, existing: string): void {
      linkSync(at(existing), at(name));
    },
  };
}

/** A character of each length in UTF-8, and a byte that is none. */
const CHARACTERS = [...['a', 'é', '€', '😀'].map(encodeUtf8), '\xff'];

/** Makes a store of every case that a layer of nixpkgs can get wrong. @returns its items */
function makeStore(root: string): string[] {
  const { directory, file, symlink, hardLink } = maker(root);
  const lengths = storeItem('1', 'lengths');
  directory(lengths);
  // What is measured is the name in the archive, with the slash before it and, for a directory, that after it.
  const before = `/${lengths}/k`.length;
  for (const character of CHARACTERS) {
    for (const length of [98, 99, 100, 101, 102]) {
      const rest = character.repeat(length - before);
      file(`${lengths}/f${rest}`);
      directory(`${lengths}/d${rest.slice(character.length)}`);
      symlink(`${lengths}/l${rest}`, character.repeat(length));
    }
  }
  for (const length of [154, 155, 156, 157, 255, 256, 257, 258]) file(`${lengths}/${'n'.repeat(length - before)}`);
  const deep = [lengths, ...['x', 'y', 'z'].map((letter) => letter.repeat(255))];
  directory(deep.join('/'));
  file([...deep, encodeUtf8('ü'.repeat(127))].join('/'));

  const order = storeItem('2', 'order');
  directory(`${order}/a`);
  for (const name of ['a/b', 'a/.hidden', 'a-b', 'a.b', 'ab', 'A', '_', '~', 'é', 'a/ä'])
    file(`${order}/${encodeUtf8(name)}`);
  for (const name of ['\ud7ff', '\ue000', '\uff5e', '\u{10000}', '\u{10ffff}']) file(`${order}/${encodeUtf8(name)}`);
  for (const name of ['\x80', '\xff', '\xc3', '\xed\xa0\x80', '\xc0\xaf', '\xf4\x90\x80\x80', '\xe2\x82', '\xe2\x82a'])
    file(`${order}/${name}`);
  directory(`${order}/\x80d`);
  file(`${order}/\x80d/${encodeUtf8('ä')}`);

  const links = storeItem('3', 'links');
  directory(`${links}/d`);
  for (const [name, target] of Object.entries({
    toDirectory: 'd',
    absolute: `/${order}/a`,
    dangling: '../../nowhere',
    itself: 'itself',
    notUtf8: '\xfe',
    surrogate: '\xed\xa0\x80',
    long: 'x'.repeat(4000),
    [encodeUtf8('zwei-für-eins')]: encodeUtf8('é'.repeat(120)),
    '\xfflong': `${'y'.repeat(150)}\xff`,
  })) {
    symlink(`${links}/${name}`, target);
  }

  const modes = storeItem('4', 'modes');
  directory(modes);
  for (const mode of [0o444, 0o555, 0o644, 0o755, 0o4755, 0o2555, 0o1777]) {
    file(`${modes}/f${mode.toString(8)}`, 'x', mode);
    directory(`${modes}/d${mode.toString(8)}`, mode);
  }

  const hard = [storeItem('5', 'hard'), storeItem('6', 'hard')] as const;
  for (const item of hard) directory(item);
  file(`${hard[0]}/one`, 'the same file');
  hardLink(`${hard[0]}/two`, `${hard[0]}/one`);
  hardLink(`${hard[1]}/three`, `${hard[0]}/one`);
  file(`${hard[0]}/empty`, '');
  hardLink(`${hard[1]}/empty`, `${hard[0]}/empty`);

  const [plain, link, empty] = [storeItem('7', 'file'), storeItem('8', 'link'), storeItem('9', 'empty')];
  file(plain, Buffer.alloc(10_240, 7), 0o555);
  symlink(link, `/${order}`);
  // A store's directories are read-only, once everything is in them.
  for (const item of [lengths, order, links, modes, ...hard, empty]) directory(item, 0o555);
  return [lengths, order, links, modes, ...hard, plain, link, empty];
}

const oracle = clientTest('python3');

describe("a layer is byte for byte that of Python's tarfile", () => {
  clientTest(
    'python3',
    'mkfifo',
    'mknod',
  )('with every awkward case', async () => {
    const root = scratchDirectory();
    const awkward = storeItem('a', 'awkward');
    mkdirSync(`${root}/${awkward}`, { recursive: true });
    expect(makeAwkwardTree(`${root}/${awkward}`)).toBeGreaterThan(150);
    const items = [...makeStore(root), awkward];
    await expectPythonsBytes([{ root, items, owner: ROOT }]);
  });

  oracle('of one item, and of items in another order', async () => {
    const root = scratchDirectory();
    const items = makeStore(root);
    const each = items.map((item) => [item]);
    await expectPythonsBytes([...each, items.toReversed()].map((chosen) => ({ root, items: chosen, owner: ROOT })));
  });

  oracle.each<[name: string, owner: Partial<Owner>]>([
    ['a time of 0 and the user of a daemon', { mtimeSeconds: 0, uid: 30_001, gid: 30_000, uname: bytes('nixbld') }],
    ['numbers at their limits', { mtimeSeconds: 2 ** 33 - 1, uid: 2_097_151, gid: 2_097_151 }],
    ['numbers above their limits', { mtimeSeconds: 2 ** 33, uid: 2_097_152, gid: 2 ** 32 - 2 }],
    ['a time before 1970', { mtimeSeconds: -86_400 }],
    ['owner names that are not ASCII', { uname: encodeUtf8('bär'), gname: encodeUtf8('用户') }],
    ['owner names that are not UTF-8', { uname: bytes('b\xe4r') }],
    ['owner names of 32 and 33 bytes', { uname: bytes('u'.repeat(32)), gname: bytes('g'.repeat(33)) }],
    ['no owner names', { uname: bytes(''), gname: bytes('') }],
  ])('with %s', async (_name, given) => {
    const root = scratchDirectory();
    const items = makeStore(root);
    await expectPythonsBytes([{ root, items, owner: { ...ROOT, ...given } }]);
  });

  oracle('of random stores', async () => {
    const piece = fc.constantFrom(
      ...['a', 'b', '-', '.', '0', ' ', '\n', 'n'.repeat(40), '\x80', '\xc3', '\xed', '\xa0', '\xf0\x90', '\xff'],
      ...['ä', 'é'.repeat(30), '€', '\ue000', '\uff5e', '\u{10000}'].map(encodeUtf8),
    );
    const component = fc
      .array(piece, { minLength: 1, maxLength: 5 })
      .map((pieces) => pieces.join('').slice(0, 255))
      .filter((name) => name !== '.' && name !== '..');
    const object = fc.record({
      path: fc.array(component, { minLength: 1, maxLength: 4 }),
      kind: fc.constantFrom('file', 'directory', 'symlink', 'hard link'),
      mode: fc.nat(0o7777).map((mode) => mode | 0o600),
      content: fc.oneof(fc.constantFrom(0, 511, 512, 513), fc.nat(3000)),
      target: fc.array(component, { minLength: 1, maxLength: 3 }),
    });
    const store = fc.array(fc.array(object, { maxLength: 15, size: 'max' }), { minLength: 1, maxLength: 3 });
    // Several stores a run, and no shrinking: Python takes longer to start than to write a store.
    await fc.assert(
      fc.asyncProperty(fc.array(store, { minLength: 1, maxLength: 5, size: 'max' }), async (stores) => {
        const layers = stores.map((items): Layer => {
          const root = scratchDirectory();
          return { root, owner: ROOT, items: items.map((objects, at) => makeItem(root, 'abc'[at]!, objects)) };
        });
        await expectPythonsBytes(layers);
      }),
      { numRuns: 15, endOnFailure: true },
    );
  });
});

interface RandomObject {
  readonly path: readonly string[];
  readonly kind: string;
  readonly mode: number;
  /** Size of a file's content. */
  readonly content: number;
  readonly target: readonly string[];
}

function makeItem(root: string, letter: string, objects: readonly RandomObject[]): string {
  const item = storeItem(letter, 'random');
  const { directory, file, symlink, hardLink } = maker(root);
  directory(item);
  let lastFile: string | undefined;
  for (const { path, kind, mode, content, target } of objects) {
    const name = [item, ...path].join('/');
    try {
      directory([item, ...path.slice(0, -1)].join('/'));
      if (kind === 'directory') directory(name, mode | 0o700);
      else if (kind === 'symlink') symlink(name, target.join('/'));
      else if (kind === 'hard link' && lastFile !== undefined) hardLink(name, lastFile);
      else {
        file(name, Buffer.alloc(content, name), mode);
        lastFile = name;
      }
    } catch (error) {
      // Two objects of one name: the store is what could be made.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
  return item;
}

describe('the members of a layer', () => {
  function entry(path: string, type: 'directory' | 'fifo' = 'fifo', mode = 0o555): ArchiveEntry {
    return { ...ROOT, path: bytes(path), mode, body: { type } };
  }

  const attributes: Owner = { mtimeSeconds: 5, uid: 1, gid: 2, uname: bytes('u'), gname: bytes('g') };

  function names(...items: readonly (readonly string[])[]): string[] {
    const entries = items.map((paths) => paths.map((path) => entry(path)));
    return nixStoreEntries(entries, attributes).map(({ path }) => path);
  }

  test.each<[name: string, items: readonly (readonly string[])[], expected: readonly string[]]>([
    ['none of no item', [], []],
    ['none of an item without entries', [[]], []],
    ['the parents of an item', [['nix/store/x']], ['/nix', '/nix/store', '/nix/store/x']],
    [
      'each parent of several stores once, sorted, before the items in the order given',
      [['opt/store/b'], ['nix/store/z/f', 'nix/store/z'], ['nix/store/a']],
      [
        ...['/nix', '/nix/store', '/opt', '/opt/store'],
        ...['/opt/store/b', '/nix/store/z', '/nix/store/z/f', '/nix/store/a'],
      ],
    ],
    [
      'an item in the order of its components, however it was listed',
      [['s/x/a.b', 's/x/a-b', 's/x/a/b', 's/x/a', 's/x']],
      ['/s', '/s/x', '/s/x/a', '/s/x/a/b', '/s/x/a-b', '/s/x/a.b'],
    ],
    ['an item at the top has no parents', [['x']], ['/x']],
  ])('%s', (_name, items, expected) => {
    expect(names(...items)).toEqual(expected);
  });

  test('a parent is a directory of mode 0755 with the attributes given; an entry keeps its own', () => {
    const given = [entry('s/x', 'directory', 0o1777), { ...entry('s/x/f'), uid: 7 }];
    expect(nixStoreEntries([given], { ...attributes, mode: 0o700 } as Owner)).toEqual([
      { ...attributes, path: '/s', mode: 0o755, body: { type: 'directory' } },
      { ...given[0], path: '/s/x' },
      { ...given[1], path: '/s/x/f' },
    ]);
  });
});

clientTest('python3', 'tar')(
  'an image of the nix dialect has the layers of that program, and the customisation layer that GNU tar makes',
  async () => {
    const root = scratchDirectory();
    mkdirSync(`${root}/nix`);
    cpSync(FIXTURE_STORE, `${root}/nix/store`, { recursive: true, verbatimSymlinks: true });
    const [hello, greet] = [fixtureItem('hello'), fixtureItem('greet')];
    const output = `${root}/image.tar`;
    const image = await buildImage({
      ...{ paths: [hello], contents: [greet], graph: FIXTURE_GRAPH, store: `${root}/nix/store=/nix/store` },
      ...{ dialect: 'nix', maxLayers: 6, preset: ['tmp'], owner: 'builder:1000', group: 'users:100', mtime: '@5' },
      output,
    });
    expect(image.manifest).toBeNull();
    const owner: Owner = { mtimeSeconds: 5, uid: 1000, gid: 100, uname: bytes('builder'), gname: bytes('users') };
    const storeLayers = image.layers.slice(0, -1);
    expect(storeLayers.flatMap(({ items }) => items).sort()).toEqual(fixtureClosure(hello, greet));
    const expected = pythonLayers(
      storeLayers.map(({ items }) => ({ root, owner, items: items.map((item) => item.slice(1)) })),
    );

    const top = `${root}/top`;
    for (const [name, mode] of Object.entries({ '': 0o755, tmp: 0o1777, var: 0o755, 'var/tmp': 0o1777, bin: 0o755 })) {
      mkdirSync(`${top}/${name}`);
      chmodSync(`${top}/${name}`, mode);
    }
    symlinkSync(`${greet}/bin/greet`, `${top}/bin/greet`);
    mkdirSync(`${top}/share`);
    mkdirSync(`${top}/share/about`);
    for (const name of ['greet.txt', 'title.txt'])
      symlinkSync(`${greet}/share/about/${name}`, `${top}/share/about/${name}`);
    for (const name of ['share', 'share/about']) chmodSync(`${top}/${name}`, 0o755);
    const settings = ['--sort=name', '--mtime=@5', '--owner=builder:1000', '--group=users:100', '--format=gnu'];
    expected.push(gnuTar([...settings, '-C', top, '-cf', '-', '.'], root));

    expect(image.layers).toHaveLength(6);
    const members = gnuTar(['-tf', output], root).toString().trimEnd().split('\n');
    const layerPaths = image.layers.map(({ diffId }) => `${diffId.slice('sha256:'.length)}/layer.tar`);
    expect(members).toEqual([...layerPaths, `${image.image.slice('sha256:'.length)}.json`, 'manifest.json']);
    for (const [at, path] of layerPaths.entries()) {
      const actual = gnuTar(['--occurrence=1', '-xOf', output, path], root);
      expect(describeDifference(expected[at]!, actual), `layer ${at} of ${image.layers[at]!.items}`).toBeUndefined();
      expect(image.layers[at]!.diffId).toBe(sha256(expected[at]!));
    }
  },
);
