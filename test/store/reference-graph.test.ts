import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import {
  closureOf,
  createReferenceGraph,
  orderByName,
  orderTopologically,
  type ReferenceGraph,
  StoreError,
  type StoreItem,
} from '../../src/store/index.js';
import { item, letters, numbered, SOURCE, scattered } from './items.js';

function create(...items: StoreItem[]): ReferenceGraph {
  return createReferenceGraph(items, SOURCE);
}

function paths(items: Iterable<StoreItem>): string[] {
  return Array.from(items, ({ path }) => path);
}

function expectRefused(act: () => unknown, code: string, message: string, data?: object): void {
  expect(act).toThrow(StoreError);
  expect(act).toThrow(expect.objectContaining({ code, message, ...(data && { data }) }));
}

function catchError(act: () => unknown): StoreError {
  try {
    act();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('createReferenceGraph', () => {
  test('puts items and references in byte order, each once', () => {
    const graph = create(item('/s/b', ['/s/c', '/s/a', '/s/c', '/s/b']), item('/s/c', [], 7), item('/s/a'));
    expect([...graph]).toEqual([
      ['/s/a', item('/s/a')],
      ['/s/b', item('/s/b', ['/s/a', '/s/b', '/s/c'])],
      ['/s/c', item('/s/c', [], 7)],
    ]);
  });

  test('the order is that of bytes, not of UTF-16', () => {
    const [before, after] = ['/\u{ff5e}', '/\u{10000}'];
    expect(paths(create(item(after!), item(before!)).values())).toEqual(paths([item(before!), item(after!)]));
  });

  test('takes no items', () => {
    expect(create().size).toBe(0);
  });

  test('merges entries that say the same, with the size that one of them knows', () => {
    const graph = create(item('/a', ['/b', '/a']), item('/b'), item('/a', ['/a', '/b'], 9), item('/a', ['/a', '/b']));
    expect(graph.get('/a' as ByteString)).toEqual(item('/a', ['/a', '/b'], 9));
  });

  test.each<[name: string, first: StoreItem, second: StoreItem, difference: string]>([
    ['one reference more', item('/a', ['/b']), item('/a', ['/b', '/c']), 'only one has the reference "/c"'],
    ['one reference fewer', item('/a', ['/b', '/c']), item('/a', ['/c']), 'only one has the reference "/b"'],
    ['other references', item('/a', ['/c']), item('/a', ['/b']), 'only one has the reference "/b"'],
    ['other sizes', item('/a', ['/b'], 1), item('/a', ['/b'], 2), 'their sizes are 1 and 2'],
  ])('refuses two entries with %s', (_name, first, second, difference) => {
    expectRefused(
      () => create(item('/b'), item('/c'), first, second),
      'GRAPH_DUPLICATE',
      `Cannot use --graph "g.json": all entries of "/a" must be equal, and ${difference}`,
    );
  });

  test('refuses a reference that is not listed', () => {
    expectRefused(
      () => create(item('/s/a', ['/s/a', '/s/b', '/s/c']), item('/s/b', ['/s/x\n'])),
      'GRAPH_REFERENCE_ABSENT',
      'Cannot use --graph "g.json": every reference must be listed, and "/s/c" of "/s/a" is not',
      { path: '/s/a', reference: '/s/c' },
    );
  });

  test.each([
    ['', 'be absolute', ''],
    ['a', 'be absolute', 'a'],
    ['nix/store/a', 'be absolute', 'nix/store/a'],
    ['/', 'have no empty component, "." or ".."', '/'],
    ['/a/', 'have no empty component, "." or ".."', '/a/'],
    ['//a', 'have no empty component, "." or ".."', '//a'],
    ['/a//b', 'have no empty component, "." or ".."', '/a//b'],
    ['/./a', 'have no empty component, "." or ".."', '/./a'],
    ['/a/.', 'have no empty component, "." or ".."', '/a/.'],
    ['/..', 'have no empty component, "." or ".."', '/..'],
    ['/a/../b', 'have no empty component, "." or ".."', '/a/../b'],
    ['/a\0', 'hold no NUL byte and no newline', '/a\\x00'],
    ['/a\nb', 'hold no NUL byte and no newline', '/a\\nb'],
  ])('refuses the path %j as item and as reference', (path, rule, shown) => {
    const message = `Cannot use --graph "g.json": the path of an item must ${rule}, and is "${shown}"`;
    expectRefused(() => create(item(path)), 'GRAPH_PATH_INVALID', message);
    expectRefused(() => create(item('/x', [path])), 'GRAPH_PATH_INVALID', message);
  });

  test.each(['/a', '/...', '/.a', '/a..', '/a b', '/\u00e4', '/nix/store/a-b'])('takes the path %j', (path) => {
    expect(paths(create(item(path)).values())).toEqual(paths([item(path)]));
  });

  test.each<[name: string, references: Record<string, string>, cycle: string[]]>([
    ['two', { b: 'a', a: 'b' }, ['/a', '/b']],
    ['two, entered at the larger', { a: 'c', b: 'c', c: 'b' }, ['/b', '/c']],
    ['three', { a: 'c', b: 'a', c: 'b' }, ['/a', '/c', '/b']],
    ['three, reached from a chain', { a: 'b', b: 'd', c: 'e', d: 'c', e: 'd' }, ['/c', '/e', '/d']],
    ['two among self references', { a: 'a', b: 'abc', c: 'bc' }, ['/b', '/c']],
    ['one of two cycles', { a: '', y: 'z', z: 'y', c: 'd', d: 'c' }, ['/c', '/d']],
    ['one of two with an item in common', { a: 'bc', b: 'a', c: 'a' }, ['/a', '/b']],
  ])('refuses a cycle of %s', (_name, references, cycle) => {
    const names = [...cycle, cycle[0]].map((path) => `"${path}"`).join(' -> ');
    expectRefused(
      () => letters(references),
      'GRAPH_CYCLE',
      `Cannot use --graph "g.json": references must form no cycle, and do: ${names}`,
      { cycle },
    );
  });

  test('refuses a cycle of 100,000 items, and names its ends', () => {
    const cycle = Array.from({ length: 100_000 }, (_, i) => `/${String(i).padStart(5, '0')}`);
    const items = numbered(
      cycle.map((_, i) => [(i + 1) % cycle.length]),
      (i) => cycle[i]!,
    );
    const error = catchError(() => create(...items));
    expect(error).toMatchObject({ code: 'GRAPH_CYCLE' });
    expect(error.message).toMatch(/-> "\/00015" -> \(99969 more\) -> "\/99985" -> .* -> "\/99999" -> "\/00000"$/);
    expect((error.data['cycle'] as string[]).join()).toBe(cycle.join());
  });

  test('the order of the input does not show in an error', () => {
    const items = numbered([[1], [2], [3], [1], [5], [4]], (i) => `/${i}`);
    for (const order of [items, items.toReversed(), [...items.slice(3), ...items.slice(0, 3)]]) {
      expect(() => create(...order)).toThrow(/"\/1" -> "\/2" -> "\/3" -> "\/1"$/);
    }
  });
});

describe('closureOf', () => {
  const graph = letters({ a: 'bc', b: 'd', c: 'cd', d: '', e: 'ad', f: '' });

  test.each([
    ['d', 'd'],
    ['c', 'cd'],
    ['a', 'abcd'],
    ['bf', 'bdf'],
    ['fee', 'abcdef'],
    ['', ''],
  ])('of %j is %j', (roots, closure) => {
    const found = closureOf(
      graph,
      [...roots].map((name) => `/${name}` as ByteString),
      SOURCE,
    );
    expect([...found]).toEqual([...graph].filter(([path]) => closure.includes(path.slice(1))));
  });

  test('names every root that is not in the graph', () => {
    expectRefused(
      () => closureOf(graph, ['/z', '/a', '/x\n', '/z'] as ByteString[], SOURCE),
      'GRAPH_PATH_ABSENT',
      'Cannot find "/x\\n", "/z" in --graph "g.json": every path must be an item that it lists',
      { paths: ['/x\n', '/z'] },
    );
  });
});

describe('orderTopologically', () => {
  test.each<[name: string, references: Record<string, string>, order: string]>([
    ['items without references', { c: '', a: '', b: '' }, 'abc'],
    ['a chain against byte order', { a: 'b', b: 'c', c: '' }, 'cba'],
    ['a chain in byte order', { a: '', b: 'a', c: 'b' }, 'abc'],
    ['a diamond', { a: 'bc', b: 'd', c: 'd', d: '' }, 'dbca'],
    ['self references', { a: 'ab', b: 'b' }, 'ba'],
    ['references before the next item', { a: 'z', b: '', z: '' }, 'zab'],
    ['nothing', {}, ''],
  ])('%s', (_name, references, order) => {
    expect(paths(orderTopologically(letters(references)))).toEqual([...order].map((name) => `/${name}`));
  });

  const anyGraph = fc.integer({ min: 1, max: 40 }).chain((size) =>
    fc
      .tuple(
        fc.array(fc.array(fc.nat(size - 1), { maxLength: 5 }), { minLength: size, maxLength: size }),
        fc.shuffledSubarray(
          Array.from({ length: size }, (_, i) => i),
          { minLength: size },
        ),
      )
      .map(([references, names]) =>
        numbered(
          references.map((of, i) => of.filter((to) => to >= i)),
          (i) => `/${String(names[i]).padStart(2, '0')}`,
        ),
      ),
  );

  test('every item comes once, after its references, however the input is ordered', () => {
    fc.assert(
      fc.property(anyGraph, (items) => {
        const graph = create(...items);
        const order = orderTopologically(graph);
        const places = new Map(order.map(({ path }, i) => [path, i]));
        expect(places.size).toBe(graph.size);
        for (const { path, references } of order) {
          for (const to of references) if (to !== path) expect(places.get(to)).toBeLessThan(places.get(path)!);
        }
        expect(orderTopologically(create(...items.toReversed()))).toEqual(order);
        expect(paths(orderByName(graph))).toEqual(paths(items).sort());
      }),
      { seed: 2 },
    );
  });
});

test('a chain of 100,000 items is checked, put in order and closed', () => {
  const items = numbered(
    Array.from({ length: 100_000 }, (_, i) => (i < 99_999 ? [i + 1] : [])),
    scattered,
  );
  const graph = create(...items.toReversed());
  expect(graph.size).toBe(100_000);
  expect(paths(orderTopologically(graph)).join()).toBe(paths(items).reverse().join());
  expect(closureOf(graph, [items[1]!.path], SOURCE).size).toBe(99_999);
});
