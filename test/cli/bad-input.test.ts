import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { testUnless } from '../support/clients.js';
import { FIXTURE_GRAPH, FIXTURE_STORE, fixtureItem } from '../support/fixture-store.js';
import { copyForEveryUser } from '../support/public-program.js';
import { scratchDirectory } from '../support/scratch.js';
import { type CallOptions, callTarseal, expectRefusal, type Outcome, PROGRAM } from '../support/tarseal.js';

/** For users other than root. */
let publicProgram: ReturnType<typeof copyForEveryUser>;
beforeAll(() => {
  publicProgram = copyForEveryUser();
});
afterAll(() => publicProgram.remove());

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

const IN_STORE = ['--store', `${FIXTURE_STORE}=/nix/store`];
const HELLO = fixtureItem('hello');
const ABSENT = '/nix/store/00000000000000000000000000000000-absent-1.0';

function tarseal(args: readonly string[], options: CallOptions = {}): Outcome {
  const { uid } = options;
  return callTarseal(args, { ...options, ...(uid !== undefined && { program: publicProgram.program }) });
}

/** A scratch directory with a source `src` and a target `out.tar` that must stay as it is. */
function scene(): { dir: string; src: string; out: string } {
  const dir = scratchDirectory();
  const src = join(dir, 'src');
  mkdirSync(join(src, 'sub'), { recursive: true });
  writeFileSync(join(src, 'file'), 'content');
  const out = join(dir, 'out.tar');
  writeFileSync(out, 'precious');
  return { dir, src, out };
}

function expectRefused(outcome: Outcome, status: number, message: RegExp, out?: string): void {
  expectRefusal(outcome, status, message);
  if (out !== undefined) {
    expect(readFileSync(out, 'utf8')).toBe('precious');
    expect(readdirSync(join(out, '..')).filter((name) => name.includes('.tmp'))).toEqual([]);
  }
}

