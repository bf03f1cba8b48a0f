import {
  appendFileSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setEnvironmentData } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type HashEngine, loadHashEngine } from '../../src/digest/index.js';
import type { ArchiveEntry, FileIdentity } from '../../src/entry/index.js';
import type { TarsealError } from '../../src/index.js';
import {
  createSealer,
  type FileRegion,
  type SealedLayer,
  type StreamMember,
  type StreamRequest,
  sealStream,
} from '../../src/layer/index.js';
import { TAR_FORMATS, type TarFormat, type TarOptions } from '../../src/tar/index.js';
import { walk, walkListings } from '../../src/tree/index.js';
import { describeDifference } from '../support/archive-diff.js';
import { clientTest } from '../support/clients.js';
import { run, sha256 } from '../support/commands.js';
import { gnuTar, gnuTarArguments } from '../support/gnu-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { bytes, entry } from '../tar/entries.js';

const engine = await loadHashEngine('auto');
const oracle = clientTest('tar', 'mkfifo');
/** Sizes at which streams behave differently: of a slab, and of the names of a batch. */
const SLAB = 512 << 10;
const TEXT = 64 << 10;
/** More members than are packed before workers are started. */
const MANY = 1000;

const HINDERED = new URL('../support/hindered-worker.mjs', import.meta.url).href;
/** What workers count: those that have begun, those that have ended, and reads of files that another thread opened. */
const BEGUN = 0;
const TAKEN = 2;

interface Hindrance {
  readonly delay?: number;
  readonly dieAt?: number;
  readonly throwAt?: number;
  readonly dieAtWrite?: number;
  readonly most?: number;
  readonly isStale?: boolean;
}

/** The program of a worker that something happens to; it runs what was built. */
function hindered(how: Hindrance): URL {
  const program = `import { serveHinderedBatches } from '${HINDERED}'; serveHinderedBatches(${JSON.stringify(how)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(program)}`);
}

interface Workers {
  /** Sleeps until all have begun, which needs nothing of this thread. */
  begun(): void;
  /** Resolves when all that ever begin have ended. */
  ended(): Promise<void>;
  /** How often they have gone on with a file that this thread had begun. */
  readsTaken(): number;
}

/** The workers that are started from now on. */
function workersOf(jobs: number): Workers {
  const all = Math.min(jobs, 5) - 1;
  const counts = new Int32Array(new SharedArrayBuffer(12));
  setEnvironmentData('counts of hindered workers', counts);
  return {
    begun() {
      for (let now = Atomics.load(counts, BEGUN); now < all; now = Atomics.load(counts, BEGUN))
        if (Atomics.wait(counts, BEGUN, now, 30_000) === 'timed-out') throw new Error('no worker begins');
    },
    ended: () => vi.waitFor(() => expect([...counts.subarray(0, TAKEN)]).toEqual([all, all]), 30_000),
    readsTaken: () => counts[TAKEN]!,
  };
}

/** @param name is called before each member is named */
function* named(members: Iterable<StreamMember>, name: () => void): Generator<StreamMember, void> {
  for (const member of members) {
    name();
    yield member;
  }
}

/** Waits before the first member behind the first many until all workers have begun. */
function behindMany({ begun }: Workers): () => void {
  let count = 0;
  return () => {
    if (count++ === MANY) begun();
  };
}

function fileMember(fsPath: string, path: string = fsPath.slice(1), kind: 'file' | 'directory' = 'file'): StreamMember {
  return { kind, path: bytes(path), originalPath: bytes(''), fsPath: bytes(fsPath), owner: 0, mode: 0 };
}

function manyMembers(root: string): StreamMember[] {
  const path = join(root, 'one-of-many');
  writeFileSync(path, 'content');
  return Array.from({ length: MANY }, (_, index) => fileMember(path, `many/${index}`));
}

const { uid, gid, uname, gname, mtimeSeconds } = entry();
const ATTRIBUTES = { uid, gid, uname, gname, mtimeSeconds };

function rulesOf(tar: TarOptions, outputs: readonly FileIdentity[] = []): StreamRequest['rules'] {
  return { tar, owners: [ATTRIBUTES], modes: [undefined], outputs };
}

const POSIX: TarOptions = { format: 'posix', strict: false };

type Options = Partial<Omit<StreamRequest, 'archives'>> & { readonly hindrance?: Hindrance };

function regionOn(fd: number, position = 0): FileRegion {
  return {
    fd,
    position,
    failed: (cause) => Object.assign(new Error(`output: ${(cause as Error).message}`, { cause }), { code: 'OUTPUT' }),
  };
}

interface Packed {
  readonly sealed: SealedLayer;
  readonly blob: Buffer;
  /** As workers count them. */
  readonly readsTaken: number;
}

