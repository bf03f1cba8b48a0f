import { fstatSync } from 'node:fs';
import type { FileIdentity } from '../entry/index.js';

/** What tells an open file from every other. */
export function identityOfOpen(fd: number): FileIdentity {
  const { dev, ino } = fstatSync(fd);
  return { device: dev, inode: ino };
}
