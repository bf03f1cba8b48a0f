import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findClient } from '../support/clients.js';

/** A component of 60 bytes: two of them do not fit in a ustar name without a prefix, and five do not fit at all. */
const LONG = 'long-'.repeat(12);

const BUSYBOX_ITEM = '0a-busybox-1.35';
const ITEMS = [BUSYBOX_ITEM, '1b-data-2.0', '2c-names-3.1', '3d-tail-0.1'];

/** Directory of the store in the images of these tests. */
const IMAGE_STORE = '/gnu/store';

/** Options of every image of {@link createStore}, and what Docker says of it. */
export const IMAGE_OPTIONS: readonly string[] = [
  ...['--platform', `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`],
  ...['--env', 'GREETING=Hello, "wörld"\\', '--env', 'EMPTY=', '--env', 'PATH=/bin'],
  ...['--label', 'org.opencontainers.image.title=A title = with signs', '--label', 'empty='],
  ...['--expose', '8080', '--expose', '53/udp', '--volume', '/scratch'],
  ...['--workdir', '/srv', '--user', '0:0', '--stop-signal', 'SIGINT'],
];
export const IMAGE_CONFIG = {
  Env: ['GREETING=Hello, "wörld"\\', 'EMPTY=', 'PATH=/bin'],
  Labels: { 'org.opencontainers.image.title': 'A title = with signs', empty: '' },
  ExposedPorts: { '8080/tcp': {}, '53/udp': {} },
  Volumes: { '/scratch': {} },
  WorkingDir: '/srv',
  User: '0:0',
  StopSignal: 'SIGINT',
} as const;

/** Says what a container sees: `sh -c REPORT_SCRIPT report ARGS…`. */
export const REPORT_SCRIPT: string = [
  'busybox pwd',
  'echo "$GREETING|$EMPTY|$*"',
  'busybox id -u',
  'busybox readlink /bin',
  'busybox readlink /bin/sh',
  "busybox stat -c '%a %u %g %Y' /srv /tmp /data/setuid /data/empty",
  'busybox cat /data/text',
  `busybox cat /names/${LONG}/${LONG}/text /names/${LONG}/${LONG}/${LONG}/${LONG}/${LONG}/text`,
  'busybox cat "/names/ünïcødé 🦭 name" /tail',
].join('\n');
export const EXPECTED_REPORT: string = [
  '/srv',
  'Hello, "wörld"\\||one two words',
  '0',
  `${IMAGE_STORE}/${BUSYBOX_ITEM}/bin`,
  'busybox',
  '750 1000 1001 1',
  '1777 0 0 1',
  '4755 0 0 1',
  '644 0 0 1',
  'some text',
  'prefix',
  'pax',
  'unicode',
  'the tail',
  '',
].join('\n');

export interface Store {
  /** Options that put the store items into an image, with links and directories beside them. */
  readonly fromItems: readonly string[];
  /** Options that take the same from one directory. */
  readonly fromRoot: readonly string[];
}

/** Makes four store items below `scratch`, one of them with a static busybox, and a root directory with the same. */
export function createStore(scratch: string): Store {
  const store = join(scratch, 'store');
  const [busybox, data, names, tail] = ITEMS.map((item) => join(store, item)) as [string, string, string, string];

  mkdirSync(join(busybox, 'bin'), { recursive: true });
  writeFileSync(join(busybox, 'bin', 'busybox'), readFileSync(findClient('busybox')!));
  chmodSync(join(busybox, 'bin', 'busybox'), 0o755);
  symlinkSync('busybox', join(busybox, 'bin', 'sh'));

  write(join(data, 'text'), 'some text\n');
  write(join(data, 'empty'), '');
  write(join(data, 'setuid'), 'setuid', 0o4755);
  write(join(data, 'large'), Buffer.alloc(300_001, 'tarseal '));

  write(join(names, LONG, LONG, 'text'), 'prefix\n');
  write(join(names, LONG, LONG, LONG, LONG, LONG, 'text'), 'pax\n');
  write(join(names, 'ünïcødé 🦭 name'), 'unicode\n');
  symlinkSync(`${LONG}/${LONG}/text`, join(names, 'long-link'));

  write(tail, 'the tail\n');

  const root = join(scratch, 'root');
  cpSync(store, join(root, IMAGE_STORE), { recursive: true, verbatimSymlinks: true });
  chmodSync(join(root, IMAGE_STORE, ITEMS[1]!, 'setuid'), 0o4755);
  const links = [
    ['/bin', `${IMAGE_STORE}/${BUSYBOX_ITEM}/bin`],
    ['/data', `${IMAGE_STORE}/${ITEMS[1]}`],
    ['/names', `${IMAGE_STORE}/${ITEMS[2]}`],
    ['/tail', `${IMAGE_STORE}/${ITEMS[3]}`],
  ] as const;
  for (const [name, target] of links) symlinkSync(target, join(root, name));
  chmodSync(join(root, 'gnu'), 0o755);
  mkdirSync(join(root, 'srv'));
  chmodSync(join(root, 'srv'), 0o750);
  mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);
  // Owners of the machine must not reach the image; only options give others than root.
  if (process.getuid?.() === 0) chownSync(join(root, 'srv'), 4711, 4712);

  return {
    fromItems: [
      ...[busybox, data, names, tail],
      ...['--transform', `${store}=${IMAGE_STORE}`],
      ...links.flatMap(([name, target]) => ['--symlink', `${name}=${target}`]),
      ...['--directory', '/srv:0750:1000:1001', '--directory', '/tmp:1777'],
    ],
    fromRoot: ['--root', root, '--chown', '/srv=1000:1001'],
  };
}

/** Why containers of these images cannot run here; empty where they can. */
export function obstaclesOfBusybox(): string[] {
  const busybox = findClient('busybox');
  if (busybox === undefined) return ['busybox is not installed'];
  return isStatic(readFileSync(busybox)) ? [] : ['busybox is not static'];
}

/** Whether a 64-bit little-endian ELF program has no PT_INTERP segment, which would name its dynamic loader. */
function isStatic(elf: Buffer): boolean {
  const tableOffset = Number(elf.readBigUInt64LE(0x20));
  const entrySize = elf.readUInt16LE(0x36);
  const count = elf.readUInt16LE(0x38);
  return !Array.from({ length: count }, (_, i) => elf.readUInt32LE(tableOffset + i * entrySize)).includes(3);
}

/** With the mode given, whatever the umask. */
function write(path: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}
