// The walk is ours, as it has none; each file goes in as a stream, as its manual shows it.

import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { pack as createPack } from 'tar-stream';
import { hashToFile, tree } from './hash-to-file.mjs';

const pack = createPack();
const owner = { mtime: new Date(1000), uid: 0, gid: 0, uname: 'root', gname: 'root' };

async function add(name) {
  const { mode, size, isDirectory } = await describe(name);
  if (isDirectory) {
    pack.entry({ ...owner, name: `${name}/`, type: 'directory', mode: mode & 0o7777 });
    for (const child of (await readdir(name)).sort()) await add(`${name}/${child}`);
  } else if (size === undefined) {
    pack.entry({ ...owner, name, type: 'symlink', linkname: await readlink(name), mode: 0o777 });
  } else {
    await pipeline(createReadStream(name), pack.entry({ ...owner, name, size, mode: mode & 0o7777 }));
  }
}

async function describe(name) {
  const stats = await lstat(name);
  return { mode: stats.mode, size: stats.isFile() ? stats.size : undefined, isDirectory: stats.isDirectory() };
}

const done = hashToFile(pack);
await add(tree);
pack.finalize();
await done;