/** Packs archives behind something else in a file, and holds the results to be what the file has. */
async function packAll(
  archives: readonly Iterable<StreamMember>[],
  { hindrance = {}, ...options }: Options = {},
): Promise<Packed[]> {
  const path = join(scratchDirectory(), 'out');
  const fd = openSync(path, 'w+');
  const workers = workersOf(options.jobs ?? 1);
  const name = behindMany(workers);
  const all = await sealStream({
    archives: archives.map((members) => named(members, name)),
    rules: rulesOf(POSIX),
    recordSizeBytes: 10_240,
    output: regionOn(fd, 1000),
    engine,
    workerUrl: hindered(hindrance),
    ...options,
  }).finally(() => closeSync(fd));
  const output = readFileSync(path);
  const gapBytes = options.gapBytes ?? 0;
  let end = 1000 - gapBytes;
  const packed = all.map((sealed): Packed => {
    const gap = output.subarray(end, end + gapBytes);
    if (end > 0) expect(gap).toEqual(Buffer.alloc(gapBytes));
    const begin = end + gapBytes;
    end = begin + sealed.sizeBytes;
    const blob = output.subarray(begin, end);
    const digest = sha256(blob);
    const sizeBytes = blob.length;
    expect(sealed).toEqual({ diffId: digest, digest, tarSizeBytes: sizeBytes, sizeBytes, members: sealed.members });
    expect(sizeBytes % 10_240).toBe(0);
    return { sealed, blob, readsTaken: workers.readsTaken() };
  });
  expect(output.length).toBe(end);
  return packed;
}

async function pack(members: Iterable<StreamMember>, options: Options = {}): Promise<Packed> {
  const [packed] = await packAll([members], options);
  return packed!;
}

/** Packs entries in the other way, which plans an archive by sizes. */
async function packEntries(entries: readonly ArchiveEntry[], tar: TarOptions): Promise<Omit<Packed, 'readsTaken'>> {
  const chunks: Buffer[] = [];
  const sealer = createSealer({ engine });
  const output = (chunk: Uint8Array): void => void chunks.push(Buffer.from(chunk));
  const sealed = await sealer.seal({ entries, tar, tarSizeBytes: 0, output }).finally(sealer.close);
  return { sealed, blob: Buffer.concat(chunks) };
}

function membersOf(fsPath: string, name: string): StreamMember[] {
  const unreadable: never[] = [];
  const found = walkListings(bytes(fsPath), bytes(name), { onWarning: () => {}, unreadable });
  return [...found].map((object) =>
    'body' in object
      ? entry({ path: object.name, body: object.body, mode: object.mode })
      : fileMember(object.fsPath, object.name, object.type),
  );
}

function entriesOf(fsPath: string, name: string): ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  const visit: Parameters<typeof walk>[2] = (path, { body, mode }) => entries.push(entry({ path, body, mode }));
  walk(bytes(fsPath), bytes(name), visit, { onWarning: () => {}, unreadable: [] });
  return entries;
}

/** Bytes that differ from place to place, so that no two parts can be mistaken for each other. */
function numbered(sizeBytes: number, seed: number): Uint8Array {
  const content = new Uint32Array(Math.ceil(sizeBytes / 4));
  for (let i = 0, state = seed; i < content.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    content[i] = i % 3 === 0 ? state : seed;
  }
  return new Uint8Array(content.buffer, 0, sizeBytes);
}

/** A tree of every mix, `t`, in a directory of its own. */
function makeTree(): string {
  const root = scratchDirectory();
  const at = (name: string): string => join(root, 't', name);
  const directory = (name: string): void => void mkdirSync(at(name), { recursive: true });
  const file = (name: string, sizeBytes: number): void =>
    writeFileSync(Buffer.from(at(name), 'latin1'), numbered(sizeBytes, sizeBytes + name.length));

  directory('a-small');
  for (let i = 0; i < MANY; i++) file(`a-small/${i}`, (i * 7919) % 3000);
  directory('b-mixed');
  for (let i = 0; i < 200; i++) file(`b-mixed/${i}`, i % 3 === 0 ? 0 : (i * 7919) % 20_000);
  file('b-mixed/100-huge', 5 * SLAB + 77);
  file('b-mixed/101-handed-on', 13 * SLAB + 77);
  for (const size of [-1024, -513, -512, -511, 0, 1]) file(`b-mixed/slab${size}`, SLAB + size);
  for (let i = 0; i < 150; i++) directory(`c-directories/${i}/x`);
  directory('d-pax');
  for (let i = 0; i < 100; i++) file(`d-pax/${'n'.repeat(200)}${i}`, i);
  directory('e-others');
  for (let i = 0; i < 100; i++) symlinkSync('x'.repeat(1 + 40 * i), at(`e-others/link${i}`));
  run('mkfifo', [at('e-others/fifo')]);
  // Names of which few make up a batch, up to the longest that a system takes.
  let deep = 'f-deep';
  while (at(deep).length < 3845) deep += `/${'d'.repeat(200)}`;
  directory(deep);
  for (let i = 100; i < 150; i++) file(`${deep}/${i}`, i);
  file(`${deep}/${'l'.repeat(4095 - at(`${deep}/`).length)}`, 7);
  directory('g-bytes');
  for (const name of ['\xff\xfe', '\xc3\xbc', 'new\nline', '-', ' ']) file(`g-bytes/${name}`, 100);
  for (let i = 0; i < 300; i++) file(`h${i}`, (i * 7919) % 9000);
  return root;
}

