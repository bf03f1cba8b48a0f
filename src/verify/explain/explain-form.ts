import { RECORD_SIZE } from '../../bytes/index.js';
import { endText, isRecordFilled } from '../compare/compare-tars.js';
import { shownName } from '../compare/difference.js';
import type { TarListing } from '../compare/listing.js';
import { formatName } from '../compare/member-fields.js';
import { cause, counted, examples, type LocalCause, pairsWith, type TarInput } from './cause.js';
import { listed } from './explain-attributes.js';

/** What writes a header field in a way of its own. */
const HEADER_HINTS: Readonly<Record<string, string>> = {
  'pax header name': 'GNU tar puts its process ID there unless --pax-option=exthdr.name says otherwise',
  'pax header mtime': 'some programs put the time of the archiving there',
  'pax records': 'their order or their number',
  devmajor: 'zeros as digits or not at all',
  devminor: 'zeros as digits or not at all',
  checksum: 'six digits, NUL and space, or another form',
  typeflag: 'a NUL or "0" for files',
  magic: 'magic or version',
  prefix: 'another place to cut a long name, or times of gnu',
  name: 'another place to cut a long name',
};

/** Explains how the same is written: formats, pax records, spelling of headers, ends of archives. */
export function explainForm(input: TarInput): LocalCause[] {
  const { a, b, comparison } = input;
  const causes: LocalCause[] = [];
  const formats = pairsWith(input, 'format');
  if (formats.length > 0) {
    causes.push(
      cause(
        'FORMAT',
        formats.length,
        `format of the headers of ${counted(formats.length, 'member')} differs`,
        listed(formats, formatName),
      ),
    );
  }
  causes.push(...explainRecords(input));
  if (comparison.headers.size > 0) {
    const fields = [...comparison.headers].sort(([, x], [, y]) => y - x);
    const evidence = examples(fields, ([field, count]) => {
      const hint = HEADER_HINTS[field];
      return `${field} of ${counted(count, 'member')}${hint === undefined ? '' : ` (${hint})`}`;
    });
    const most = Math.max(...comparison.headers.values());
    causes.push(
      cause(
        'HEADER',
        most,
        `headers of ${counted(most, 'member')} say the same in other bytes: ${fields.map(([field]) => field).join(', ')}`,
        evidence,
      ),
    );
  }
  causes.push(...explainGlobals(a.listing, b.listing), ...explainEnd(a.listing, b.listing));
  return causes;
}

function explainRecords(input: TarInput): LocalCause[] {
  const pairs = pairsWith(input, 'records');
  const groups = new Map<string, { count: number; readonly name: string; inA: number; inB: number }>();
  for (const { a, b } of pairs) {
    const [left, right] = [new Set(a.records), new Set(b.records)];
    const keys = new Set<string>();
    for (const record of [...left].filter((one) => !right.has(one))) keys.add(keyOf(record));
    for (const record of [...right].filter((one) => !left.has(one))) keys.add(keyOf(record));
    for (const key of keys) {
      const group = groups.get(key) ?? { count: 0, name: shownName(a.name), inA: 0, inB: 0 };
      groups.set(key, group);
      group.count++;
      if (a.records.some((record) => keyOf(record) === key)) group.inA++;
      if (b.records.some((record) => keyOf(record) === key)) group.inB++;
    }
  }
  return [...groups].map(([key, { count, name, inA, inB }]) => {
    const what = /^(?:atime|ctime|LIBARCHIVE\.creationtime)$/.test(key)
      ? 'a time of reading, of change or of making, which is never the same again'
      : key.startsWith('SCHILY.xattr.')
        ? 'an extended attribute'
        : 'a pax record';
    const where = inA === 0 ? 'only in B' : inB === 0 ? 'only in A' : 'not the same in both';
    return cause(
      'PAX_RECORDS',
      count,
      `pax record ${shownName(key)} of ${counted(count, 'member')} is ${where}: ${what}`,
      [`"${name}"`],
    );
  });
}

function keyOf(record: string): string {
  return record.slice(0, record.indexOf('='));
}

function explainGlobals(a: TarListing, b: TarListing): LocalCause[] {
  const [left, right] = [a.globals.join(' '), b.globals.join(' ')];
  if (left === right) return [];
  const isCommit = [left, right].some((text) => /(?:^| )comment=[0-9a-f]{40}/.test(text));
  const message = `global headers differ${isCommit ? ': git puts the commit of an archive there' : ''}`;
  return [cause('PAX_RECORDS', 1, message, [`A ${shownName(left)}`, `B ${shownName(right)}`])];
}

function explainEnd(a: TarListing, b: TarListing): LocalCause[] {
  const causes: LocalCause[] = [];
  for (const [side, { end, failure }] of [
    ['A', a],
    ['B', b],
  ] as const) {
    if (end === undefined)
      causes.push(cause('UNREADABLE', 1, `${side} cannot be read to its end: ${failure?.message ?? ''}`));
  }
  if (a.end === undefined || b.end === undefined || endText(a) === endText(b)) return causes;
  if (isRecordFilled(a) && isRecordFilled(b)) return causes;
  const padded = [a, b].map(isRecordFilled);
  const hasOthers = a.end.trailingOffset !== undefined || b.end.trailingOffset !== undefined;
  const hint =
    padded[0] === padded[1] || hasOthers
      ? ''
      : `: ${padded[0] ? 'A' : 'B'} is filled up to records of ${RECORD_SIZE} bytes, as GNU tar does by default, and the other is not`;
  causes.push(cause('END', 1, `what follows the members differs${hint}`, [`A ${endText(a)}`, `B ${endText(b)}`]));
  return causes;
}