describe('a wrong call is refused before anything is read: exit code 2, the target untouched', () => {
  const cases: Readonly<Record<string, [args: string[], message: RegExp]>> = {
    'no source': [[], /at least one source must be given/],
    'a missing path': [['src/nowhere'], /"\/.*\/src\/nowhere": it does not exist \[SOURCE_MISSING\]/],
    'a missing --add source': [['--add', 'nowhere=/x'], /nowhere" does not exist \[SOURCE_MISSING\]/],
    'a missing --root': [['--root', 'nowhere'], /does not exist \[SOURCE_MISSING\]/],
    'a --root that is a file': [['--root', 'src/file'], /must be a directory, and is none \[SOURCE_INVALID\]/],
    'an --add without a destination': [['--add', 'src'], /must have the form SRC=DEST/],
    'a destination with ..': [['--add', 'src=/a/../b'], /"\/a\/\.\.\/b".*the component "\.\." \[PATH_INVALID\]/],
    'a destination with .': [['--add', 'src=/a/./b'], /the component "\." \[PATH_INVALID\]/],
    'a destination with an empty component': [['--add', 'src=/a//b'], /an empty component \[PATH_INVALID\]/],
    'an empty destination': [['--add', 'src='], /an empty component \[PATH_INVALID\]/],
    'a file at the root': [['--add', 'src/file=/'], /is no directory, and "\/" names one \[PATH_INVALID\]/],
    'a file where a directory is named': [['--add', 'src/file=/a/'], /is no directory, and "\/a\/" names one/],
    'a whiteout as a destination': [['--add', 'src=/a/.wh.x'], /must not begin with "\.wh\.".*\[WHITEOUT_NAME\]/],
    'a whiteout as a symlink': [['-S', '/.wh..wh..opq=/x'], /\[WHITEOUT_NAME\]/],
    'two sources for one path': [
      ['--add', 'src/file=/x', '--add', 'src/sub=/x'],
      /two sources at "\/x": it is a file of --add ".*file=\/x", and a directory of --add ".*sub=\/x" \[TREE_CONFLICT\]/,
    ],
    'two files for one path': [['--add', 'src/file=/x', '--add', 'other=/x'], /\[TREE_CONFLICT\]/],
    'two symlinks that disagree': [
      ['-S', '/x=a', '-S', '/x=b'],
      /a symlink to "a" of --symlink "\/x=a", and a symlink to "b"/,
    ],
    'a file where a directory must be': [
      ['--add', 'src/file=/x', '-S', '/x/y=z'],
      /"\/x" must be a directory, and is a file of --add/,
    ],
    'a symlink where a directory must be': [
      ['-S', '/x=z', '--add', 'src/file=/x/y'],
      /two sources at "\/x": it is a directory of --add .*, and a symlink to "z" of --symlink "\/x=z" \[TREE_CONFLICT\]/,
    ],
    'two names that a transformation makes one': [
      ['--add', 'src/file=/a1', '--add', 'other=/b1', '--transform', '/a=/b'],
      /\[TREE_CONFLICT\]/,
    ],
    'a transformation to ..': [['--root', 'src', '--transform', 'file=../x'], /the component "\.\." \[PATH_INVALID\]/],
    'a transformation without =': [['--root', 'src', '--transform', 'file'], /must be OLD=NEW/],
    'a symlink without a target': [['-S', '/x='], /must have at least one byte/],
    'a directory with a wrong mode': [['--directory', '/x:1888'], /1888/],
    'an unknown system': [
      ['--root', 'src', '--system', 'vax-vms'],
      /unsupported system.*vax-vms|vax-vms.*unsupported/i,
    ],
    'an unknown platform': [['--root', 'src', '--platform', 'linux/vax'], /vax/],
    'a platform and a system': [
      ['--root', 'src', '--platform', 'linux/amd64', '--system', 'x86_64-linux'],
      /both are given/,
    ],
    'an invalid tag: upper case': [['--root', 'src', '-t', 'UPPER:1'], /UPPER/],
    'an invalid tag: an empty tag': [['--root', 'src', '-t', 'name:'], /name:/],
    'an invalid tag: a long tag': [['--root', 'src', '-t', `name:${'x'.repeat(129)}`], /128/],
    'an invalid tag: a digest': [['--root', 'src', '-t', `name@sha256:${'0'.repeat(64)}`], /digest/],
    'an invalid env': [['--root', 'src', '--env', 'NOVALUE'], /NOVALUE/],
    'an env without a name': [['--root', 'src', '--env', '=x'], /=x/],
    'an invalid label': [['--root', 'src', '--label', 'nolabel'], /nolabel/],
    'an invalid annotation': [['--root', 'src', '--annotation', 'x'], /annotation/],
    'an invalid port': [['--root', 'src', '--expose', '70000'], /65535/],
    'an invalid volume': [['--root', 'src', '--volume', 'relative'], /absolute/],
    'an invalid working directory': [['--root', 'src', '--workdir', 'relative'], /absolute/],
    'an invalid user': [['--root', 'src', '--user', 'a:b:c'], /a:b:c/],
    'an invalid stop signal': [['--root', 'src', '--stop-signal', 'SIGNOTHING'], /SIGNOTHING/],
    'an invalid entry point array': [['--root', 'src', '--entrypoint', '["a", 1]'], /JSON array of strings/],
    'an invalid time': [['--root', 'src', '--mtime', 'yesterday'], /yesterday/],
    'a time with a fraction': [['--root', 'src', '--created', '2020-01-01T00:00:00.5Z'], /2020-01-01T00:00:00\.5Z/],
    'a day that is none': [['--root', 'src', '--created', '2021-02-30T00:00:00Z'], /2021-02-30/],
    'an invalid mode': [['--root', 'src', '--mode', 'u+q'], /u\+q.*\[MODE_INVALID\]/],
    'an invalid chmod': [['--root', 'src', '--chmod', '/file=999'], /999/],
    'an invalid chown': [['--root', 'src', '--chown', '/file=root'], /root/],
    'an invalid owner': [['--root', 'src', '--owner', 'alice'], /alice/],
    'an owner that is too large': [['--root', 'src', '--owner', 'x:4294967296'], /4294967295/],
    'max-layers 1': [['--root', 'src', '--max-layers', '1'], /from 2 to 125, and is 1/],
    'max-layers 126': [['--root', 'src', '--max-layers', '126'], /from 2 to 125, and is 126/],
    'max-layers of no number': [['--root', 'src', '--max-layers', 'many'], /whole number/],
    'one layer of many': [['--root', 'src', '--layers', 'single', '--max-layers', '3'], /takes no --max-layers/],
    'an unknown compression': [['--root', 'src', '-C', 'xz'], /xz/],
    'a level out of range': [['--root', 'src', '-C', 'gzip:13'], /from 0 to 12, and is 13/],
    'an unknown codec': [
      ['--root', 'src', '--codec', 'gzip-zlib-1'],
      /must be one of gzip-libdeflate-1, gzip-fflate-1, and is "gzip-zlib-1"/,
    ],
    'an unknown option': [['--root', 'src', '--frobnicate'], /unknown option '--frobnicate'/],
    'an unknown dialect': [['--root', 'src', '--dialect', 'klingon'], /klingon.*native, guix/],
    'an unterminated glob': [['--root', 'src', '--exclude', '/[a'], /\[a/],
    'a name that does not fit, with --strict': [
      ['--add', `src=/${'n'.repeat(101)}`, '--strict'],
      /path must be at most 100 bytes.*and is 102 bytes \[TAR_FIELD_RANGE\]/,
    ],
    'an owner that does not fit, with --strict': [
      ['--root', 'src', '--owner', 'x:2097152', '--strict'],
      /uid must be at most 2097151, and is 2097152 \[TAR_FIELD_RANGE\]/,
    ],
    '--strict with another format': [
      ['--root', 'src', '--strict', '--tar-format', 'gnu'],
      /--strict is for the ustar format/,
    ],
    'guix with compressed layers': [['src', '--dialect', 'guix', '--layer-compression', 'gzip'], /uncompressed layers/],
    'guix as an OCI layout': [['src', '--dialect', 'guix', '--format', 'oci-layout'], /docker-archive/],
    'a missing graph': [
      ['--root', 'src', '--graph', 'nowhere'],
      /--graph ".*nowhere": it does not exist \[SPEC_FILE\]/,
    ],
    'a graph that is a directory': [['--root', 'src', '--graph', 'src'], /\(EISDIR\) \[SPEC_FILE\]/],
    'a graph that is none': [['--root', 'src', '--graph', 'other'], /line 1 must be .*"other" \[GRAPH_SYNTAX\]/],
    'a path that the graph lacks': [
      [ABSENT, '--graph', FIXTURE_GRAPH],
      /"\/nix\/store\/0{32}-absent-1\.0" of the sources in --graph ".*store\.graph" \[GRAPH_PATH_ABSENT\]/,
    ],
    'contents that the graph lacks': [
      ['--contents', `${ABSENT}/share`, '--graph', FIXTURE_GRAPH],
      /-absent-1\.0".* \[GRAPH_PATH_ABSENT\]/,
    ],
    'a config that names what the graph lacks': [
      [...IN_STORE, HELLO, '--graph', FIXTURE_GRAPH, '--env', `PATH=/bin:${ABSENT}/bin`],
      /"\/nix\/store\/0{32}-absent-1\.0" of the config in --graph ".*" \[GRAPH_PATH_ABSENT\]/,
    ],
    'items of a graph that are not on this machine': [
      [HELLO, '--graph', FIXTURE_GRAPH, '--store', 'src=/nix/store'],
      /Cannot read 9 of 9 paths: they do not exist:(\n {2}"\/.*\/src\/\w{32}-.*"){9} \[SOURCE_MISSING\]/,
    ],
    'a graph and a scan': [[...IN_STORE, HELLO, '--graph', FIXTURE_GRAPH, '--scan', '/nix/store'], /both are given/],
    'a missing store to scan': [['src', '--scan', 'nowhere'], /nowhere": it does not exist \[SOURCE_MISSING\]/],
    'a store to scan that is a file': [
      ['src', '--scan', 'other'],
      /must be a directory, and is none \[SOURCE_INVALID\]/,
    ],
    'a store to scan without items': [
      ['src', '--scan', 'src'],
      /HASH-NAME, and none of its 2 names .*\[SOURCE_INVALID\]/,
    ],
    'a path that the scanned store lacks': [
      [...IN_STORE, ABSENT, '--scan', '/nix/store'],
      /"\/nix\/store\/0{32}-absent-1\.0".*--scan "\/nix\/store" \[GRAPH_PATH_ABSENT\]/,
    ],
    'a --store without a destination': [['src', '--store', 'src'], /--store "src": it must have the form SRC=DEST/],
    'a --store with an empty source': [
      ['src', '--store', '=/nix/store'],
      /--store "=\/nix\/store": it must have the form SRC=DEST/,
    ],
    'a --store with an empty destination': [['src', '--store', 'src='], /an empty component \[PATH_INVALID\]/],
    'a --store with ..': [['src', '--store', 'src=/a/../b'], /the component "\.\." \[PATH_INVALID\]/],
    'a --store that is the root': [['src', '--store', 'src=/'], /must be a directory below the root \[SPEC_INVALID\]/],
    'missing contents': [['--contents', 'nowhere'], /nowhere": it does not exist \[SOURCE_MISSING\]/],
    'contents that are a file': [
      ['--contents', 'other'],
      /--contents ".*other": it must be a directory, and is none \[SOURCE_INVALID\]/,
    ],
    'empty contents': [['--contents', ''], /empty path.*\[SPEC_INVALID\]/],
    'contents and a file at one path': [['--contents', 'src', '--add', 'other=/file'], /"\/file".*\[TREE_CONFLICT\]/],
    'contents with an owner that has a name': [
      ['--contents', 'src', '--contents-owner', 'root'],
      /owner "root": it must be UID:GID.*\[OWNER_INVALID\]/,
    ],
    'contents with half an owner': [
      ['--contents', 'src', '--contents-owner', '0:'],
      /gid "": it must be a decimal number.*\[ID_INVALID\]/,
    ],
    'contents with a negative owner': [
      ['--contents', 'src', '--contents-owner', '-1:0'],
      /uid "-1": it must be a decimal number.*\[ID_INVALID\]/,
    ],
    'contents with an owner that is too large': [
      ['--contents', 'src', '--contents-owner', '0:4294967296'],
      /gid "4294967296": .* at most 4294967295 \[ID_INVALID\]/,
    ],
    'guix with an owner of contents': [
      ['src', '--dialect', 'guix', '--contents-owner', '1:1'],
      /--dialect guix has one owner.*\[SPEC_CONFLICT\]/,
    ],
    'an unknown preset': [
      ['--preset', 'temp'],
      /--preset "temp": it must be one of bin, ca-certificates, .*\[SPEC_INVALID\]/,
    ],
    'an unknown preset among others': [['--preset', 'tmp,__proto__'], /--preset "__proto__": it must be one of/],
    'an empty preset': [['--preset', ''], /--preset "": it must be one of/],
    'a preset and a comma': [['--preset', 'tmp,'], /--preset "": it must be one of/],
    'the preset bin without a profile': [['--preset', 'bin'], /--prefix or a path.*\[SPEC_CONFLICT\]/],
    'a preset and another source for its file': [
      ['--preset', 'passwd', '-S', '/etc/passwd=shadow'],
      /two sources at "\/etc\/passwd": it is a symlink to "shadow" of --symlink .* of --preset passwd \[TREE_CONFLICT\]/,
    ],
    'an unknown strategy': [['src', '--layers', 'beauty'], /'beauty' is invalid.*single, size, popularity/],
    'layers by popularity without a graph': [
      ['src', '--layers', 'popularity'],
      /--graph or --scan must be given \[SPEC_CONFLICT\]/,
    ],
    'layers by popularity without a graph, of nix': [
      ['src', '--layers', 'popularity', '--dialect', 'nix', '--max-layers', '3'],
      /--graph or --scan must be given \[SPEC_CONFLICT\]/,
    ],
    'nix with a tar format': [
      ['src', '--dialect', 'nix', '--tar-format', 'gnu'],
      /format of its own, and --tar-format gnu/,
    ],
    'nix with --strict': [['src', '--dialect', 'nix', '--strict'], /format of its own, and --strict is given/],
    'nix with compressed layers': [['src', '--dialect', 'nix', '--layer-compression', 'gzip'], /uncompressed layers/],
    'nix as an OCI layout': [['src', '--dialect', 'nix', '--format', 'oci-layout'], /docker-archive/],
    'nix as an OCI archive': [['src', '--dialect', 'nix', '--format', 'oci-archive'], /docker-archive/],
    'nix with an annotation': [['src', '--dialect', 'nix', '--annotation', 'a=b'], /has no manifest/],
    'nix with one layer of many': [
      ['src', '--dialect', 'nix', '--layers', 'single', '--max-layers', '3'],
      /takes no --max-layers, and 3 is given/,
    ],
    'max-layers 1 of a graph': [
      [...IN_STORE, HELLO, '--graph', FIXTURE_GRAPH, '--max-layers', '1'],
      /from 2 to 125, and is 1 /,
    ],
    'max-layers 126 of a graph': [
      [...IN_STORE, HELLO, '--graph', FIXTURE_GRAPH, '--max-layers', '126'],
      /from 2 to 125, and is 126 /,
    ],
    'max-layers 0 of a scan': [
      [...IN_STORE, HELLO, '--scan', '/nix/store', '--max-layers', '0'],
      /from 2 to 125, and is 0 /,
    ],
    'max-layers 1 of a graph, by size': [
      [...IN_STORE, HELLO, '--graph', FIXTURE_GRAPH, '--layers', 'size', '--max-layers', '1'],
      /from 2 to 125, and is 1 /,
    ],
    'max-layers of a graph in one layer': [
      [...IN_STORE, HELLO, '--graph', FIXTURE_GRAPH, '--layers', 'single', '--max-layers', '5'],
      /takes no --max-layers, and 5 is given/,
    ],
    'max-layers 126 of nix': [
      [...IN_STORE, HELLO, '--graph', FIXTURE_GRAPH, '--dialect', 'nix', '--max-layers', '126'],
      /from 2 to 125, and is 126 /,
    ],
    'max-layers 1 of contents and presets': [
      ['--contents', 'src', '--preset', 'tmp', '--max-layers', '1'],
      /from 2 to 125, and is 1 /,
    ],
    'max-layers with a fraction': [['src', '--graph', FIXTURE_GRAPH, '--max-layers', '2.5'], /whole number/],
    'jobs 0': [['--root', 'src', '--jobs', '0'], /from 1 to 1024, and is 0/],
    'a config file that is no JSON': [['--root', 'src', '--config', 'other'], /must be JSON/],
    'a missing config file': [['--root', 'src', '--config', 'nowhere.json'], /does not exist \[SPEC_FILE\]/],
  };
  for (const [name, [args, message]] of Object.entries(cases)) {
    test(name, () => {
      const { dir, out } = scene();
      writeFileSync(join(dir, 'other'), 'other');
      expectRefused(tarseal(['build', ...args, '-o', out], { cwd: dir }), 2, message, out);
    });
  }

  test('no output', () => {
    const { dir } = scene();
    expectRefused(tarseal(['build', '--root', 'src'], { cwd: dir }), 2, /an output must be given/);
  });

  test('an unreadable file and an unreadable directory: all of them are listed', { skip: !isRoot }, () => {
    const { dir, src, out } = scene();
    for (const path of [dir, src]) chmodSync(path, 0o755);
    for (const name of ['secret1', 'secret2']) writeFileSync(join(src, name), 'x', { mode: 0o600 });
    mkdirSync(join(src, 'closed'), { mode: 0o700 });
    chownSync(dir, NOBODY, NOBODY);
    const outcome = tarseal(['build', '--root', src, '-o', out], { uid: NOBODY, cwd: '/' });
    expectRefused(outcome, 2, /Cannot read 3 of the source's files and directories/, out);
    for (const name of ['secret1', 'secret2', 'closed'])
      expect(outcome.stderr).toContain(`src/${name}": permission denied`);
    expectRefused(tarseal(['tar', '-cf', out, 'src'], { uid: NOBODY, cwd: dir }), 2, /Cannot read 3 of/, out);
    // Among so many that other threads find them.
    for (let index = 0; index < 1500; index++) writeFileSync(join(src, `file${index}`), '');
    for (const args of [
      ['tar', '-cf', out, 'src'],
      ['build', '--add', 'src=/src', '-o', out],
    ]) {
      const ofMany = tarseal(args, { uid: NOBODY, cwd: dir });
      expectRefused(ofMany, 2, /Cannot read 3 of/, out);
      expect(ofMany.stderr).toMatch(/src\/closed": permission denied/);
    }
  });

  test('a whiteout among the files of a source', () => {
    const { src, out } = scene();
    writeFileSync(join(src, '.wh.gone'), '');
    expectRefused(tarseal(['build', '--root', src, '-o', out]), 2, /\.wh\.gone.*\[WHITEOUT_NAME\]/, out);
  });

  test('a name that would forge a line or a colour of the message', () => {
    const { dir, out } = scene();
    const outcome = tarseal(['build', '--root', 'evil\n\x1b[31mname', '-o', out], { cwd: dir });
    expectRefused(outcome, 2, /evil\\n\\x1b\[31mname/, out);
    expect(outcome.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  for (const [name, text, message] of [
    ['an unknown key', 'rooot: src\n', /the key "rooot" is not known; did you mean "root" \[SPEC_KEY\]/],
    [
      'an unknown key inside',
      'files:\n  /etc/x:\n    content: x\n    mod: "0644"\n',
      /the key "files\.\/etc\/x\.mod" is not known; did you mean "mode"/,
    ],
    ['a key like no other', 'frobnication: 1\n', /the key "frobnication" is not known \[SPEC_KEY\]/],
    ['a key given twice', 'root: src\nroot: other\n', /unique/],
    ['a value of the wrong kind', 'root: 5\n', /"root" must be string, and is 5/],
    [
      'a mode that YAML reads as a number',
      'files:\n  /x: {content: x, mode: 0755}\n',
      /"files\.\/x\.mode" must be string, and is 755/,
    ],
    ['max-layers out of range', 'root: src\nmaxLayers: 1\n', /"maxLayers" must be >= 2, and is 1/],
    ['no mapping', '- a\n- b\n', /the document must be object/],
    ['no YAML', 'root: [\n', /--spec/],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((key, i) => `${key}: &${key} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
        .join('\n')}\n`,
      /--spec/,
    ],
  ] as const) {
    test(`a spec file with ${name}`, () => {
      const { dir, out } = scene();
      writeFileSync(join(dir, 'spec.yaml'), text);
      expectRefused(tarseal(['build', '--spec', 'spec.yaml', '-o', out], { cwd: dir }), 2, message, out);
    });
  }

  test('a spec file that is too large', () => {
    const { dir, out } = scene();
    writeFileSync(join(dir, 'spec.yaml'), '');
    truncateSync(join(dir, 'spec.yaml'), 5 << 20);
    expectRefused(
      tarseal(['build', '--spec', 'spec.yaml', '-o', out], { cwd: dir }),
      2,
      /at most 4194304 bytes, and has more/,
      out,
    );
  });

  test('no stack without --debug, and one with it', () => {
    const { dir, out } = scene();
    expect(tarseal(['build', '--root', 'nowhere', '-o', out, '--debug'], { cwd: dir }).stderr).toMatch(/^ +at /m);
  });
});

describe('targets', () => {
  test('a directory is refused for an archive', () => {
    const { dir, src } = scene();
    expectRefused(
      tarseal(['build', '--root', src, '-o', join(dir, 'src', 'sub')]),
      2,
      /it is a directory, and an archive is a file \[OUTPUT_INVALID\]/,
    );
    expectRefused(tarseal(['build', '--root', src, '-o', `${dir}/new/`]), 2, /names a directory/);
  });

  test('a file is refused for an OCI layout, and so is a directory that holds other things', () => {
    const { src, out } = scene();
    expectRefused(tarseal(['build', '--root', src, '-o', out, '--format', 'oci-layout']), 2, /it is no directory/, out);
    expectRefused(
      tarseal(['build', '--root', join(src, 'sub'), '-o', src, '--format', 'oci-layout']),
      2,
      /neither empty nor an OCI layout/,
    );
    expect(readdirSync(src).sort()).toEqual(['file', 'sub']);
  });

  test('a directory that does not exist', () => {
    const { dir, src } = scene();
    expectRefused(
      tarseal(['build', '--root', src, '-o', `${dir}/no/such/out.tar`]),
      2,
      /no\/such" does not exist \[OUTPUT_INVALID\]/,
    );
    expect(readdirSync(dir).sort()).toEqual(['out.tar', 'src']);
  });

  test('a directory where nothing can be written', { skip: !isRoot }, () => {
    const { dir, src } = scene();
    for (const path of [dir, src]) chmodSync(path, 0o755);
    expectRefused(
      tarseal(['build', '--root', src, '-o', `${dir}/new.tar`], { uid: NOBODY, cwd: '/' }),
      2,
      /permission denied/,
    );
  });

  test('/dev/null takes the stream', () => {
    const { src } = scene();
    const before = lstatSync('/dev/null');
    expect(tarseal(['build', '--root', src, '-o', '/dev/null', '-t', 'x:1']).status).toBe(0);
    expect(lstatSync('/dev/null').ino).toBe(before.ino);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('a symlink is followed, also one to nothing yet', () => {
    const { dir, src, out } = scene();
    symlinkSync('out.tar', `${dir}/link`);
    symlinkSync('sub.tar', `${dir}/fresh`);
    for (const name of ['link', 'fresh'])
      expect(tarseal(['build', '--root', src, '-o', `${dir}/${name}`]).status).toBe(0);
    expect(lstatSync(`${dir}/link`).isSymbolicLink()).toBe(true);
    expect(readFileSync(out)).toEqual(readFileSync(`${dir}/sub.tar`));
    symlinkSync('loop', `${dir}/loop`);
    expectRefused(tarseal(['build', '--root', src, '-o', `${dir}/loop`]), 2, /\[OUTPUT_INVALID\]/);
  });

  test('the mode of a target that is there is kept, a new one follows the umask', () => {
    const { dir, src, out } = scene();
    chmodSync(out, 0o600);
    expect(tarseal(['build', '--root', src, '-o', out]).status).toBe(0);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const previous = process.umask(0o027);
    try {
      expect(tarseal(['build', '--root', src, '-o', `${dir}/new.tar`]).status).toBe(0);
    } finally {
      process.umask(previous);
    }
    expect(statSync(`${dir}/new.tar`).mode & 0o777).toBe(0o640);
  });

  for (const command of ['build', 'tar']) {
    test(`the output of ${command} is no member of its own source: a warning, and the same bytes again`, () => {
      const { src } = scene();
      const out = join(src, 'out.tar');
      const args = command === 'build' ? ['build', '--root', src, '-o', out] : ['tar', '-cf', out, '-C', src, '.'];
      const first = tarseal(args);
      expect(first.status).toBe(0);
      const bytes = readFileSync(out);
      const second = tarseal(args);
      expect(second.status).toBe(0);
      expect(second.stderr).toMatch(/out\.tar" is the output and is left out/);
      expect(readFileSync(out).equals(bytes)).toBe(true);
    });
  }

  test('standard output that is a file inside the source is no member', () => {
    const { dir } = scene();
    const run = (): Buffer => {
      expect(
        spawnSync('sh', ['-c', '"$0" "$1" tar -c src > src/out.tar', process.execPath, PROGRAM], { cwd: dir }).status,
      ).toBe(0);
      return readFileSync(`${dir}/src/out.tar`);
    };
    const first = run();
    expect(run().equals(first)).toBe(true);
    expect(first.includes('out.tar')).toBe(false);
  });
});

describe('failures while writing: exit code 1, nothing left over', () => {
  test('a full device', () => {
    const { src } = scene();
    expectRefused(
      tarseal(['build', '--root', src, '-o', '/dev/full']),
      1,
      /no space left on the device \(ENOSPC\) \[OUTPUT_FAILED\]/,
    );
    expectRefused(
      tarseal(['tar', '-cf', '/dev/full', src]),
      1,
      /no space left on the device \(ENOSPC\) \[OUTPUT_FAILED\]/,
    );
  });

  testUnless(isRoot ? [] : ['mounting a small file system needs root'])('a full disk', () => {
    const { dir, src } = scene();
    writeFileSync(join(src, 'large'), Buffer.alloc(3 << 20));
    const mount = join(dir, 'mnt');
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', mount]);
    expect(mounted.stderr.toString()).toBe('');
    onTestFinished(() => void spawnSync('umount', ['-l', mount]));
    writeFileSync(join(mount, 'out.tar'), 'precious');
    for (const args of [[], ['-C', 'gzip:0'], ['--layer-compression', 'gzip:0']]) {
      expectRefused(
        tarseal(['build', '--root', src, ...args, '-o', join(mount, 'out.tar')]),
        1,
        /no space left on the device/,
        join(mount, 'out.tar'),
      );
    }
    expectRefused(
      tarseal(['tar', '-cf', join(mount, 'out.tar'), src]),
      1,
      /no space left on the device/,
      join(mount, 'out.tar'),
    );
    expectRefused(
      tarseal([
        'build',
        '--root',
        src,
        '--format',
        'oci-layout',
        '--layer-compression',
        'none',
        '-o',
        join(mount, 'layout'),
      ]),
      1,
      /no space left/,
    );
    expect(readdirSync(mount)).toEqual(['out.tar']);
  });

  test('a limit on the size of files', () => {
    const { dir, src, out } = scene();
    writeFileSync(join(src, 'large'), Buffer.alloc(3 << 20));
    const { status, stderr } = spawnSync('sh', [
      '-c',
      'ulimit -f 64; trap "" XFSZ; exec "$0" "$@"',
      process.execPath,
      PROGRAM,
      'build',
      '--root',
      src,
      '-o',
      out,
    ]);
    expect(stderr.toString()).toMatch(/larger than the system allows \(EFBIG\)/);
    expect(status).toBe(1);
    expect(readFileSync(out, 'utf8')).toBe('precious');
    expect(readdirSync(dir).sort()).toEqual(['out.tar', 'src']);
  });

  for (const command of ['build', 'tar']) {
    test(`a closed pipe, ${command}`, () => {
      const { src } = scene();
      writeFileSync(join(src, 'large'), Buffer.alloc(3 << 20));
      const call = command === 'build' ? 'build --root "$2" -o -' : 'tar -c "$2"';
      const { stdout } = spawnSync('bash', [
        '-c',
        `{ "$0" "$1" ${call}; echo "status $?" >&2; } 2>"$2/../err" | head -c 1 >/dev/null; cat "$2/../err"`,
        process.execPath,
        PROGRAM,
        src,
      ]);
      expect(stdout.toString()).toMatch(/the reader closed it \(EPIPE\) \[OUTPUT_FAILED\]/);
      expect(stdout.toString()).toMatch(/status 1/);
    });
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    for (const format of ['docker-archive', 'oci-layout']) {
      test(`${signal} in the middle of writing ${format}`, async () => {
        const { dir, src, out } = scene();
        // A hole of 200 GB: it takes long to write, and must not fill the disk before the signal.
        truncateSync(touch(join(src, 'huge')), 200e9);
        const target = format === 'oci-layout' ? join(dir, 'layout') : out;
        const child = spawn(process.execPath, [
          PROGRAM,
          'build',
          '--root',
          src,
          '-o',
          target,
          '--format',
          format,
          '--layer-compression',
          'none',
        ]);
        let stderr = '';
        child.stderr.on('data', (chunk) => {
          stderr += String(chunk);
        });
        await vi.waitFor(() => expect(readdirSync(dir).some((name) => name.endsWith('.tmp'))).toBe(true), {
          timeout: 20_000,
          interval: 10,
        });
        child.kill(signal);
        const ended = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
        expect(ended).toBe(signal);
        expect(stderr).toMatch(new RegExp(`ended by ${signal}`));
        expect(readdirSync(dir).sort()).toEqual(['out.tar', 'src']);
        expect(readFileSync(out, 'utf8')).toBe('precious');
      });
    }
  }

  test('SIGTERM while a reader does not read', async () => {
    const { dir, src } = scene();
    writeFileSync(join(src, 'large'), randomBytes(3 << 20));
    const child = spawn(
      process.execPath,
      [PROGRAM, 'build', '--root', src, '-o', '-', '--layer-compression', 'gzip:1'],
      { env: { TMPDIR: dir }, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    child.stdout.pause();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill('SIGTERM');
    const ended = await new Promise((resolve) => child.on('exit', (_, by) => resolve(by)));
    expect(ended).toBe('SIGTERM');
    expect(readdirSync(dir).sort()).toEqual(['out.tar', 'src']);
  });
});

function touch(path: string): string {
  writeFileSync(path, '');
  return path;
}