describe('a stream has the same bytes', () => {
  oracle('as GNU tar and as entries, for any number of threads, whatever delays them', async () => {
    const root = makeTree();
    const fsPath = join(root, 't');
    const members = membersOf(fsPath, 't');
    const TIMES: readonly (readonly [TarFormat, number, Hindrance])[] = [
      ['posix', 1, {}],
      ['posix', 2, { delay: 1 }],
      ['posix', 3, { delay: 2 }],
      ['posix', 8, { delay: 3 }],
      ['posix', 8, {}],
      ['posix', 2, {}],
      // A system that reads and writes a few bytes at once.
      ['posix', 3, { most: 4999 }],
      ['gnu', 3, {}],
      ['ustar', 8, { delay: 4 }],
    ];
    const others = new Map<TarFormat, Omit<Packed, 'readsTaken'>>();
    for (const [format, jobs, hindrance] of TIMES) {
      const tar = { format, strict: false };
      const expected = others.get(format) ?? (await packEntries(entriesOf(fsPath, 't'), tar));
      others.set(format, expected);
      const actual = await pack(members, { rules: rulesOf(tar), jobs, hindrance });
      expect(describeDifference(expected.blob, actual.blob), `${format}, ${jobs} jobs`).toBeUndefined();
      expect(actual.sealed).toEqual(expected.sealed);
    }
    for (const format of ['posix', 'gnu'] as const) {
      const theirs = gnuTar([...gnuTarArguments(format), '-cf', '-', 't'], root);
      expect(describeDifference(theirs, others.get(format)!.blob)).toBeUndefined();
    }
  });

  test('of any members, in any format', async () => {
    const root = scratchDirectory();
    const sizes = [0, 1, 511, 512, 513, 5000, SLAB - 1536, SLAB - 1024, SLAB - 512, SLAB - 511, SLAB, 2 * SLAB + 1];
    for (const size of sizes) writeFileSync(join(root, `f${size}`), numbered(size, size));
    mkdirSync(join(root, 'd'));
    symlinkSync('target', join(root, 'l'));
    const sources = fc.constantFrom('d', 'l', ...sizes.map((size) => `f${size}`));
    // As names: what fits a header, what needs an extension of one or more blocks, and what needs whole slabs.
    const lengths = fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(1, 5, 99, 100, 101, 255, 256, 257, 1000, 4000) },
      { weight: 1, arbitrary: fc.constantFrom(TEXT - 200, 20_000) },
    );
    const many = manyMembers(root);
    const manyEntries = many.map(({ path }) => entriesOf(join(root, 'one-of-many'), path)[0]!);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ source: sources, length: lengths }), { maxLength: 15 }),
        fc.constantFrom<TarFormat>(...TAR_FORMATS),
        fc.oneof({ weight: 7, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constantFrom(2, 4) }),
        fc.nat(1000),
        async (given, format, jobs, delay) => {
          const tar = { format, strict: false };
          const names = given.map(({ source, length }) => [join(root, source), 'n'.repeat(length)] as const);
          const members = names.flatMap(([fsPath, name]) => membersOf(fsPath, name));
          const entries = names.flatMap(([fsPath, name]) => entriesOf(fsPath, name));
          const isAlone = jobs === 1;
          const expected = await packEntries(isAlone ? entries : [...manyEntries, ...entries], tar);
          const actual = await pack(isAlone ? members : [...many, ...members], {
            rules: rulesOf(tar),
            jobs,
            hindrance: { delay },
          });
          expect(describeDifference(expected.blob, actual.blob)).toBeUndefined();
          expect(actual.sealed).toEqual(expected.sealed);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of nothing at all', async () => {
    const { sealed, blob } = await pack([], { jobs: 4 });
    expect(blob.equals(Buffer.alloc(10_240))).toBe(true);
    expect(sealed.members).toBe(0);
  });

  test('for any number that is given as jobs', async () => {
    const members = manyMembers(scratchDirectory());
    const { sealed } = await pack(members);
    for (const jobs of [0, -1, 1.5, 2.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect((await pack(members, { jobs })).sealed, `${jobs} jobs`).toEqual(sealed);
  });
});

