import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BuildSpec, createMemberLister, createTar, inspectImage } from '../../src/index.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { FIXTURE_GRAPH, fixtureItem, IN_FIXTURE_STORE } from '../support/fixture-store.js';
import { gnuTar } from '../support/gnu-tar.js';
import { rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { runTarseal } from '../support/tarseal.js';

/** What GNU tar prints of an archive in the C locale and UTC. */
function gnuListing(archive: string): string {
  return gnuTar(['-tvPf', archive], '/').toString('latin1');
}

async function ourListing(archive: string): Promise<string> {
  const lister = createMemberLister();
  let text = '';
  await inspectImage(archive, {
    onMember(member) {
      text += `${lister(member)}\n`;
    },
  });
  return text;
}

describe('a listing is that of GNU tar', () => {
  clientTest('tar').each(['ustar', 'gnu', 'posix'] as const)('of every awkward name in %s', async (format) => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 't'));
    makeAwkwardTree(join(directory, 't'));
    const output = join(directory, 'out.tar');
    await createTar({ members: [{ name: 't' }], format, output }, { cwd: directory });
    const expected = gnuListing(output);
    expect(expected.split('\n').length).toBeGreaterThan(250);
    expect(await ourListing(output)).toBe(expected);
  });

  const all = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1)).filter((char) => char !== '/');
  const HOSTILE: (readonly [name: string, members: readonly Buffer[]])[] = [
    ['every byte in names', all.map((char) => rawMember({ name: `a${char}b` }))],
    ['every byte in targets', all.map((char) => rawMember({ name: 'l', typeflag: '2', linkname: `x${char}` }))],
    // GNU tar prints owners as they are; what a terminal would act on is escaped here.
    [
      'every printable byte in owners',
      all
        .filter((char) => /[ -[\]-~]/.test(char))
        .map((char) => rawMember({ name: 'o', uname: `u${char}`, gname: `${char}g` })),
    ],
    [
      'every mode',
      Array.from({ length: 64 }, (_, i) =>
        rawMember({ name: 'm', mode: ((i * 65) % 4096).toString(8).padStart(7, '0') }),
      ),
    ],
    [
      'wide columns that stay wide',
      [
        rawMember({ name: 'a', size: 0 }),
        rawMember({ name: 'b', uname: 'a-long-owner-name', gname: 'and-a-long-group' }),
        rawMember({ name: 'c' }, 'text'),
      ],
    ],
    ['owners without names', [rawMember({ name: 'n', uid: '0001750', gid: '0003720' })]],
    [
      'every type',
      [
        rawMember({ name: 'old', typeflag: '\0' }),
        rawMember({ name: 'old-directory/', typeflag: '\0' }),
        rawMember({ name: 'slashed/', typeflag: '0' }),
        rawMember({ name: 'hard', typeflag: '1', linkname: 'old' }),
        rawMember({ name: 'c', typeflag: '3', devmajor: '0000001', devminor: '0000003' }),
        rawMember({ name: 'b', typeflag: '4', devmajor: '0000377', devminor: '0177777' }),
        rawMember({ name: 'p', typeflag: '6' }),
        rawMember({ name: 'contiguous', typeflag: '7' }),
      ],
    ],
    ['times', ['00000000000', '17777777777', '00000000073'].map((mtime) => rawMember({ name: 't', mtime }))],
  ];

  clientTest('tar').each(HOSTILE)('of %s', async (_name, members) => {
    const archive = join(scratchDirectory(), 'raw.tar');
    writeFileSync(archive, rawArchive(...members));
    expect(await ourListing(archive)).toBe(gnuListing(archive));
  });
});

describe('the command', () => {
  const ITEMS: BuildSpec = { ...IN_FIXTURE_STORE, graph: FIXTURE_GRAPH };

  clientTest('tar')('lists each layer of an image as GNU tar lists it', () => {
    const directory = scratchDirectory();
    const image = join(directory, 'image.tar');
    const spec = join(directory, 'spec.json');
    writeFileSync(
      spec,
      JSON.stringify({
        ...ITEMS,
        store: `${ITEMS.store && (ITEMS.store as { source: string }).source}=/nix/store`,
        paths: [fixtureItem('hello')],
      }),
    );
    const report = JSON.parse(
      runTarseal(['build', '--spec', spec, '--max-layers', '4', '-o', image, '--json']).stdout.toString(),
    ) as { layers: { diffId: string; digest: string }[] };
    const expected = report.layers.map(({ diffId, digest }) => {
      const layer = gnuTar(['-xOf', image, `blobs/${digest.replace(':', '/')}`], directory);
      const file = join(directory, 'layer.tar');
      writeFileSync(file, layer);
      return `layer ${diffId}\n${gnuListing(file)}`;
    });
    expect(expected.length).toBeGreaterThan(2);
    expect(runTarseal(['inspect', '--files', image]).stdout.toString('latin1')).toBe(expected.join(''));
  });

  test('lists as JSON, too', () => {
    const archive = join(scratchDirectory(), 'raw.tar');
    writeFileSync(
      archive,
      rawArchive(
        rawMember({ name: 'dir/\xc3\xa9' }, 'abc'),
        rawMember({ name: 'x', typeflag: '3', devmajor: '0000001' }),
      ),
    );
    const { images, formats } = JSON.parse(runTarseal(['inspect', '--files', '--json', archive]).stdout.toString()) as {
      formats: string[];
      images: { layers: { files: object[] }[] }[];
    };
    expect(formats).toEqual(['tar']);
    expect(images[0]!.layers[0]!.files).toEqual([
      {
        name: 'dir/é',
        type: 'file',
        mode: '0644',
        uid: 0,
        gid: 0,
        uname: '',
        gname: '',
        sizeBytes: 3,
        mtimeSeconds: 1,
      },
      expect.objectContaining({ name: 'x', type: 'character-device', devMajor: 1, devMinor: 0 }),
    ]);
  });
});
