import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CODEC_NAMES, createBlockCompressor, loadCodec } from '../../src/compress/index.js';
import { clientTest } from '../support/clients.js';
import { run } from '../support/commands.js';
import { bash, explanationOf } from '../support/compared.js';
import { python } from '../support/python.js';
import { rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';

/** A tar of words, of which every level of zlib makes something else; the same in every run. */
function makeTar(directory: string): string {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const letters = (count: number): string =>
    String.fromCharCode(...Array.from({ length: count }, () => 97 + random(26)));
  const words = Array.from({ length: 3000 }, () => letters(2 + random(9)));
  let text = '';
  // Few letters have many places with the same three: there levels differ that look at more or fewer of them.
  const few = (): string => Array.from({ length: 8 + random(40) }, () => 'ab'[random(2)]).join('');
  while (text.length < 600_000)
    text += `${words[random(1 + random(words.length))]} ${few()}${random(9) === 0 ? '\n' : ' '}`;
  const path = join(directory, 'plain.tar');
  writeFileSync(path, rawArchive(rawMember({ name: 'words' }, text)));
  return path;
}

/** What is said of the second of two compressed files of one tar. */
async function origin(directory: string, name: string): Promise<string> {
  const { causes } = await explanationOf(directory, 'plain.tar', name);
  expect(causes.map(({ code }) => code)).toEqual(['COMPRESSOR']);
  return `${causes[0]!.message} (${causes[0]!.certainty})`;
}

describe('what compressed a tar', () => {
  clientTest('python3')('zlib of Python, by its level', async () => {
    const directory = scratchDirectory();
    const path = makeTar(directory);
    python(
      `import gzip, json, sys
data = open(sys.argv[1], 'rb').read()
for level in range(1, 10):
    open(f'{sys.argv[2]}/{level}.gz', 'wb').write(gzip.compress(data, level, mtime=0))
print(1)`,
      [path, directory],
    );
    for (let level = 1; level <= 9; level++) {
      expect(await origin(directory, `${level}.gz`)).toBe(
        `same tar, other compression: A uncompressed, B zlib or gzip, level ${level} (certain)`,
      );
    }
  });

  clientTest('gzip')('gzip, by its level', async () => {
    const directory = scratchDirectory();
    makeTar(directory);
    for (let level = 1; level <= 9; level++) {
      bash(`gzip -c -${level} plain.tar > ${level}.gz`, directory);
      expect(await origin(directory, `${level}.gz`)).toMatch(new RegExp(`zlib or gzip, level ${level} \\(certain\\)$`));
    }
  });

  clientTest('pigz')('pigz, by its level and its blocks', async () => {
    const directory = scratchDirectory();
    makeTar(directory);
    for (const level of [1, 6, 9]) {
      bash(`pigz -c -p 2 -${level} plain.tar > ${level}.gz`, directory);
      expect(await origin(directory, `${level}.gz`)).toMatch(
        new RegExp(`zlib or gzip, level ${level}, in blocks as pigz makes them \\(certain\\)$`),
      );
    }
  });

  test("Node's zlib, by its level", async () => {
    const directory = scratchDirectory();
    const bytes = readFileSync(makeTar(directory));
    writeFileSync(join(directory, 'node.gz'), gzipSync(bytes, { level: 6 }));
    // Which zlib Node has depends on its version and the processor: some are that of everybody.
    expect(await origin(directory, 'node.gz')).toMatch(/B (?:Node's zlib|zlib or gzip), level 6 \(certain\)$/);
  });

  test('our codecs, by name and level', async () => {
    const directory = scratchDirectory();
    const bytes = readFileSync(makeTar(directory));
    for (const name of CODEC_NAMES) {
      const codec = await loadCodec(name);
      // Level 0 stores, in which codecs do not differ.
      for (const level of [codec.defaultLevel, codec.maxLevel]) {
        const compressor = createBlockCompressor(codec, level);
        writeFileSync(join(directory, 'ours.gz'), Buffer.concat([...compressor.push(bytes), ...compressor.finish()]));
        expect(await origin(directory, 'ours.gz')).toMatch(new RegExp(`B ${name}, level ${level}\\b.* \\(certain\\)$`));
      }
    }
  });

  test('what nobody knows is said to be unknown', async () => {
    const directory = scratchDirectory();
    const bytes = readFileSync(makeTar(directory));
    const odd = gzipSync(bytes, { level: 9, windowBits: 11, memLevel: 3, strategy: constants.Z_RLE });
    odd[9] = 7;
    writeFileSync(join(directory, 'odd.gz'), odd);
    expect(await origin(directory, 'odd.gz')).toMatch(/B a compressor that is not known \(probable\)$/);
  });

  clientTest('gzip')('only the header: name and time', async () => {
    const directory = scratchDirectory();
    makeTar(directory);
    bash('touch -d @1600000000 plain.tar; gzip -c plain.tar > a.gz; gzip -nc plain.tar > b.gz', directory);
    const { causes } = await explanationOf(directory, 'a.gz', 'b.gz');
    expect(causes).toEqual([
      {
        code: 'COMPRESSOR',
        message: 'same tar, same compressed data, other gzip header',
        certainty: 'certain',
        count: 1,
        evidence: ['A mtime 1600000000, XFL 0, OS 3, name "plain.tar"', 'B mtime 0, XFL 0, OS 3'],
      },
    ]);
  });

  clientTest('gzip')('two levels, of a small file too', async () => {
    const directory = scratchDirectory();
    bash(
      'mkdir t; seq 1 400 > t/a; seq 1 3 400 >> t/a; tar --mtime=@1 -cf plain.tar t; gzip -1 -c plain.tar > a.gz; gzip -9 -c plain.tar > b.gz',
      directory,
    );
    const { causes } = await explanationOf(directory, 'a.gz', 'b.gz');
    expect(causes[0]!.message).toMatch(
      /^same tar, other compressor: A zlib or gzip, level 1, B zlib or gzip, level \d/,
    );
  });
});

clientTest('gzip')('a compressed layer that cannot be read to its end', async () => {
  const directory = scratchDirectory();
  makeTar(directory);
  run('bash', ['-c', 'gzip -c plain.tar > a.gz; head -c 20000 a.gz > b.gz'], { cwd: directory });
  const { causes, isEqual } = await explanationOf(directory, 'a.gz', 'b.gz');
  expect(isEqual).toBe(false);
  expect(causes[0]).toMatchObject({
    code: 'UNREADABLE',
    message: expect.stringMatching(/^B cannot be read to its end/),
  });
});
