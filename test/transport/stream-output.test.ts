import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, vi } from 'vitest';
import type { ByteString } from '../../src/bytes/index.js';
import { openStream } from '../../src/transport/output/stream-output.js';
import { missingClients, testUnless } from '../support/clients.js';
import { scratchDirectory } from '../support/scratch.js';

/** Descriptors of this process that are open on a file. */
function descriptorsOf(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}

const linuxTest = testUnless([
  ...missingClients('mkfifo'),
  ...(process.platform === 'linux' ? [] : ['/proc is only on Linux']),
]);

linuxTest('the descriptor of a write that was given up is no other file’s until it has ended', async () => {
  const fifo = join(scratchDirectory(), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = openSync(fifo, 'r+');
  onTestFinished(() => closeSync(reader));
  const abort = new AbortController();
  const stream = await openStream(fifo as ByteString, abort.signal);
  const buffer = Buffer.alloc(1 << 20);
  const work = stream.write(buffer);
  // It has begun, and cannot end.
  readSync(reader, buffer, 0, 1, null);
  abort.abort();
  await expect(work).rejects.toMatchObject({ code: 'ABORTED' });
  await stream.close();
  expect(descriptorsOf(fifo)).toBe(2);
  for (let left = buffer.length - 1; left > 0; ) left -= readSync(reader, buffer, 0, left, null);
  await vi.waitFor(() => expect(descriptorsOf(fifo)).toBe(1), { timeout: 20_000 });
});
