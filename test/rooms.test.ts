import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { lineOf, maskSource } from './support/source-text.js';

const PROJECT = fileURLToPath(new URL('../', import.meta.url));

/** Open to every room below `cli`, besides its own row. */
const OPEN_ROOMS = ['errors', 'bytes', 'entry'];

/** What a room may import, besides the open rooms: a ceiling, not a duty. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  bytes: ['errors'],
  entry: ['bytes', 'errors'],
  digest: [...OPEN_ROOMS],
  compress: [...OPEN_ROOMS],
  tar: [...OPEN_ROOMS],
  store: [...OPEN_ROOMS],
  tree: [...OPEN_ROOMS],
  plan: [...OPEN_ROOMS, 'store'],
  oci: [...OPEN_ROOMS, 'digest'],
  layer: [...OPEN_ROOMS, 'tree', 'tar', 'digest', 'compress', 'oci'],
  image: [...OPEN_ROOMS, 'oci', 'digest'],
  transport: [...OPEN_ROOMS, 'image', 'oci', 'tar', 'layer', 'digest', 'compress'],
  verify: [...OPEN_ROOMS, 'transport', 'image', 'tar', 'digest', 'compress', 'oci'],
  build: [
    ...OPEN_ROOMS,
    ...['digest', 'compress', 'tar', 'store', 'tree', 'plan', 'oci', 'layer', 'image', 'transport', 'verify'],
  ],
  cli: [],
};

/** Rooms that run in browsers and edge workers too: no `node:` module but behind one seam (one file) a room. */
const PORTABLE_CORE = ['errors', 'bytes', 'digest', 'compress', 'entry', 'tar', 'store', 'plan', 'oci', 'image'];
const PORTABLE_PACKAGES = ['hash-wasm', 'fflate', 'libdeflate'];

/** Modules whose values are the host's; below `cli` they arrive as arguments. */
const HOST_MODULES = ['node:os', 'node:process'];

