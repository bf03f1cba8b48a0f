import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';

/** A path of bytes, one char a byte. */
function fsPath(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Whether this process can make device nodes. */
export const canMakeDevices: boolean = process.getuid?.() === 0;

/**
 * Makes a tree of every case that a tar writer can get wrong, in `root`, which exists. Names are bytes.
 *
 * @returns number of objects made
 */
export function makeAwkwardTree(root: string): number {
  let count = 0;
  const at = (name: string): string => `${root}/${name}`;
  const directory = (name: string, mode = 0o755): void => {
    mkdirSync(fsPath(at(name)), { recursive: true });
    chmodSync(fsPath(at(name)), mode);
    count++;
  };
  const file = (name: string, content: string | Uint8Array = name, mode = 0o644): void => {
    writeFileSync(fsPath(at(name)), content);
    chmodSync(fsPath(at(name)), mode);
    count++;
  };
  const symlink = (name: string, target: string): void => {
    symlinkSync(fsPath(target), fsPath(at(name)));
    count++;
  };

  // Lengths of member names around the fields of ustar: one component (no place to split), and with a directory.
  directory('lengths');
  for (const length of [97, 98, 99, 100, 101, 150, 154, 155, 156, 157, 200, 240]) {
    // The member is `t/lengths/NAME`: what is measured is the whole name.
    const base = length - 't/lengths/'.length;
    file(`lengths/${'f'.repeat(base)}`);
    directory(`lengths/${'d'.repeat(base - 1)}`);
    symlink(`lengths/${'l'.repeat(base)}`, 'x');
  }
  // Whole names of 255 to 257 and more bytes, split at a slash or with a last component that is too long for it.
  for (const prefix of [99, 100, 101, 120, 150, 154, 155, 156, 157]) {
    const parent = `lengths/${'p'.repeat(prefix - 't/lengths/'.length)}`;
    directory(parent);
    for (const length of [253, 254, 255, 256, 257, 258]) {
      const base = length - prefix - 1;
      if (base > 0 && base <= 255) {
        file(`${parent}/${'f'.repeat(base)}`);
        if (base > 1) directory(`${parent}/${'d'.repeat(base - 1)}`);
      }
    }
    for (const base of [98, 99, 100, 101]) {
      file(`${parent}/${'g'.repeat(base)}`);
      directory(`${parent}/${'e'.repeat(base)}`);
    }
  }
  let deep = 'deep';
  for (let level = 0; level < 12; level++) {
    deep += `/${'n'.repeat(level * 7 + 1)}`;
    directory(deep);
    file(`${deep}/file`);
  }

  directory('links');
  for (const length of [1, 98, 99, 100, 101, 102, 155, 156, 255, 256, 1000, 4000])
    symlink(`links/to-${length}`, 'x'.repeat(length));
  symlink('links/absolute', '/etc/passwd');
  symlink('links/utf8', utf8('naïve'));
  symlink('links/utf8-long', utf8('é'.repeat(60)));
  symlink('links/invalid', '\xff\xfe');
  symlink('links/dangling', '../../nowhere');
  symlink(`links/${'both-long-'.repeat(12)}`, 'y'.repeat(130));

  directory('order');
  for (const name of ['a', 'a.b', 'a-b', 'ab', 'foo-bar', 'foo.txt', 'A', '_', '~', ' ', '0', 'Z'])
    file(`order/${name}`);
  directory('order/foo');
  file('order/foo/z');
  file('order/foo/a');
  directory('order/a b');
  // UTF-16 order puts U+10000 before U+FF5E; byte order does not.
  for (const name of ['\uff5e', '\u{10000}', '\ue000', '\u{1f600}', 'é', 'e\u0301', 'ß']) file(`order/${utf8(name)}`);

  directory('bytes');
  for (const name of [
    'new\nline',
    'quo"te',
    "apo'strophe",
    'back\\slash',
    'tab\t',
    'bell\x07',
    'del\x7f',
    'esc\x1b[31m',
    '-dash',
    '--',
    '*',
    '?',
    '[x]',
    '$(x)',
    '\\n',
    '.hidden',
    '..two',
    '...',
  ]) {
    file(`bytes/${name}`);
  }
  for (const name of ['\xff', '\x80', '\xc3', 'bad\xc3\x28', '\xed\xa0\x80', '\xf8\x88\x80\x80\x80'])
    file(`bytes/${name}`);
  directory(`bytes/${'\xfe'.repeat(120)}`);

  directory('modes');
  for (const mode of [
    0o000, 0o001, 0o400, 0o444, 0o555, 0o600, 0o666, 0o755, 0o777, 0o1644, 0o2755, 0o4755, 0o6711, 0o7777, 0o7000,
  ]) {
    // What its owner cannot read only root can archive.
    if ((mode & 0o400) !== 0 || process.getuid?.() === 0) file(`modes/f${mode.toString(8)}`, 'x', mode);
    if ((mode & 0o500) === 0o500 || process.getuid?.() === 0) directory(`modes/d${mode.toString(8)}`, mode);
  }

  directory('sizes');
  for (const size of [
    0,
    1,
    511,
    512,
    513,
    1023,
    1024,
    1025,
    10_239,
    10_240,
    10_241,
    (1 << 20) - 512,
    (1 << 20) - 1,
    1 << 20,
    (1 << 20) + 1,
    3_000_000,
  ]) {
    file(`sizes/${size}`, Buffer.alloc(size, `content of ${size} `));
  }
  file('sizes/sparse', 'start');
  truncateSync(at('sizes/sparse'), 5_000_000);

  directory('hard');
  directory('hard/other');
  file('hard/one', 'the same file');
  linkSync(at('hard/one'), at('hard/two'));
  linkSync(at('hard/one'), at('hard/other/three'));

  directory('empty');
  directory('special');
  command('mkfifo', at('special/fifo'));
  count++;
  if (canMakeDevices) {
    for (const [name, ...device] of [
      ['null', 'c', '1', '3'],
      ['big-minor', 'c', '5', '70000'],
      ['big-major', 'b', '4095', '1048575'],
    ] as const) {
      command('mknod', at(`special/${name}`), ...device);
      count++;
    }
  }
  return count;
}

function command(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
}