describe('archives one behind the other', () => {
  /** Members of every kind, each for itself. */
  function choices(): { root: string; paths: string[] } {
    const root = scratchDirectory();
    const sizes = [0, 1, 512, 5000, SLAB - 512, SLAB, 2 * SLAB + 1];
    for (const size of sizes) writeFileSync(join(root, `f${size}`), numbered(size, size));
    mkdirSync(join(root, 'd'));
    symlinkSync('target', join(root, 'l'));
    return { root, paths: ['d', 'l', ...sizes.map((size) => `f${size}`)] };
  }

  test('are each what it is alone, with nothing between them, for any number of threads', async () => {
    const { root, paths } = choices();
    const many = manyMembers(root);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom(...paths), { maxLength: 5 }), { minLength: 1, maxLength: 12 }),
        fc.record({
          jobs: fc.constantFrom(1, 1, 1, 2, 3, 8),
          delay: fc.nat(1000),
          gapBytes: fc.constantFrom(0, 512, 1536),
        }),
        async (given, { jobs, delay, gapBytes }) => {
          const archives = given.map((names) =>
            names.flatMap((name, index) => membersOf(join(root, name), `${index}-${name}`)),
          );
          if (jobs > 1) archives.unshift(many.slice(0, 700), many.slice(0, MANY - 700));
          const actual = await packAll(archives, { jobs, hindrance: { delay }, gapBytes });
          const alone: Packed[] = [];
          for (const members of archives) alone.push(await pack(members));
          expect(actual.map(({ sealed }) => sealed)).toEqual(alone.map(({ sealed }) => sealed));
        },
      ),
      { numRuns: 30 },
    );
  });

  test('need not be named before the first of them is packed', async () => {
    let named = 0;
    function* naming(): Generator<StreamMember, void> {
      for (let index = 0; index < MANY; index++, named++) yield entry({ path: bytes(`${index}`) });
    }
    const namedThen: number[] = [];
    await packAll([naming(), naming(), naming()], { onProgress: () => namedThen.push(named) });
    expect(namedThen[0]).toBeLessThan(MANY);
    expect(namedThen.at(-1)).toBe(3 * MANY);
  });

  test('may have so many bytes, and fail when there are more', async () => {
    const { root } = choices();
    const members = [fileMember(join(root, 'f5000')), ...manyMembers(root)];
    const { sealed } = await pack(members);
    const archives = [members.slice(0, 5), members, members.slice(0, 5)];
    for (const jobs of [1, 3]) {
      expect(await packAll(archives, { jobs, mostBytes: sealed.sizeBytes })).toHaveLength(3);
      const error = await failureOf(packAll(archives, { jobs, mostBytes: 500 << 10 }));
      expect(error).toMatchObject({ code: 'ARCHIVE_SIZE', message: expect.stringContaining(`${500 << 10} bytes`) });
    }
  });

  test('have members with contents in memory', async () => {
    const sizes = [0, 1, 512, TEXT, 3 * TEXT + 7];
    const entries = sizes.map((size) =>
      entry({
        path: bytes(`m${size}`),
        body: { type: 'file', sizeBytes: size, source: { from: 'memory', bytes: numbered(size, size) } },
      }),
    );
    const expected = await packEntries(entries, POSIX);
    for (const jobs of [1, 3]) {
      const [first, second] = await packAll([entries, entries], { jobs });
      expect([first!.sealed, second!.sealed]).toEqual([expected.sealed, expected.sealed]);
    }
  });

  test('have owners and modes by number', async () => {
    const root = scratchDirectory();
    writeFileSync(join(root, 'f'), 'content', { mode: 0o640 });
    const owners = [ATTRIBUTES, { ...ATTRIBUTES, uid: 7, uname: bytes('seven') }];
    const numbers = [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const;
    const members = numbers.map(([owner, mode]) => ({
      ...fileMember(join(root, 'f'), `${owner}${mode}`),
      owner,
      mode,
    }));
    const rules = { ...rulesOf(POSIX), owners, modes: [undefined, 0o4711] };
    const entries = numbers.map(([owner, mode]) => {
      const [own] = entriesOf(join(root, 'f'), `${owner}${mode}`);
      return { ...own!, ...owners[owner], mode: mode === 1 ? 0o4711 : 0o640 };
    });
    const expected = await packEntries(entries, POSIX);
    expect(describeDifference(expected.blob, (await pack(members, { rules })).blob)).toBeUndefined();
  });

  test('leave out outputs, each for itself', async () => {
    const root = scratchDirectory();
    for (const name of ['out', 'f']) writeFileSync(join(root, name), name);
    const { dev, ino } = statSync(join(root, 'out'));
    const many = manyMembers(root);
    const out = fileMember(join(root, 'out'));
    const rules = rulesOf(POSIX, [{ device: dev, inode: ino }]);
    for (const jobs of [1, 3]) {
      const packed = await packAll([[out, ...many], [out, out], many.slice(0, 3), [out, many[0]!, out]], {
        jobs,
        rules,
      });
      expect(packed.map(({ sealed: { members } }) => members)).toEqual([MANY, 0, 3, 1]);
    }
  });

  test('of which one cannot be named fail when those before it are packed', async () => {
    const root = scratchDirectory();
    const many = manyMembers(root);
    function* failing(): Generator<StreamMember, void> {
      yield many[0]!;
      throw Object.assign(new Error('no more names'), { code: 'NAMES' });
    }
    for (const jobs of [1, 3]) {
      expect((await failureOf(packAll([many, failing(), many], { jobs }))).message).toBe('no more names');
      const missing = fileMember(join(root, 'missing'));
      expect((await failureOf(packAll([[missing], failing()], { jobs }))).code).toBe('SOURCE_CHANGED');
    }
  });
});

