import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ReadMember, readTarMembers } from '../../src/tar/index.js';
import { chunksOf } from '../support/decoded.js';
import { paxRecords, rawArchive, rawMember } from '../support/raw-tar.js';

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const piece of content) text += Buffer.from(piece).toString('latin1');
  return text;
}

const ARCHIVE = rawArchive(
  rawMember({ name: 'a' }, 'first'),
  rawMember({ name: 'b' }),
  rawMember({ name: 'c' }, 'c'.repeat(2000)),
  rawMember({ name: 'd', typeflag: '2', linkname: 'a' }),
);

describe('readTarMembers', () => {
  test.each([1, 511, 512, 513, 1000, 100_000])('gives each member with its content, in chunks of %i', async (size) => {
    const found: [string, string][] = [];
    const members = readTarMembers(chunksOf(ARCHIVE, size));
    let result = await members.next();
    for (; !result.done; result = await members.next()) {
      found.push([result.value.member.name, await textOf(result.value.content())]);
    }
    expect(found).toEqual([
      ['a', 'first'],
      ['b', ''],
      ['c', 'c'.repeat(2000)],
      ['d', ''],
    ]);
    expect(result.value).toEqual({
      members: 4,
      isTerminated: true,
      sizeBytes: ARCHIVE.length,
      endOffset: ARCHIVE.length - 1024,
      zeroBlocks: 2,
      trailingOffset: undefined,
    });
  });

  test('passes over content that nobody reads, or not to its end', async () => {
    for (const size of [1, 700, 100_000]) {
      const names: string[] = [];
      for await (const { member, content } of readTarMembers(chunksOf(ARCHIVE, size))) {
        names.push(member.name);
        if (member.name === 'c') for await (const _ of content()) break;
      }
      expect(names).toEqual(['a', 'b', 'c', 'd']);
    }
  });

  test('gives content once, and before the next member', async () => {
    const members = readTarMembers(chunksOf(ARCHIVE, 100));
    const first = (await members.next()).value as ReadMember;
    expect(await textOf(first.storedContent())).toBe('first');
    const passed = {
      code: 'TAR_MEMBER_PASSED',
      message:
        'Cannot read content of tar member at byte 0: it must be read once and before the next member, and was passed',
    };
    await expect(textOf(first.content())).rejects.toMatchObject(passed);
    await members.next();
    await expect(textOf(first.content())).rejects.toMatchObject(passed);

    // The next member is asked for while content is read.
    const again = readTarMembers(chunksOf(ARCHIVE, 1));
    const { value } = await again.next();
    const content = (value as ReadMember).content()[Symbol.asyncIterator]();
    expect((await content.next()).done).toBe(false);
    await again.next();
    await expect(content.next()).rejects.toMatchObject(passed);
    const names = [];
    for await (const { member } of again) names.push(member.name);
    expect(names).toEqual(['c', 'd']);
  });

  test('reads no more of its source than what is asked for needs, and closes it', async () => {
    let given = 0;
    let isClosed = false;
    async function* source(): AsyncGenerator<Uint8Array, void, void> {
      try {
        for await (const chunk of chunksOf(ARCHIVE, 512)) {
          given++;
          yield chunk;
        }
      } finally {
        isClosed = true;
      }
    }
    const members = readTarMembers(source());
    const first = (await members.next()).value as ReadMember;
    expect(given).toBe(1);
    await textOf(first.content());
    expect(given).toBe(2);
    await members.next();
    expect(given).toBe(3);
    await members.return(undefined as never);
    expect(isClosed).toBe(true);
    expect((await members.next()).done).toBe(true);
  });

  test('throws what its source throws, and its own errors, in content and between members', async () => {
    async function* broken(): AsyncGenerator<Uint8Array, void, void> {
      yield ARCHIVE.subarray(0, 515);
      throw new Error('the source');
    }
    const inContent = readTarMembers(broken());
    const { value } = await inContent.next();
    await expect(textOf((value as ReadMember).content())).rejects.toThrow('the source');
    await expect(
      readTarMembers(broken())
        .next()
        .then(() => inContent.next()),
    ).rejects.toThrow();

    const cut = readTarMembers(chunksOf(ARCHIVE.subarray(0, 515), 512));
    const first = (await cut.next()).value as ReadMember;
    await expect(textOf(first.content())).rejects.toMatchObject({ code: 'TAR_TRUNCATED', data: { offset: 515 } });
    const between = readTarMembers(chunksOf(ARCHIVE.subarray(0, 515), 512));
    await between.next();
    await expect(between.next()).rejects.toMatchObject({ code: 'TAR_TRUNCATED' });
  });

  test('hands on blocks, metadata and padding', async () => {
    const events: unknown[] = [];
    const archive = rawArchive(
      rawMember({ typeflag: 'x' }, paxRecords(['comment', 'x'])),
      rawMember({ name: 'a' }, 'content'),
    );
    const handler = {
      block: ({ kind, offset }: { kind: string; offset: number }) => events.push([kind, offset]),
      metadata: ({ kind }: { kind: string }) => events.push(kind),
      padding: ({ offset }: { offset: number }) => events.push(offset),
    };
    for await (const { member } of readTarMembers(chunksOf(archive, 700), { handler })) events.push(member.name);
    expect(events).toEqual([['pax', 0], 'pax', 525, ['member', 1024], 1543, 'a']);
  });

  test('a member of a gigabyte takes the memory of a chunk', async () => {
    const chunk = randomBytes(1 << 20);
    const header = rawMember({ size: 1 << 30 }).subarray(0, 512);
    async function* source(): AsyncGenerator<Uint8Array, void, void> {
      yield header;
      for (let i = 0; i < 1024; i++) yield chunk;
      yield new Uint8Array(1024);
    }
    const before = process.memoryUsage();
    let most = 0;
    let sizeBytes = 0;
    for await (const { content } of readTarMembers(source())) {
      for await (const piece of content()) {
        sizeBytes += piece.length;
        if (sizeBytes % (1 << 25) === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
      }
    }
    expect(sizeBytes).toBe(1 << 30);
    expect(most - before.arrayBuffers).toBeLessThan(16 << 20);
  });

  test('a hole is expanded by the reader, and stored content is not', async () => {
    const records = paxRecords(['GNU.sparse.size', '70000'], ['GNU.sparse.map', '69999,1']);
    const archive = rawArchive(rawMember({ typeflag: 'x' }, records), rawMember({}, 'x'));
    for await (const { storedContent } of readTarMembers(chunksOf(archive, 100))) {
      expect(await textOf(storedContent())).toBe('x');
    }
    for await (const { content } of readTarMembers(chunksOf(archive, 100))) {
      const hash = createHash('sha256').update(await textOf(content()), 'latin1');
      expect(hash.digest('hex')).toBe(createHash('sha256').update(Buffer.alloc(69_999)).update('x').digest('hex'));
    }
  });
});
