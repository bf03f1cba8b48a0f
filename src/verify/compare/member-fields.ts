import { formatTime } from '../../oci/index.js';
import { shownName } from './difference.js';
import type { MemberRecord } from './listing.js';

/** What can differ in two members of one name, each a bit of a mask. */
export const MEMBER_FIELDS = [
  'name',
  'type',
  'mode',
  'uid',
  'gid',
  'uname',
  'gname',
  'mtime',
  'linkname',
  'device',
  'records',
  'sparse',
  'format',
  'content',
  'header',
] as const;

export type MemberField = (typeof MEMBER_FIELDS)[number];

export function bitOf(field: MemberField): number {
  return 1 << MEMBER_FIELDS.indexOf(field);
}

const HEADER = bitOf('header');
const FORMAT = bitOf('format');

/**
 * Compares what two members are.
 *
 * @returns bits of fields that differ; `header` where the headers are not the same bytes, whatever else differs
 */
export function compareMembers(a: MemberRecord, b: MemberRecord): number {
  if (a.headerHash === b.headerHash && a.contentHash === b.contentHash && a.name === b.name && sameAttributes(a, b)) {
    return 0;
  }
  const [x, y] = [a.attributes, b.attributes];
  let mask = 0;
  const check = (field: MemberField, left: unknown, right: unknown): void => {
    if (left !== right) mask |= bitOf(field);
  };
  check('name', a.name, b.name);
  check('type', x.type, y.type);
  check('mode', x.mode, y.mode);
  check('uid', x.uid, y.uid);
  check('gid', x.gid, y.gid);
  check('uname', x.uname, y.uname);
  check('gname', x.gname, y.gname);
  check('mtime', a.mtimeSeconds, b.mtimeSeconds);
  if (x.type === y.type) {
    check('linkname', a.linkname, b.linkname);
    check('content', `${a.sizeBytes} ${a.contentHash}`, `${b.sizeBytes} ${b.contentHash}`);
    check('sparse', x.sparse, y.sparse);
  }
  check('device', `${x.devMajor},${x.devMinor}`, `${y.devMajor},${y.devMinor}`);
  check('records', a.records.join('\n'), b.records.join('\n'));
  if (x.format !== y.format || (mask === 0 && x.metadata !== y.metadata)) mask |= FORMAT;
  if (a.headerHash !== b.headerHash) mask |= HEADER;
  return mask;
}

/** A global header may give to equal headers another meaning. */
function sameAttributes(a: MemberRecord, b: MemberRecord): boolean {
  const [x, y] = [a.attributes, b.attributes];
  return (
    a.mtimeSeconds === b.mtimeSeconds &&
    x.uid === y.uid &&
    x.gid === y.gid &&
    x.uname === y.uname &&
    x.gname === y.gname
  );
}

/** The format of a member's headers, as `--format` of GNU tar names it. */
export function formatName({ attributes: { format, metadata } }: MemberRecord): string {
  if (metadata.includes('pax')) return format === 'ustar' ? 'pax' : `pax over ${format}`;
  return metadata === '' ? format : `${format} with a long ${metadata.replace(' ', ' and ')}`;
}

/** A time as people read it, e.g. `@1 (1970-01-01T00:00:01Z)`. */
export function timeText(seconds: number): string {
  const whole = Math.floor(seconds);
  return whole > -6e10 && whole < 2.5e11 ? `@${seconds} (${formatTime(whole)})` : `@${seconds}`;
}

export function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

/** The value of a field as differences have it. */
export function fieldText(field: MemberField, member: MemberRecord): string {
  const { attributes, linkname } = member;
  switch (field) {
    case 'name':
      return shownName(member.name);
    case 'type':
      return attributes.type === 'hard-link' || attributes.type === 'symlink'
        ? `${attributes.type} to "${shownName(linkname)}"`
        : attributes.type;
    case 'mode':
      return modeText(attributes.mode);
    case 'uid':
    case 'gid':
      return String(attributes[field]);
    case 'uname':
    case 'gname':
      return shownName(attributes[field]);
    case 'mtime':
      return timeText(member.mtimeSeconds);
    case 'linkname':
      return shownName(linkname);
    case 'device':
      return `${attributes.devMajor},${attributes.devMinor}`;
    case 'records':
      return shownName(member.records.join(' '));
    case 'sparse':
      return attributes.sparse === undefined ? 'whole' : `sparse (${attributes.sparse})`;
    case 'format':
      return formatName(member);
    case 'content':
      return `${member.sizeBytes} bytes`;
    case 'header':
      return '';
  }
}
