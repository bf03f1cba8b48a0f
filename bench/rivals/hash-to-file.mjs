// What the streaming rivals share: the archive goes to a file and through SHA-256 on its way.

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** All programs here are called with the tree and the archive to write. */
export const [tree, archive] = process.argv.slice(2);

export async function hashToFile(stream) {
  const hash = createHash('sha256');
  const tee = new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk);
      done(undefined, chunk);
    },
  });
  await pipeline(stream, tee, createWriteStream(archive));
  console.log(hash.digest('hex'));
}
