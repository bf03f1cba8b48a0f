import { type ByteString, byteStringFrom, displayName, RECORD_SIZE } from '../bytes/index.js';
import { type DecodedArchive, inspectHeader, type TarHandler, type TarMember } from '../tar/index.js';
import type { FindingPlace, Report } from './finding.js';
import { createTally } from './tally.js';

/** Checks how an archive is written, whatever is in it. */
export interface HeaderChecks extends Required<Pick<TarHandler, 'block' | 'metadata' | 'padding'>> {
  member(member: TarMember): void;
  /** @param end `undefined` where the archive could not be read to its end */
  finish(end: DecodedArchive | undefined): void;
}

/** Magic and version as each format has them; NULs are of v7. */
const MAGICS: ReadonlySet<string> = new Set(['ustar\x0000', 'ustar  \0', '\0\0\0\0\0\0\0\0']);

/** `%d/PaxHeaders.%p/%f`, where %p is the number of the process that wrote it. */
const WITH_PROCESS = /(?:^|\/)(?:PaxHeaders?|GlobalHead)\.[0-9]+(?:[./]|$)/;

const TIMES: readonly string[] = ['atime', 'ctime', 'LIBARCHIVE.creationtime', 'SCHILY.atime', 'SCHILY.ctime'];

/** @param place of all findings, to which member and offset are added */
export function createHeaderChecks(report: Report, place: FindingPlace): HeaderChecks {
  /** Of the blocks since the last member; they are told with its name. */
  const pending: [code: Parameters<Report>[0], message: string, offset: number][] = [];
  const tally = createTally({
    TAR_NUMBER_FORM: 'headers have a number that is not octal digits and one NUL',
    PAX_TIME: 'pax headers have a time of reading or of changing',
    PAX_FRACTION: 'pax headers have a time with a fraction of a second',
    PAX_PROCESS: 'pax headers have the number of a process in their names',
  });
  const later = (code: Parameters<Report>[0], message: string, offset: number): void => {
    pending.push([code, message, offset]);
  };
  const tellPending = (member: ByteString | undefined): void => {
    for (const [code, message, offset] of pending.splice(0)) report(code, message, { ...place, member, offset });
  };
  return {
    block({ kind, bytes, offset }) {
      if (kind === 'sparse') return;
      const form = inspectHeader(bytes);
      if (form.checksum !== 'digits-nul-space') {
        later(
          'TAR_CHECKSUM_FORM',
          'the checksum of a header must be six digits, a NUL and a space, and is not',
          offset + 148,
        );
      }
      if (form.isSigned) later('TAR_CHECKSUM_SIGNED', 'the checksum of a header sums signed bytes', offset + 148);
      for (const { field, offset: at } of form.residues) {
        later(
          'TAR_RESIDUE',
          `unused bytes of the header's ${field} must be zero, and byte ${at} is ${bytes[at]}`,
          offset + at,
        );
      }
      if (!MAGICS.has(form.magic)) {
        later(
          'TAR_MAGIC',
          `magic and version must be those of a format, and are "${displayName(form.magic)}"`,
          offset + 257,
        );
      }
      for (const field in form.numbers) {
        const spelling = form.numbers[field as keyof typeof form.numbers];
        if (spelling === 'octal' || (spelling === 'empty' && field.startsWith('dev'))) continue;
        tally.add('TAR_NUMBER_FORM', undefined, offset, `${field}: ${spelling}`);
        break;
      }
      if (kind !== 'member' && WITH_PROCESS.test(byteStringFrom(bytes.subarray(0, 100)))) {
        tally.add('PAX_PROCESS', undefined, offset);
      }
    },
    metadata(metadata) {
      if (metadata.kind !== 'pax' && metadata.kind !== 'global') return;
      const { kind, records, offset } = metadata;
      if (kind === 'global') later('PAX_GLOBAL', 'a global pax header describes all members that follow', offset);
      const keys = new Set<string>();
      for (const { key, value, offset: at } of records) {
        if (keys.has(key))
          later(
            'PAX_REPEATED',
            `a pax header must have a key once, and has "${displayName(key as ByteString)}" again`,
            at,
          );
        keys.add(key);
        if (TIMES.includes(key)) tally.add('PAX_TIME', undefined, at, key);
        if (key === 'mtime' && value.includes('.'))
          tally.add('PAX_FRACTION', undefined, at, `mtime ${displayName(value.slice(0, 40) as ByteString)}`);
      }
    },
    padding({ nonZeroOffset }) {
      if (nonZeroOffset !== undefined)
        report('TAR_PADDING', 'padding must be zero, and is not', { ...place, offset: nonZeroOffset });
    },
    member({ name, type, typeflag, sizeBytes, statedSizeBytes, sparse, headerOffset }) {
      if (pending.length > 0) tellPending(name);
      const found = (code: Parameters<Report>[0], message: string): void =>
        report(code, message, { ...place, member: name, offset: headerOffset });
      if (type === 'other') {
        found('TAR_TYPE', `its type is "${displayName(typeflag as ByteString)}", which no standard names`);
      }
      if (sparse !== undefined) found('TAR_SPARSE', 'it is a sparse file');
      else if (statedSizeBytes !== sizeBytes) {
        found('TAR_SIZE', `a ${type} must have the size 0, and states ${statedSizeBytes}`);
      }
    },
    finish(end) {
      tellPending(undefined);
      tally.report(report, place);
      if (end === undefined) return;
      const { isTerminated, sizeBytes, trailingOffset } = end;
      if (!isTerminated) {
        report('TAR_UNTERMINATED', `two zero blocks must end the archive, and it ends without at byte ${sizeBytes}`, {
          ...place,
          offset: sizeBytes,
        });
      } else if (trailingOffset !== undefined) {
        report('TAR_TRAILING', `after the end of the archive there must be zeros, and there are other bytes`, {
          ...place,
          offset: trailingOffset,
        });
      } else if (sizeBytes % RECORD_SIZE !== 0) {
        report('TAR_RECORD', `the size is ${sizeBytes}, which is no multiple of ${RECORD_SIZE}`, place);
      }
    },
  };
}