/** What below `cli` would let the host reach a byte of the output, or print. */
const HOST_STATE: Readonly<Record<string, RegExp>> = {
  'the environment, the working directory or the umask': /\bprocess\s*(?:\?\.|!?\.)\s*(?:env|cwd|umask)\b/g,
  'a property of process that cannot be checked': /\bprocess\s*(?:\?\.)?\[|=\s*process\s*[;,)]/g,
  'the clock': /\bDate\s*\.\s*now\b|(?<![\w$.])Date\s*\(\s*\)|\bnew\s+Date\b(?!\s*\()|\bperformance\s*\.\s*\w/g,
  'random numbers': /\bMath\s*\.\s*random\b|\brandom(?:UUID|Bytes|Int)\b|\bgetRandomValues\b/g,
  'the terminal or the exit code': /\bconsole\s*\.|\bprocess\s*\.\s*(?:std(?:in|out|err)|argv|exit\w*)\b/g,
  'modules that cannot be checked': /\bcreateRequire\b|\bgetBuiltinModule\b(?!\(['"])/g,
  'the locale': /\blocaleCompare\b|\btoLocale\w*|\bIntl\s*\./g,
};

interface SourceFile {
  /** Path below src/, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  /** Absent where it is computed. */
  readonly specifier: string | undefined;
  readonly isDynamic: boolean;
  readonly offset: number;
}

/** Static and dynamic imports, re-exports, `import type`, import types, `require` and worker files, in any order. */
function findImports(text: string): Import[] {
  const masked = maskSource(text);
  const imports: Import[] = [];
  const add = (pattern: RegExp, isDynamic: boolean): void => {
    for (const match of masked.matchAll(pattern)) {
      const quoted = match.indices?.groups?.['quoted'];
      const specifier = quoted && text.slice(quoted[0] + 1, quoted[1] - 1);
      imports.push({ specifier, isDynamic, offset: match.index });
    }
  };
  add(/\b(?:import|export)\b[^'"`;()=]*?\bfrom\s*(?<quoted>'_*'|"_*")/dg, false);
  add(/\bimport\s*(?<quoted>'_*'|"_*")/dg, false);
  add(/(?<![\w$.])(?:import|require)\s*\(\s*(?:(?<quoted>'_*'|"_*"|`_*`)\s*[,)])?/dg, true);
  add(/\bgetBuiltinModule\((?<quoted>'_*'|"_*")\)/dg, true);
  add(/\bnew\s+URL\s*\(\s*(?<quoted>'_*'|"_*"|`_*`)\s*,\s*import\.meta\.url/dg, true);
  // A URL may also name a file that is read as data; only programs are imports.
  return imports.filter(
    ({ specifier, offset }) => !text.startsWith('new', offset) || /\.[cm]?[jt]s$/.test(specifier ?? ''),
  );
}

function findViolations(files: readonly SourceFile[], dependencies: readonly string[]): string[] {
  const violations: string[] = [];
  const seams = new Map<string, Set<string>>();
  const rooms = new Set<string>();

  for (const file of files) {
    const room = file.path.includes('/') ? file.path.slice(0, file.path.indexOf('/')) : '';
    const blame = (offset: number, problem: string): void => {
      violations.push(`src/${file.path}:${lineOf(file.text, offset)}: ${problem}`);
    };
    if (room === '' && file.path !== 'index.ts') blame(0, 'belongs to no room');
    else if (room !== '' && !Object.hasOwn(MAY_IMPORT, room)) blame(0, `"${room}" is no room`);
    else {
      rooms.add(room);
      for (const found of findImports(file.text)) {
        const problem = judgeImport(file.path, room, found);
        if (problem) blame(found.offset, problem);
      }
      if (room !== 'cli') {
        const masked = maskSource(file.text);
        for (const [what, pattern] of Object.entries(HOST_STATE)) {
          for (const match of masked.matchAll(pattern))
            blame(match.index, `"${match[0]}" uses ${what}, as only cli may`);
        }
      }
    }
  }
  for (const room of rooms) {
    // Nothing may import cli, so it needs no door.
    if (room === 'cli') continue;
    if (!files.some(({ path }) => path === posix.join(room, 'index.ts')))
      violations.push(`src/${room} has no index.ts`);
  }
  for (const [room, paths] of seams) {
    if (paths.size > 1) violations.push(`src/${room} has several seams to node: ${[...paths].join(', ')}`);
  }
  return violations;

  function judgeImport(path: string, room: string, { specifier, isDynamic }: Import): string | undefined {
    if (specifier === undefined) return 'imports a name that is computed';
    if (specifier.startsWith('.')) return judgeRelative(path, room, specifier);
    if (specifier.startsWith('node:')) {
      if (room !== 'cli' && HOST_MODULES.includes(specifier)) return `imports ${specifier}, as only cli may`;
      if (!PORTABLE_CORE.includes(room)) return undefined;
      if (!isDynamic) return `imports ${specifier}: ${room} is portable`;
      seams.set(room, (seams.get(room) ?? new Set()).add(path));
      return undefined;
    }
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    if (!dependencies.includes(name)) return `imports ${specifier}, which is no dependency of the package`;
    if (PORTABLE_CORE.includes(room) && !PORTABLE_PACKAGES.includes(name)) {
      return `imports ${specifier}: portable rooms may import ${PORTABLE_PACKAGES.join(', ')}`;
    }
    return undefined;
  }

  function judgeRelative(path: string, room: string, specifier: string): string | undefined {
    const target = posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
    if (target.startsWith('../')) return `imports ${specifier}, which is outside src`;
    if (target === 'index.ts') return room === 'cli' ? undefined : `imports the public src/index.ts, as only cli may`;
    const targetRoom = target.slice(0, Math.max(0, target.indexOf('/')));
    if (targetRoom === room) return undefined;
    if (room === 'cli') return `imports ${specifier}: cli may import src/index.ts only`;
    if (target !== `${targetRoom}/index.ts`) return `imports ${specifier}, past the index.js of ${targetRoom || 'src'}`;
    if (targetRoom === 'cli') return `imports ${specifier}: nothing may import cli`;
    if (room !== '' && !MAY_IMPORT[room]!.includes(targetRoom))
      return `imports ${specifier}: ${room} may not import ${targetRoom}`;
    return undefined;
  }
}

function readSources(): SourceFile[] {
  const src = join(PROJECT, 'src');
  return readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path: relative(src, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }));
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(PROJECT, path), 'utf8')) as T;
}

describe('the sources', () => {
  const dependencies = Object.keys(readJson<{ dependencies: object }>('package.json').dependencies);
  const sources = readSources();

  test('import downwards only, through index.js, and leave the host to cli', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.flatMap(({ text }) => findImports(text)).length).toBeGreaterThan(20);
    expect(findViolations(sources, dependencies)).toEqual([]);
  });

  test('of the portable core compile without the types of Node', () => {
    const { include } = readJson<{ include: string[] }>('src/tsconfig.core.json');
    expect(include.toSorted()).toEqual(PORTABLE_CORE.toSorted());
    expect(dirname(include[0]!)).toBe('.');
  });
});

describe('a made-up source', () => {
  const INDEXES = Object.keys(MAY_IMPORT).map((room) => ({ path: `${room}/index.ts`, text: 'export {};\n' }));

  function check(path: string, text: string): string[] {
    const others = INDEXES.filter((index) => index.path !== path);
    return findViolations(
      [...others, { path: 'index.ts', text: '' }, { path, text }],
      ['hash-wasm', 'fflate', 'yaml', '@scope/name'],
    );
  }

  test.each<[name: string, path: string, text: string, problem: string]>([
    ['upwards', 'tar/a.ts', "import { walk } from '../tree/index.js';", 'tar may not import tree'],
    [
      'upwards, types only',
      'errors/a.ts',
      "import type { A } from '../bytes/index.js';",
      'errors may not import bytes',
    ],
    [
      'upwards, one type among values',
      'tar/a.ts',
      "import { a, type B } from '../oci/index.js';",
      'tar may not import oci',
    ],
    [
      'upwards, over several lines',
      'plan/a.ts',
      "import {\n  a, // from 'x'\n} from '../tree/index.js';",
      'plan may not import tree',
    ],
    ['upwards, re-exported', 'bytes/index.ts', "export { a } from '../tar/index.js';", 'bytes may not import tar'],
    ['upwards, all re-exported', 'bytes/a.ts', "export * from '../tar/index.js';", 'bytes may not import tar'],
    [
      'upwards, a type re-exported',
      'bytes/a.ts',
      "export type { A } from '../tar/index.js';",
      'bytes may not import tar',
    ],
    ['upwards, for its effects', 'image/a.ts', "import '../layer/index.js';", 'image may not import layer'],
    ['upwards, dynamically', 'store/a.ts', "const a = await import('../plan/index.js');", 'store may not import plan'],
    ['upwards, an import type', 'store/a.ts', "type A = import('../plan/index.js').A;", 'store may not import plan'],
    [
      'upwards, as a namespace',
      'layer/a.ts',
      'import * as a from "../transport/index.js";',
      'layer may not import transport',
    ],
    [
      'from a folder of the room',
      'transport/oci/a.ts',
      "import { a } from '../../build/index.js';",
      'transport may not import build',
    ],
    ['past an index', 'layer/a.ts', "import { a } from '../tar/header.js';", 'past the index.js of tar'],
    [
      'past an index, from the public index',
      'index.ts',
      "export { a } from './tar/header.js';",
      'past the index.js of tar',
    ],
    [
      'a worker file of another room',
      'tree/a.ts',
      "new Worker(new URL('../layer/worker.js', import.meta.url));",
      'past the index.js of layer',
    ],
    ['cli, from the public index', 'index.ts', "export { a } from './cli/index.js';", 'nothing may import cli'],
    ['cli, from build', 'build/a.ts', "import { a } from '../cli/index.js';", 'nothing may import cli'],
    ['a room, from cli', 'cli/a.ts', "import { a } from '../build/index.js';", 'cli may import src/index.ts only'],
    [
      'an open room, from cli',
      'cli/a.ts',
      "import { a } from '../errors/index.js';",
      'cli may import src/index.ts only',
    ],
    ['the public index, from a room', 'build/a.ts', "import { a } from '../index.js';", 'as only cli may'],
    ['outside src', 'build/a.ts', "import { a } from '../../test/a.js';", 'outside src'],
    ['node: in the core', 'tar/a.ts', "import { Buffer } from 'node:buffer';", 'tar is portable'],
    ['node: types in the core', 'oci/a.ts', "import type { Hash } from 'node:crypto';", 'oci is portable'],
    ['node:os', 'layer/a.ts', "import { availableParallelism } from 'node:os';", 'imports node:os, as only cli may'],
    ['node:process', 'layer/a.ts', "import { env } from 'node:process';", 'imports node:process, as only cli may'],
    [
      'a package in the core',
      'store/a.ts',
      "import { parse } from 'yaml';",
      'portable rooms may import hash-wasm, fflate, libdeflate',
    ],
    ['a package that is not installed', 'build/a.ts', "import { a } from 'left-pad/a.js';", 'no dependency'],
    ['a module of Node by its old name', 'build/a.ts', "import { readFileSync } from 'fs';", 'no dependency'],
    ['a computed name', 'build/a.ts', 'const a = await import(`../$' + '{room}/index.js`);', 'computed'],
    ['require', 'tar/a.ts', "const a = require('../tree/index.js');", 'tar may not import tree'],
    ['environment', 'build/a.ts', "const a = process.env['HOME'];", 'uses the environment'],
    [
      'environment in a template',
      'build/a.ts',
      'const a = `~$' + "{process.env['HOME'] ?? '}'}`;",
      'uses the environment',
    ],
    ['environment, indirectly', 'build/a.ts', 'const { env } = process;', 'cannot be checked'],
    ['working directory', 'tree/a.ts', 'const a = process.cwd();', 'uses the environment, the working directory'],
    ['umask', 'transport/a.ts', 'process.umask(0);', 'or the umask'],
    ['clock', 'image/a.ts', 'const a = Date.now();', 'uses the clock'],
    ['clock, as a date', 'image/a.ts', 'const a = new Date();', 'uses the clock'],
    ['clock, as a date without parentheses', 'image/a.ts', 'const a = new Date;', 'uses the clock'],
    ['messages', 'transport/a.ts', 'process.stderr.write(message);', 'uses the terminal or the exit code'],
    ['messages, by console', 'transport/a.ts', 'console.error(message);', 'uses the terminal or the exit code'],
    ['exit codes', 'build/a.ts', 'process.exitCode = 1;', 'uses the terminal or the exit code'],
    ['required modules', 'build/a.ts', 'createRequire(import.meta.url)(name);', 'uses modules that cannot be checked'],
    ['random numbers', 'transport/a.ts', 'const a = Math.random();', 'uses random numbers'],
    ['order of the locale', 'tar/a.ts', 'names.sort((a, b) => a.localeCompare(b));', 'uses the locale'],
    ['format of the locale', 'index.ts', 'const a = size.toLocaleString();', 'uses the locale'],
    [
      'a division before a string',
      'tar/a.ts',
      "const a = b / 2; const c = '/'; process.cwd();",
      'uses the environment',
    ],
    ['a quote in a regular expression', 'tar/a.ts', "const a = /['\"`]/; process.cwd(); // '", 'uses the environment'],
  ])('that has %s is caught', (_name, path, text, problem) => {
    const violations = check(path, text);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(problem);
  });

  test.each<[name: string, path: string, text: string]>([
    ['its own row', 'layer/a.ts', "import { a } from '../tar/index.js';\nimport { b } from '../oci/index.js';"],
    ['an open room', 'store/a.ts', "import type { ArchiveEntry } from '../entry/index.js';"],
    [
      'its own files',
      'tar/header/a.ts',
      "import { a } from '../pax.js';\nimport b from './b.json' with { type: 'json' };",
    ],
    ['the public index from cli', 'cli/a.ts', "import { a } from '../index.js';\nimport { b } from './b.js';"],
    ['a room from the public index', 'index.ts', "export { a } from './build/index.js';"],
    ['node: outside the core', 'tree/a.ts', "import { readdirSync } from 'node:fs';"],
    ['the seam of a core room', 'digest/a.ts', "const { createHash } = await import('node:crypto');"],
    ['a package', 'build/a.ts', "import { parse } from 'yaml';\nimport { a } from '@scope/name/a';"],
    ['a portable package', 'digest/a.ts', "import { createSHA256 } from 'hash-wasm';"],
    ['a given date', 'oci/a.ts', 'const a = new Date(seconds * 1000).toISOString();'],
    ['the host in cli', 'cli/a.ts', 'const a = [process.env, process.cwd(), Date.now(), new Date()];'],
    [
      'comments',
      'tar/a.ts',
      "// process.env\n/* import { a } from '../tree/index.js'; new Date() */\nconst a = 1; // it's",
    ],
    [
      'strings',
      'tar/a.ts',
      'const a = "import { a } from \'../tree/index.js\'"; const b = `Date.now() // localeCompare`;',
    ],
    ['regular expressions', 'tar/a.ts', 'const a = /process.env/; const b = [1].map((c) => c / 2 / 3);'],
    ['a data file', 'transport/a.ts', "const a = new URL('../../package.json', import.meta.url);"],
  ])('that has %s passes', (_name, path, text) => {
    expect(check(path, text)).toEqual([]);
  });

  test('without an index, outside the rooms, or with two seams in one room is caught', () => {
    const seam = "await import('node:crypto');";
    const files = [
      { path: 'index.ts', text: '' },
      { path: 'main.ts', text: '' },
      { path: 'attic/index.ts', text: '' },
      { path: 'digest/a.ts', text: seam },
      { path: 'digest/b.ts', text: seam },
    ];
    expect(findViolations(files, [])).toEqual([
      'src/main.ts:1: belongs to no room',
      'src/attic/index.ts:1: "attic" is no room',
      'src/digest has no index.ts',
      'src/digest has several seams to node: digest/a.ts, digest/b.ts',
    ]);
  });
});