test('members have their own modes, as they are changed, and their names from before transformations', async () => {
  const root = scratchDirectory();
  mkdirSync(join(root, 'd'), { mode: 0o750 });
  writeFileSync(join(root, 'f'), 'content', { mode: 0o640 });
  const original = bytes('before/it');
  const member = { ...fileMember(join(root, 'f'), 'n'.repeat(300)), originalPath: original };
  const modeChanges = [
    { operator: '+', affected: 0o7777, value: { kind: 'bits', bits: 0o1 }, keptOnDirectories: 0 },
  ] as const;
  const { blob } = await pack([fileMember(join(root, 'd'), 'd', 'directory'), member], {
    rules: { ...rulesOf(POSIX), modes: [modeChanges] },
  });
  const [directory] = entriesOf(join(root, 'd'), 'd');
  const [file] = entriesOf(join(root, 'f'), 'n'.repeat(300));
  const entries = [
    { ...directory!, mode: 0o751 },
    { ...file!, mode: 0o641, originalPath: original },
  ];
  expect(describeDifference((await packEntries(entries, POSIX)).blob, blob)).toBeUndefined();
});

async function failureOf(work: Promise<unknown>): Promise<TarsealError> {
  return work.then(
    () => {
      throw new Error('nothing failed');
    },
    (error: unknown) => error as TarsealError,
  );
}

/** What this process, all its threads, has open below a directory. */
function openBelow(root: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(root) ? [path] : [];
    } catch {
      return [];
    }
  });
}

/** Packs what fails, and holds that no file stays open, and that no thread writes once it has failed. */
async function failing(
  root: string,
  members: Iterable<StreamMember>,
  { hindrance = { delay: 7 }, jobs = 1, output, ...options }: Options,
): Promise<TarsealError> {
  const path = join(root, 'out');
  const fd = openSync(path, 'w');
  const workers = workersOf(jobs);
  const error = await failureOf(
    sealStream({
      archives: [named(members, behindMany(workers))],
      rules: rulesOf(POSIX),
      recordSizeBytes: 10_240,
      output: output ?? regionOn(fd),
      engine,
      jobs,
      workerUrl: hindered(hindrance),
      ...options,
    }),
  );
  ftruncateSync(fd, 0);
  const isAlive = hindrance.dieAt === undefined && hindrance.dieAtWrite === undefined;
  if (isAlive) await workers.ended();
  expect(fstatSync(fd).size).toBe(0);
  closeSync(fd);
  if (process.platform === 'linux' && isAlive) expect(openBelow(root)).toEqual([]);
  return error;
}

/** As many as it takes for the workers to have their turn. */
function* endless(root: string): Generator<StreamMember, void> {
  const members = manyMembers(root);
  for (let round = 0; round < 500; round++) yield* members;
}

interface Failure {
  /** Made before anything is packed, of files of 20 KB. */
  readonly change?: (path: (index: number) => string) => void;
  readonly members?: (members: StreamMember[], root: string) => Iterable<StreamMember>;
  readonly output?: () => FileRegion;
  readonly tar?: TarOptions;
  readonly code: string;
  readonly message: RegExp;
  /** The file that `data` names. */
  readonly names?: string;
}

function outputOn(path: string, flags: string): FileRegion {
  const fd = openSync(path, flags);
  onTestFinished(() => closeSync(fd));
  return regionOn(fd);
}

function* endingWith(members: readonly StreamMember[], error: Error): Generator<StreamMember, void> {
  yield* members;
  throw error;
}

