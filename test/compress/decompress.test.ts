import { spawnSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createGunzip, decompress, type GzipHeader } from '../../src/compress/index.js';
import { clientTest } from '../support/clients.js';
import { chunksOf } from '../support/decoded.js';
import { noise, words } from './inputs.js';

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of source) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

describe('decompress', () => {
  const content = Buffer.concat([words(30_000), noise(10_000)]);
  test.each<[name: string, file: Buffer, expected: Uint8Array]>([
    ['gzip', gzipSync(content), content],
    [
      'gzip of two members',
      Buffer.concat([gzipSync(content), gzipSync('x')]),
      Buffer.concat([content, Buffer.from('x')]),
    ],
    ['what is no gzip', content, content],
    ['what begins like gzip', Buffer.of(0x1f, 0x8c, 8), Buffer.of(0x1f, 0x8c, 8)],
    ['one byte of gzip', Buffer.of(0x1f), Buffer.of(0x1f)],
    ['nothing', Buffer.alloc(0), Buffer.alloc(0)],
  ])('%s', async (_name, file, expected) => {
    for (const size of [1, 2, 3, 1000, 4096, 5000, 100_000]) {
      expect((await collect(decompress(chunksOf(file, size)))).equals(expected), `chunks of ${size}`).toBe(true);
    }
  });

  test('refuses gzip that is cut or changed', async () => {
    const file = gzipSync(content);
    await expect(collect(decompress(chunksOf(file.subarray(0, -1), 100)))).rejects.toMatchObject({
      code: 'GZIP_TRUNCATED',
      data: { offset: file.length - 1 },
    });
    file[file.length - 6]! ^= 1;
    await expect(collect(decompress(chunksOf(file, 100)))).rejects.toMatchObject({ code: 'GZIP_CHECKSUM' });
  });

  test('of a bomb no more is in memory than what is asked for', async () => {
    const bomb = gzipSync(new Uint8Array(1 << 28), { level: 9 });
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    let sizeBytes = 0;
    async function* whole(): AsyncGenerator<Uint8Array, void, void> {
      yield bomb;
    }
    for await (const piece of decompress(whole())) {
      sizeBytes += piece.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(sizeBytes).toBe(1 << 28);
    // What was given and not collected yet counts too.
    expect(most).toBeLessThan(1 << 27);
  });
});

describe('the header of a gzip member', () => {
  function headersOf(file: Uint8Array, chunkSize = 65_536): GzipHeader[] {
    const headers: GzipHeader[] = [];
    const gunzip = createGunzip(() => {}, { gzipMember: (header) => headers.push(header) });
    for (let at = 0; at < file.length; at += chunkSize) gunzip.push(file.subarray(at, at + chunkSize));
    gunzip.finish();
    return headers;
  }

  test('says everything, and where it stands', () => {
    const start = Buffer.of(0x1f, 0x8b, 8, 4 | 8 | 16, 0xd2, 0x02, 0x96, 0x49, 2, 3);
    const optional = Buffer.from('\x03\0abcname\xe9\0comment\0', 'latin1');
    const plain = gzipSync('x');
    const second = Buffer.concat([start, optional, plain.subarray(10)]);
    for (const size of [1, 7, 65_536]) {
      expect(headersOf(Buffer.concat([plain, second]), size)).toEqual([
        {
          offset: 0,
          sizeBytes: 10,
          flags: 0,
          mtimeSeconds: 0,
          extraFlags: 0,
          operatingSystem: 3,
          name: undefined,
          comment: undefined,
          extraSizeBytes: undefined,
        },
        {
          offset: plain.length,
          sizeBytes: 10 + optional.length,
          flags: 28,
          mtimeSeconds: 1234567890,
          extraFlags: 2,
          operatingSystem: 3,
          name: 'name\xe9',
          comment: 'comment',
          extraSizeBytes: 3,
        },
      ]);
    }
  });

  clientTest('python3')('of Python', () => {
    const program =
      'import gzip,sys;f=gzip.GzipFile("a name.gz","wb",9,sys.stdout.buffer,mtime=4294967295);f.write(b"x");f.close()';
    const { stdout } = spawnSync('python3', ['-c', program]);
    expect(headersOf(stdout)).toMatchObject([
      { name: 'a name', mtimeSeconds: 4294967295, operatingSystem: 255, extraFlags: 2, flags: 8 },
    ]);
  });
});

test('what comes before an error is handed on, whatever the chunks', () => {
  const file = gzipSync(words(3000));
  file[file.length >> 1]! ^= 0x10;
  const sizes = [1, 3, 100, 100_000].map((chunkSize) => {
    let sizeBytes = 0;
    const gunzip = createGunzip((bytes) => {
      sizeBytes += bytes.length;
    });
    expect(() => {
      for (let at = 0; at < file.length; at += chunkSize) gunzip.push(file.subarray(at, at + chunkSize));
      gunzip.finish();
    }).toThrowError(expect.objectContaining({ code: expect.stringMatching(/^GZIP_/) }));
    return sizeBytes;
  });
  expect(new Set(sizes).size).toBe(1);
  expect(sizes[0]).toBeGreaterThan(0);
});
