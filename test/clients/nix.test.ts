import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { scanStore } from '../../src/build/scan-references.js';
import { type ByteString, encodeUtf8 } from '../../src/bytes/index.js';
import {
  closureOf,
  orderTopologically,
  parseReferenceGraph,
  type ReferenceGraph,
  type StoreItem,
} from '../../src/store/index.js';
import { missingClients, testUnless } from '../support/clients.js';
import { run } from '../support/commands.js';

/**
 * Derivations whose outputs refer to others in every way that there is, and in some that are none. Each is a name and a
 * script for `/bin/sh`, in which `$NAME` is the output of another one.
 */
const SCRIPTS: Readonly<Record<string, string>> = {
  lib: 'mkdir -p $out/lib; echo code > $out/lib/lib.so; mkdir $out/empty; : > $out/lib/empty',
  file: 'echo "uses $lib/lib/lib.so" > $out',
  link: 'ln -s $file $out',
  source: 'echo $added/below/program > $out',
  hash_alone: 'basename $lib | cut -c1-32 > $out',
  itself: 'mkdir $out; echo $out > $out/here',
  itself_by_link: 'mkdir $out; ln -s $out/nowhere $out/link',
  // A second output, to which the first refers.
  several: 'mkdir $out $dev; echo $lib > $dev/include; echo $dev > $out/bin',
  binary: `{ printf '\\000\\377\\200'; printf %s $lib; printf '\\377\\000'; } > $out`,
  among_digits: 'h=$(basename $lib | cut -c1-32); echo "0z$h"z0$h > $out',
  far: '{ head -c 1048560 /dev/zero; echo $lib; head -c 3000000 /dev/zero; echo $file; } > $out',
  far_digits: `{ head -c 1048560 /dev/zero | tr '\\000' z; basename $lib; head -c 999999 /dev/zero; } > $out`,
  file_name: 'mkdir -p $out/etc; : > $out/etc/$(basename $lib).conf',
  directory_name: 'mkdir -p $out/$(basename $lib)/$(basename $file)',
  link_name: 'mkdir $out; ln -s nowhere $out/$(basename $lib)',
  link_target: 'mkdir $out; ln -s ../$(basename $lib)/lib $out/lib; ln -s $file $out/file',
  hard_links: 'mkdir -p $out/d; cd $out; echo $lib > one; ln one two; ln one d/three',
  programs: 'mkdir $out; cd $out; for m in 755 700 555 644 444 600 654; do echo $lib > $m; chmod $m $m; done',
  bytes: `mkdir $out; cd $out; echo $lib > 'new
line'; : > $'\\377\\376'; mkdir $'n\\303\\244me'; : > ' '; : > a.b; : > a-b; mkdir a; ln -s $'\\200' l`,
  lengths: `mkdir $out; cd $out; for n in $(seq 0 17); do head -c $n /dev/zero > f$n; ln -s $(printf %0$((n+1))d 0) l$n; done`,
  names: 'mkdir $out; cd $out; for n in $(seq 17) 254 255; do : > $(printf %0$((n))d 0); done',
  // None of these is a reference: Nix does not find them either.
  none_uppercase: 'echo $lib | tr a-z A-Z > $out',
  none_compressed: 'echo $lib $lib | gzip -n > $out',
  none_shortened: 'basename $lib | cut -c1-31 > $out; basename $lib | cut -c2-32 >> $out',
  none_halved: 'mkdir $out; cd $out; h=$(basename $lib); echo $h | cut -c1-16 > a; ln -s $(echo $h | cut -c17-32) b',
  none_wrapped: 'basename $lib | fold -w 20 > $out',
  none_wide: `printf %s $lib | sed 's/./&\\x00/g' > $out`,
  none_input: 'echo $lib $file > /dev/null; echo unused > $out',
  top: 'mkdir $out; cd $out; echo $link $far > a; ln -s $link_target b; : > $(basename $several); echo $source > c',
};

interface NixStore {
  /** Runs a program of Nix, with this store alone. */
  readonly nix: (program: string, ...args: string[]) => string;
  readonly directory: string;
  /** Path of an item by its name. */
  readonly item: (name: string) => string;
  remove(): void;
}