const FAILURES: Readonly<Record<string, Failure>> = {
  'a file that has vanished': {
    change: (path) => unlinkSync(path(20)),
    code: 'SOURCE_CHANGED',
    message: /^Cannot seal "ROOT\/f20": it changed during the build: it vanished$/,
    names: 'f20',
  },
  'a file that has become a fifo': {
    change(path) {
      unlinkSync(path(20));
      run('mkfifo', [path(20)]);
    },
    code: 'NOT_AS_LISTED',
    message: /^Cannot pack "ROOT\/f20" as it was listed: it must be a regular file, and is none$/,
    names: 'f20',
  },
  'a file that has become a symlink': {
    change(path) {
      unlinkSync(path(20));
      symlinkSync('f21', path(20));
    },
    code: 'NOT_AS_LISTED',
    message: /^Cannot pack "ROOT\/f20" as it was listed: it must be a regular file, and is none$/,
    names: 'f20',
  },
  'a file that has become a directory': {
    change(path) {
      unlinkSync(path(20));
      mkdirSync(path(20));
    },
    code: 'NOT_AS_LISTED',
    message: /^Cannot pack "ROOT\/f20" as it was listed: it must be a regular file, and is none$/,
    names: 'f20',
  },
  'a directory that has become a file': {
    members: (members, root) => [...members, fileMember(join(root, 'f3'), 'directory', 'directory')],
    code: 'NOT_AS_LISTED',
    message: /^Cannot pack "ROOT\/f3" as it was listed: it must be a directory, and is none$/,
    names: 'f3',
  },
  'a directory that has vanished': {
    members: (members, root) => [...members, fileMember(join(root, 'nowhere'), 'directory', 'directory')],
    code: 'SOURCE_CHANGED',
    message: /^Cannot seal "ROOT\/nowhere": it changed during the build: it vanished$/,
    names: 'nowhere',
  },
  'the first file of several': {
    change(path) {
      for (const index of [58, 40, 22]) unlinkSync(path(index));
      symlinkSync('f21', path(22));
    },
    code: 'NOT_AS_LISTED',
    message: /^Cannot pack "ROOT\/f22" as it was listed/,
    names: 'f22',
  },
  'a name that the format has no place for': {
    members: (members, root) => [...members, fileMember(join(root, 'f1'), 'n'.repeat(300)), ...members],
    tar: { format: 'ustar', strict: true },
    code: 'TAR_FIELD_RANGE',
    message: /^Cannot encode "n{300}"/,
  },
  'a member without a name': {
    members: (members, root) => [...members, fileMember(join(root, 'f1'), ''), ...members],
    code: 'TAR_NAME_INVALID',
    message: /^Cannot encode member "": its name must have at least one byte/,
  },
  'a symlink without a name': {
    members: (members) => [...members, entry({ path: bytes(''), body: { type: 'fifo' } }), ...members],
    code: 'TAR_NAME_INVALID',
    message: /^Cannot encode member "": its name must have at least one byte/,
  },
  'a name that no batch can have': {
    members: (members, root) => [...members, fileMember(join(root, 'f1'), 'n'.repeat(TEXT)), ...members],
    code: 'NAME_SIZE',
    message: /^Cannot pack a stream: a name is too long$/,
  },
  'what naming members throws': {
    members: (members) => endingWith(members, Object.assign(new Error('no more names'), { code: 'NAMES' })),
    code: 'NAMES',
    message: /^no more names$/,
  },
  'a file before what naming members throws': {
    change: (path) => unlinkSync(path(20)),
    members: (members) => endingWith(members, Object.assign(new Error('no more names'), { code: 'NAMES' })),
    code: 'SOURCE_CHANGED',
    message: /^Cannot seal "ROOT\/f20": it changed during the build: it vanished$/,
    names: 'f20',
  },
  'ENOSPC of the output': {
    output: () => outputOn('/dev/full', 'w'),
    code: 'OUTPUT',
    message: /^output: ENOSPC: no space left on device, write$/,
  },
  'EBADF of the output': {
    output: () => outputOn('/dev/null', 'r'),
    code: 'OUTPUT',
    message: /^output: EBADF: bad file descriptor, write$/,
  },
  'ESPIPE of the output': {
    output() {
      const path = join(scratchDirectory(), 'fifo');
      run('mkfifo', [path]);
      return outputOn(path, 'r+');
    },
    code: 'OUTPUT',
    message: /^output: ESPIPE: invalid seek, write$/,
  },
};

describe('a long file that another thread goes on with', () => {
  /** Each is a batch of its own, as its name is long, so that every thread has some of them. */
  function longMembers(root: string, sizes: readonly number[]): StreamMember[] {
    return sizes.flatMap((size, index) => {
      const [long, short] = [join(root, `long${index}`), join(root, `short${index}`)];
      writeFileSync(long, numbered(size, index + 1));
      writeFileSync(short, numbered(index, index + 1));
      return [fileMember(long, `${'l'.repeat(TEXT - 5000)}${index}`), fileMember(short, `short/${index}`)];
    });
  }
  const HANDED_ON = 9 * SLAB;

  test('has the same bytes, and so has what is behind it', async () => {
    const root = scratchDirectory();
    const sizes = Array.from({ length: 30 }, (_, index) => HANDED_ON + index * 511);
    const members = [...manyMembers(root), ...longMembers(root, sizes)];
    const expected = await pack(members);
    for (const [jobs, most] of [[2], [2, 70_001], [3], [5]] as const) {
      const { sealed, readsTaken } = await pack(members, { jobs, hindrance: { delay: jobs, ...(most && { most }) } });
      expect(sealed).toEqual(expected.sealed);
      expect(readsTaken).toBeGreaterThan(0);
    }
  });

  test('that changes is one error', async () => {
    const root = scratchDirectory();
    const members = [...manyMembers(root), ...longMembers(root, Array(30).fill(HANDED_ON))];
    for (const jobs of [2, 3]) {
      for (let index = 2; index < 30; index++) writeFileSync(join(root, `long${index}`), numbered(HANDED_ON, 1));
      // When a few of the long files are packed: each makes ten pieces, and all before them about thirty.
      const change = (): void => {
        for (let index = 2; index < 30; index++) truncateSync(join(root, `long${index}`), SLAB);
      };
      const options = { jobs, hindrance: { delay: jobs }, engine: engineThat(change, 80) };
      const error = await failing(root, members, options);
      expect(error.message).toMatch(/it had 4718592 bytes, and (ends after \d+|has 524288)$/);
      expect(error.code).toBe('SOURCE_CHANGED');
    }
  });
});

