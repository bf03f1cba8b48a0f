// What the rivals share that write their archive themselves: it is read again and hashed.

import { createHash } from 'node:crypto';
import { openSync, readSync } from 'node:fs';

export function hashFile(file) {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const fd = openSync(file, 'r');
  for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) hash.update(buffer.subarray(0, read));
  console.log(hash.digest('hex'));
}