function createNixStore(): NixStore {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'tarseal-nix-')));
  const at = (name: string): string => join(scratch, name);
  for (const name of ['etc', 'home', 'tmp']) mkdirSync(at(name));
  writeFileSync(
    at('etc/nix.conf'),
    'build-users-group =\nsandbox = false\nsubstituters =\nbuilders =\nexperimental-features = nix-command\n',
  );
  const env = {
    PATH: process.env['PATH'],
    HOME: at('home'),
    TMPDIR: at('tmp'),
    NIX_REMOTE: 'local',
    NIX_STORE_DIR: at('store'),
    NIX_STATE_DIR: at('var'),
    NIX_LOCALSTATE_DIR: at('var'),
    NIX_LOG_DIR: at('log'),
    NIX_CONF_DIR: at('etc'),
  };
  const directory = at('store');
  return {
    nix: (program, ...args) => run(program, args, { cwd: scratch, env }).toString(),
    directory,
    item(name) {
      const found = readdirSync(directory).filter((base) => base.slice(33) === name);
      if (found.length !== 1) throw new Error(`${directory} has ${found.length} items of the name ${name}`);
      return join(directory, found[0]!);
    },
    remove() {
      run('chmod', ['-R', 'u+rwX', scratch]);
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/**
 * The derivations that `scripts.json` describes. A shell would become its last command, and Nix kills a builder that has
 * closed its output but not yet ended, as commands do; hence the `exit`.
 */
const EXPRESSION = `
  let
    described = builtins.fromJSON (builtins.readFile ./scripts.json);
    added = builtins.storePath described.added;
    base = { system = builtins.currentSystem; builder = "/bin/bash"; PATH = "/usr/bin:/bin"; };
    run = name: script: attributes: derivation (base // { inherit name; args = [ "-e" "-c" "\${script}\\nexit 0" ]; } // attributes);
    items = builtins.mapAttrs (name: { script, inputs, outputs }:
      run name script ({ inherit added outputs; } // builtins.listToAttrs
        (map (input: { name = input; value = builtins.getAttr input items; }) inputs))) described.items;
  in builtins.attrValues items ++ [
    (run "graph_text" described.text { exportReferencesGraph = [ "one" items.top "two" items.programs ]; })
    (run "graph_json" described.json {
      __structuredAttrs = true;
      exportReferencesGraph = { one = [ items.top ]; two = [ items.programs items.itself ]; };
    })
  ]
`;

/** What the expression reads. */
function describeItems(added: string): object {
  const items = Object.entries(SCRIPTS).map(([name, script]) => {
    const variables = [...script.matchAll(/\$([a-z_]+)/g)].map(([, name]) => name);
    const inputs = Object.keys(SCRIPTS).filter((input) => input !== name && variables.includes(input));
    return [name, { script, inputs, outputs: variables.includes('dev') ? ['out', 'dev'] : ['out'] }];
  });
  return {
    added,
    items: Object.fromEntries(items),
    text: 'mkdir $out; cp one two $out',
    json: `. ./.attrs.sh; cp .attrs.json \${outputs[out]}`,
  };
}

const obstacles = missingClients('nix', 'nix-store', 'nix-build', 'bash');
const oracle = testUnless(obstacles);
const names = [...Object.keys(SCRIPTS), 'several-dev', 'added', 'added-link'];

let store: NixStore;
let scanned: ReferenceGraph;

beforeAll(async () => {
  if (obstacles.length > 0) return;
  store = createNixStore();
  const sources = join(store.directory, '../sources');
  mkdirSync(join(sources, 'added/below'), { recursive: true });
  writeFileSync(join(sources, 'added/below/program'), '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('below/program', join(sources, 'added/link'));
  symlinkSync('nowhere', join(sources, 'added-link'));
  store.nix('nix-store', '--add', join(sources, 'added'), join(sources, 'added-link'));
  writeFileSync(join(sources, 'scripts.json'), JSON.stringify(describeItems(store.item('added'))));
  writeFileSync(join(sources, 'default.nix'), EXPRESSION);
  store.nix('nix-build', '--no-out-link', join(sources, 'default.nix'));
  scanned = await scan(names);
});

afterAll(() => store?.remove());

function scan(roots: readonly string[]): Promise<ReferenceGraph> {
  const directory = encodeUtf8(store.directory);
  return scanStore(
    { diskPath: directory, storePath: directory },
    roots.map((name) => ({ diskPath: '/nowhere' as ByteString, path: encodeUtf8(store.item(name)) })),
  );
}

/** The lines of an answer, one for each path or in byte order. */
function query(question: string, ...paths: string[]): string[] {
  const lines = store
    .nix('nix-store', '--query', question, ...paths)
    .split('\n')
    .slice(0, -1);
  return question === '--size' ? lines : lines.sort();
}

const answers = new Map<string, StoreItem>();

/** What Nix says of paths, in the form of a graph; each is asked for once. */
function graphByNix(paths: readonly string[]): [string, StoreItem][] {
  const unknown = paths.filter((path) => !answers.has(path));
  const sizes = unknown.length > 0 ? query('--size', ...unknown) : [];
  for (const [index, path] of unknown.entries()) {
    const references = query('--references', path) as ByteString[];
    answers.set(path, { path: path as ByteString, references, narSizeBytes: Number(sizes[index]) });
  }
  return [...paths].sort().map((path) => [path, answers.get(path)!]);
}

describe('scanning', () => {
  oracle.each(names)('%s: references and size are those of nix-store --query', (name) => {
    const path = store.item(name);
    expect([[path, scanned.get(path as ByteString)]]).toEqual(graphByNix([path]));
  });

  oracle('there are references to find, and none where none should be', () => {
    const count = (name: string): number => scanned.get(store.item(name) as ByteString)!.references.length;
    expect(Object.fromEntries(names.map((name) => [name, count(name)]))).toEqual({
      ...Object.fromEntries(names.map((name) => [name, 1])),
      ...Object.fromEntries(names.filter((name) => name.startsWith('none_')).map((name) => [name, 0])),
      ...{ lib: 0, added: 0, 'added-link': 0, lengths: 0, names: 0 },
      ...{ far: 2, directory_name: 2, link_target: 2, top: 5 },
    });
  });

  oracle.each(['top', 'link', 'several', 'directory_name', 'itself', 'lib'])(
    '%s: the closure is that of nix-store -qR',
    async (name) => {
      const closure = [...(await scan([name])).keys()];
      expect(closure).toEqual(query('--requisites', store.item(name)));
      expect(closure).toEqual([...closureOf(scanned, [store.item(name) as ByteString], 'the scan').keys()]);
    },
  );
});

describe('a graph that Nix writes is read as Nix answers', () => {
  const parsed = (bytes: string | Buffer): [string, StoreItem][] => [
    ...parseReferenceGraph(Buffer.from(bytes), 'the graph'),
  ];
  const validPaths = (): string[] => store.nix('nix', 'path-info', '--all').split('\n').slice(0, -1);

  oracle('nix-store --dump-db', () => {
    expect(parsed(store.nix('nix-store', '--dump-db'))).toEqual(graphByNix(validPaths()));
  });

  oracle('nix path-info --json --all', () => {
    expect(parsed(store.nix('nix', 'path-info', '--json', '--all'))).toEqual(graphByNix(validPaths()));
  });

  oracle.each(['--recursive', '--closure-size'])('nix path-info --json --recursive %s', (option) => {
    const top = store.item('top');
    const json = store.nix('nix', 'path-info', '--json', '--recursive', option, top);
    expect(parsed(json)).toEqual(graphByNix(query('--requisites', top)));
  });

  oracle.each([
    ['one', 'top'],
    ['two', 'programs'],
  ])('exportReferencesGraph as text: %s', (file, root) => {
    const text = readFileSync(join(store.item('graph_text'), file));
    const answer = graphByNix(query('--requisites', store.item(root)));
    expect(parsed(text)).toEqual(answer.map(([path, { narSizeBytes: _, ...item }]) => [path, item]));
  });

  oracle('exportReferencesGraph of structured attributes', () => {
    const roots = ['top', 'programs', 'itself'].map((name) => store.item(name));
    expect(parsed(readFileSync(store.item('graph_json')))).toEqual(graphByNix(query('--requisites', ...roots)));
  });

  oracle('and in topological order nothing comes before what it refers to', () => {
    const top = store.item('top');
    const graph = parseReferenceGraph(
      Buffer.from(store.nix('nix', 'path-info', '--json', '--recursive', top)),
      'the graph',
    );
    const seen = new Set<string>();
    for (const { path, references } of orderTopologically(graph)) {
      for (const reference of references) expect(reference === path || seen.has(reference)).toBe(true);
      seen.add(path);
    }
    expect([...seen].at(-1)).toBe(top);
  });
});