describe('one error, the same on one thread and on many', () => {
  oracle.each(Object.entries(FAILURES))('%s', async (_, failure) => {
    for (const jobs of [1, 3]) {
      const root = scratchDirectory();
      const path = (index: number): string => join(root, `f${index}`);
      const files = Array.from({ length: 60 }, (_file, index) => path(index));
      for (const [index, file] of files.entries()) writeFileSync(file, numbered(20_000, index));
      const all = [...manyMembers(root), ...files.map((file) => fileMember(file, `files${file.slice(root.length)}`))];
      failure.change?.(path);
      const error = await failing(root, failure.members?.(all, root) ?? all, {
        jobs,
        rules: rulesOf(failure.tar ?? POSIX),
        ...(failure.output && { output: failure.output() }),
      });
      expect(error.message.replaceAll(root, 'ROOT')).toMatch(failure.message);
      expect(error.code).toBe(failure.code);
      if (failure.names !== undefined) expect(error.data).toEqual({ path: join(root, failure.names) });
    }
  });

  /** Files whose size is not that of what is read of them, or that cannot be read at all. */
  const SYSTEM_FILES = [
    [
      '/sys/kernel/uevent_seqnum',
      'SOURCE_CHANGED',
      /it changed during the build: it had 4096 bytes, and ends after \d+$/,
    ],
    ['/sys/class/net/lo/speed', 'READ_FAILED', /^Cannot read "\/sys\/class\/net\/lo\/speed": EINVAL$/],
  ] as const;
  for (const [path, code, message] of SYSTEM_FILES) {
    const isThere = ((): boolean => {
      try {
        return statSync(path).size === 4096;
      } catch {
        return false;
      }
    })();
    test.skipIf(!isThere)(`${code} of a file of the system's own`, async () => {
      for (const jobs of [1, 3]) {
        const root = scratchDirectory();
        const error = await failing(root, [...manyMembers(root), fileMember(path)], { jobs });
        expect(error.message).toMatch(message);
        expect(error.code).toBe(code);
        expect(error.data['path']).toBe(path);
      }
    });
  }

  test('a file that is there no more when it is looked at again', async () => {
    const root = scratchDirectory();
    const error = await failing(root, endless(root), { jobs: 3, hindrance: { most: 4, isStale: true } });
    expect(error.message.replace(root, 'ROOT')).toBe('Cannot read "ROOT/one-of-many": ESTALE');
    expect(error.code).toBe('READ_FAILED');
  });
});

oracle('a file that says that it has no bytes has none, as for GNU tar', async () => {
  const { blob } = await pack([fileMember('/proc/version', 'proc/version')]);
  const theirs = gnuTar([...gnuTarArguments('posix'), '-cf', '-', '-C', '/', 'proc/version'], '/');
  expect(describeDifference(theirs, blob)).toBeUndefined();
});

/** An engine that lets something happen once it has been given so many pieces: slabs, on one thread. */
function engineThat(act: () => void, afterPieces = 1): HashEngine {
  let pieces = 0;
  return {
    ...engine,
    createSha256() {
      const hash = engine.createSha256();
      return {
        ...hash,
        update(piece) {
          hash.update(piece);
          if (++pieces === afterPieces) act();
        },
      };
    },
  };
}

describe('a file that changes while it is read', () => {
  const SIZE = 4 * SLAB + 100;
  const CHANGES: Readonly<Record<string, readonly [(path: string) => void, RegExp | undefined]>> = {
    'ends early': [(path) => truncateSync(path, SLAB + 9), /it had 2097252 bytes, and ends after 524297$/],
    'ends where it is read': [
      (path) => truncateSync(path, SLAB - 1024),
      /it had 2097252 bytes, and ends after 523776$/,
    ],
    'has grown': [(path) => appendFileSync(path, 'x'), /it had 2097252 bytes, and has more$/],
    'was written to': [(path) => utimesSync(path, 1, 1), /it was written to$/],
    'shrank and grew again': [
      (path) => {
        truncateSync(path, 0);
        truncateSync(path, SIZE);
        utimesSync(path, 1, 1);
      },
      /it was written to$/,
    ],
    'vanished is still there to be read': [(path) => unlinkSync(path), undefined],
    'was replaced is read as it was': [
      (path) => {
        writeFileSync(`${path}.new`, 'new');
        renameSync(`${path}.new`, path);
      },
      undefined,
    ],
  };
  test.each(Object.entries(CHANGES))('%s', async (_, [change, message]) => {
    const root = scratchDirectory();
    const path = join(root, 'file');
    writeFileSync(path, numbered(SIZE, 1));
    utimesSync(path, 1_600_000_000, 1_600_000_000);
    const members = [fileMember(path, 'file')];
    const expected = await pack(members);
    const options = { engine: engineThat(() => change(path)) };
    if (message === undefined) {
      expect((await pack(members, options)).sealed).toEqual(expected.sealed);
    } else {
      const error = await failing(root, members, options);
      expect(error.message).toMatch(message);
      expect({ code: error.code, data: error.data }).toEqual({ code: 'SOURCE_CHANGED', data: { path } });
    }
  });

  test('by a byte behind the last one that fits a slab', async () => {
    const root = scratchDirectory();
    const path = join(root, 'file');
    writeFileSync(path, numbered(2 * SLAB - 512, 1));
    const ustar = rulesOf({ format: 'ustar', strict: true });
    const error = await failing(root, [fileMember(path, 'file')], {
      rules: ustar,
      engine: engineThat(() => appendFileSync(path, 'x')),
    });
    expect(error.message).toMatch(/it had 1048064 bytes, and has 1048065$/);
  });
});

