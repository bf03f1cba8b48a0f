import { fstatSync } from 'node:fs';
import type { FileIdentity } from '../entry/index.js';
import type { FileRegion } from '../layer/index.js';

/** What tells an output that is being written from every other file. @throws what the output does, when the system refuses */
export function identityOfOutput({ fd, failed }: FileRegion): FileIdentity {
  try {
    const { dev, ino } = fstatSync(fd);
    return { device: dev, inode: ino };
  } catch (error) {
    throw failed(error);
  }
}
