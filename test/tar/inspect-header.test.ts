import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createTarDecoder,
  type HeaderForm,
  inspectHeader,
  type NumberSpelling,
  type TarFormat,
} from '../../src/tar/index.js';
import { makeAwkwardTree } from '../support/awkward-tree.js';
import { clientTest } from '../support/clients.js';
import { type RawHeader, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';
import { anEntry, headersOf } from './entries.js';

/** The forms of all headers of an archive, those of metadata too. */
function formsOf(archive: Uint8Array): HeaderForm[] {
  const forms: HeaderForm[] = [];
  const decoder = createTarDecoder({
    block: ({ bytes }) => forms.push(inspectHeader(bytes)),
    member() {},
  });
  decoder.push(archive);
  return forms;
}

const inspect = (header: RawHeader): HeaderForm => inspectHeader(rawMember(header).subarray(0, 512));

describe('a header', () => {
  test('as most write it', () => {
    expect(inspect({ devmajor: '0000000', devminor: '0000000' })).toEqual({
      format: 'ustar',
      magic: 'ustar\x0000',
      checksum: 'digits-nul-space',
      isSigned: false,
      numbers: Object.fromEntries(
        ['mode', 'uid', 'gid', 'size', 'mtime', 'devmajor', 'devminor'].map((field) => [field, 'octal']),
      ),
      residues: [],
    });
  });

  test.each<[uid: string, expected: NumberSpelling]>([
    ['0000007', 'octal'],
    ['0000007 ', 'octal-space'],
    ['00000007', 'octal-full'],
    ['\0\0\0\0\0\0\0\0', 'empty'],
    ['\x80\0\0\0\0\0\0\x07', 'base-256'],
    ['      7\0', 'other'],
    ['7\0', 'other'],
    ['        ', 'other'],
    ['000007 \0', 'other'],
  ])('whose uid is %j', (uid, expected) => {
    // RawHeader leaves what is there where the text is shorter: an empty field is NULs.
    expect(inspect({ uid: uid.padEnd(8, '\0') }).numbers.uid).toBe(expected);
  });

  test.each<[name: string, checksum: (digits: string) => string, expected: HeaderForm['checksum']]>([
    ['six digits, a NUL, a space', (digits) => `${digits}\0 `, 'digits-nul-space'],
    ['six digits, a space, a NUL', (digits) => `${digits} \0`, 'digits-space-nul'],
    ['seven digits and a NUL', (digits) => `0${digits}\0`, 'seven-digits-nul'],
    ['spaces for zeros', (digits) => `${digits.replace(/^0+/, (zeros) => ' '.repeat(zeros.length))}\0 `, 'other'],
    ['six digits and two spaces', (digits) => `${digits}  `, 'other'],
    ['eight digits', (digits) => `00${digits}`, 'other'],
  ])('whose checksum is %s', (_name, checksum, expected) => {
    const digits = rawMember({}).toString('latin1', 148, 154);
    expect(inspect({ checksum: checksum(digits) })).toMatchObject({ checksum: expected, isSigned: false });
  });

  test('whose checksum is of signed bytes', () => {
    const header = rawMember({ name: 'f\xe9' });
    const sum = Number.parseInt(header.toString('latin1', 148, 154), 8) - 256;
    const checksum = `${sum.toString(8).padStart(6, '0')}\0 `;
    expect(inspect({ name: 'f\xe9', checksum }).isSigned).toBe(true);
    expect(inspect({ name: 'f\xe9' }).isSigned).toBe(false);
  });

  test.each<[name: string, header: RawHeader, field: string, offset: number]>([
    ['behind its name', { name: 'name\0rest' }, 'name', 5],
    ['behind its linkname', { typeflag: '2', linkname: 'to\0\0x' }, 'linkname', 161],
    ['behind its uname', { uname: 'u\0x' }, 'uname', 267],
    ['behind its gname', { gname: '\0x' }, 'gname', 298],
    ['behind its prefix', { prefix: 'p\0x' }, 'prefix', 347],
    ['in its padding', { trailer: '\0x' }, 'padding', 509],
    ['in the device of a file', { devmajor: '0000001' }, 'devmajor', 335],
    ['in the minor device of a file', { devminor: '0000002' }, 'devminor', 343],
    ['of v7, behind its fields', { magic: '', uname: 'x' }, 'padding', 265],
    ['of gnu, its access time', { magic: 'ustar  \0', prefix: '7' }, 'atime', 345],
    ['of gnu, its change time', { magic: 'ustar  \0', prefix: `${'\0'.repeat(12)}7` }, 'ctime', 357],
    ['of gnu, a map of no sparse file', { magic: 'ustar  \0', prefix: `${'\0'.repeat(41)}7` }, 'sparse', 386],
    ['of star, its access time', { prefix: `${'\0'.repeat(131)}7`, trailer: 'tar\0' }, 'atime', 476],
  ])('with a byte that says nothing: %s', (_name, header, field, offset) => {
    expect(inspect(header).residues).toEqual([{ field, offset }]);
  });

  test.each<[name: string, header: RawHeader]>([
    ['texts that fill their fields', { name: 'n'.repeat(100), uname: 'u'.repeat(32), prefix: 'p'.repeat(155) }],
    ['a device', { typeflag: '3', devmajor: '0000001', devminor: '0000003' }],
    ['a sparse file of gnu', { typeflag: 'S', magic: 'ustar  \0', prefix: `${'\0'.repeat(41)}7` }],
  ])('without one: %s', (_name, header) => {
    expect(inspect(header).residues).toEqual([]);
  });

  test('shows every change that its checksum does not', () => {
    // Of any byte that changes, the sum does too, but in the checksum itself.
    const header = rawMember({ name: 'file', uname: 'root', gname: 'root', devmajor: '0000000', devminor: '0000000' });
    let hidden = 0;
    for (let at = 0; at < 512; at++) {
      for (let value = 0; value < 256; value++) {
        if (value === header[at]) continue;
        const changed = Uint8Array.from(header.subarray(0, 512));
        changed[at] = value;
        let form: HeaderForm | undefined;
        try {
          [form] = formsOf(changed);
        } catch {
          continue;
        }
        if (form === undefined) throw new Error('the decoder must give a block that it takes');
        expect([at, value, form.checksum]).toEqual([at, value, 'other']);
        hidden++;
      }
    }
    // A space for the leading zero, and the like: there are some, or the test shows nothing.
    expect(hidden).toBeGreaterThan(0);
  });
});

describe('headers of programs', () => {
  const programs: readonly (readonly [program: string, args: readonly string[], format: string])[] = [
    ['tar', ['--format=gnu'], 'gnu'],
    ['tar', ['--format=ustar'], 'ustar'],
    ['tar', ['--format=v7'], 'v7'],
    ['tar', ['--format=posix'], 'ustar'],
    ['bsdtar', ['--format=gnutar'], 'gnu'],
    ['bsdtar', ['--format=pax', '--no-read-sparse'], 'ustar'],
    ['bsdtar', ['--format=v7'], 'v7'],
  ];
  for (const [program, args, format] of programs) {
    clientTest(program, 'mkfifo')(`of ${program} ${args.join(' ')} have one form`, () => {
      const scratch = scratchDirectory();
      mkdirSync(join(scratch, 't'));
      makeAwkwardTree(join(scratch, 't'));
      const { stdout } = spawnSync(program, [...args, '-cf', '-', 't'], { cwd: scratch, maxBuffer: 1 << 28 });
      const forms = formsOf(stdout);
      expect(forms.length).toBeGreaterThan(100);
      expect(new Set(forms.map((form) => form.format))).toEqual(new Set([format]));
      // GNU tar writes devices that v7 does not have.
      const devices = program === 'tar' && format === 'v7' ? 329 : undefined;
      const offsets = forms.flatMap((form) => form.residues).map(({ offset }) => offset);
      expect(offsets.filter((offset) => offset !== devices)).toEqual([]);
      expect(forms.some((form) => form.isSigned)).toBe(false);
    });
  }

  test.each<TarFormat>(['ustar', 'gnu', 'posix', 'python-pax'])('of our own %s have the one form', (format) => {
    fc.assert(
      fc.property(anEntry(format), (entry) => {
        for (const form of formsOf(headersOf(entry, { format, strict: false }))) {
          expect(form.checksum).toBe('digits-nul-space');
          expect(form.residues).toEqual([]);
          const spellings = new Set(Object.values(form.numbers));
          for (const one of spellings) expect(['octal', 'empty', 'base-256']).toContain(one);
        }
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});