describe('a worker that fails is one error', () => {
  const DIED = /^Cannot go on: a worker thread failed: it ended with exit code 7$/;
  const WORKERS: Readonly<Record<string, readonly [Hindrance, RegExp]>> = {
    'that ends at its first batch': [{ dieAt: 1 }, DIED],
    'that ends at its fifth batch': [{ dieAt: 5, delay: 1 }, DIED],
    'that ends in its first write, which nobody else can then do': [{ dieAtWrite: 1 }, DIED],
    'that ends in its third write': [{ dieAtWrite: 3, delay: 2 }, DIED],
    'that has a defect': [{ throwAt: 3 }, /^Cannot go on: a worker thread failed: thrown on purpose$/],
  };

  test.each(Object.entries(WORKERS))('%s', async (_, [hindrance, message]) => {
    for (const jobs of [2, 3]) {
      const root = scratchDirectory();
      const error = await failing(root, endless(root), { jobs, hindrance });
      expect(error.message).toMatch(message);
      expect(error.code).toBe('WORKER_FAILED');
    }
  });

  test('whose program is missing', async () => {
    const root = scratchDirectory();
    const fd = openSync(join(root, 'out'), 'w');
    onTestFinished(() => closeSync(fd));
    const error = await failureOf(
      sealStream({
        archives: [endless(root)],
        rules: rulesOf(POSIX),
        recordSizeBytes: 512,
        output: regionOn(fd),
        engine,
        jobs: 3,
        workerUrl: pathToFileURL('/nowhere/worker.js'),
      }),
    );
    expect(error.message).toMatch(/^Cannot go on: a worker thread failed: Cannot find module/);
    expect(error.code).toBe('WORKER_FAILED');
  });
});

describe('an abort ends all threads', () => {
  const MOMENTS: Readonly<Record<string, { readonly atMember?: number; readonly afterPieces?: number }>> = {
    'before the first member': { atMember: 0 },
    'while workers start': { atMember: 700 },
    'when they have begun': { atMember: MANY + 1 },
    'in the middle': { atMember: MANY + 40 },
    'while a huge file is read': { afterPieces: 3 },
    'when much is packed': { afterPieces: 16 },
  };
  test.each(Object.entries(MOMENTS))('%s', async (_, { atMember, afterPieces }) => {
    for (const jobs of [1, 4]) {
      const root = scratchDirectory();
      const controller = new AbortController();
      const huge = join(root, 'huge');
      writeFileSync(huge, numbered(20 * SLAB, 1));
      const members = [
        fileMember(huge, 'huge'),
        ...manyMembers(root),
        ...Array.from({ length: 90 }, () => fileMember(huge)),
      ];
      let count = 0;
      function* aborting(): Generator<StreamMember, void> {
        for (const member of members) {
          if (count++ === atMember) controller.abort();
          yield member;
        }
      }
      const stoppingEngine = afterPieces === undefined ? engine : engineThat(() => controller.abort(), afterPieces);
      const fd = openSync(join(root, 'out'), 'w');
      const workers = workersOf(jobs);
      const error = await failureOf(
        sealStream({
          archives: [aborting()],
          rules: rulesOf(POSIX),
          recordSizeBytes: 512,
          output: regionOn(fd),
          engine: stoppingEngine,
          jobs,
          signal: controller.signal,
          workerUrl: hindered({ delay: 3 }),
        }),
      );
      expect(error.code).toBe('ABORTED');
      ftruncateSync(fd, 0);
      if (count >= 700) await workers.ended();
      expect(fstatSync(fd).size).toBe(0);
      closeSync(fd);
      if (process.platform === 'linux') expect(openBelow(root)).toEqual([]);
    }
  });
});

test('outputs are no members, under any of their names, and told in the order of members', async () => {
  const root = scratchDirectory();
  const at = (name: string): string => join(root, name);
  for (const name of ['out', 'out2']) writeFileSync(at(name), name);
  const many = manyMembers(root);
  const links = Array.from({ length: 200 }, (_, index) => at(`link${index}`));
  for (const [index, link] of links.entries()) linkSync(at(index % 7 === 0 ? 'out2' : 'out'), link);
  const outputs = ['out', 'out2'].map((name) => {
    const { dev, ino } = statSync(at(name));
    return { device: dev, inode: ino };
  });
  const rest = many.slice(0, 300);
  const mixed = links.flatMap((link, index) => [fileMember(link), rest[index]!]);
  const { sealed } = await pack([...many, ...rest.slice(0, links.length)]);
  for (const [jobs, delay] of [
    [1, 1],
    [2, 2],
    [4, 3],
    [4, 4],
  ] as const) {
    const told: (readonly [string, FileIdentity])[] = [];
    const actual = await pack([...many, ...mixed], {
      rules: rulesOf(POSIX, outputs),
      jobs,
      hindrance: { delay },
      onLeftOut: ({ fsPath }, output) => told.push([fsPath, output]),
    });
    expect(actual.sealed).toEqual(sealed);
    expect(told).toEqual(links.map((link, index) => [link, outputs[index % 7 === 0 ? 1 : 0]]));
  }
});
