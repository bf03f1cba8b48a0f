import { BLOCK_SIZE, type ByteString } from '../bytes/index.js';
import type { DecodedHeader } from './decode-header.js';
import { type PaxRecords, paxNumber } from './decode-pax.js';
import { TarError } from './tar-error.js';
import type { TarMember, TarMemberType } from './tar-member.js';

const TYPES: ReadonlyMap<string, TarMemberType> = new Map([
  ['\0', 'file'],
  ['0', 'file'],
  ['1', 'hard-link'],
  ['2', 'symlink'],
  ['3', 'character-device'],
  ['4', 'block-device'],
  ['5', 'directory'],
  ['6', 'fifo'],
  ['7', 'file'],
  // Of gnu: a sparse file, and a directory in an incremental archive, whose content says what was in it.
  ['S', 'file'],
  ['D', 'directory'],
]);

/** What the metadata before a member says of it. */
export interface MemberMetadata {
  readonly startOffset: number;
  readonly pax: PaxRecords;
  /** Empty where no gnu header gives one. */
  readonly name: string;
  readonly linkname: string;
}

/**
 * Lays together what a header, the gnu headers and the pax headers before it say of a member. Of a sparse one the
 * content is what its header says; the map is for the caller to read.
 *
 * @param offset of the header
 * @throws {TarError} TAR_HEADER, TAR_PAX
 */
export function describeMember(
  header: DecodedHeader,
  offset: number,
  { startOffset, pax: paxRecords, ...long }: MemberMetadata,
  globalRecords: PaxRecords,
): TarMember {
  const text = (key: string, otherwise: ByteString): ByteString =>
    (paxRecords.get(key) ?? globalRecords.get(key) ?? '') || otherwise;
  const number = (key: string, otherwise: number, fraction = false): number => {
    const value = paxRecords.get(key) ?? globalRecords.get(key) ?? '';
    return value === '' ? otherwise : paxNumber(key, value, offset, fraction);
  };
  // The path of a sparse file is one that older programs unpack it to.
  const name = ((paxRecords.get('GNU.sparse.name') ?? '') || long.name || text('path', header.name)) as ByteString;
  // Before there was a type for directories, a slash made one.
  const type = header.typeflag === '\0' && name.endsWith('/') ? 'directory' : (TYPES.get(header.typeflag) ?? 'other');
  const statedSizeBytes = number('size', header.sizeBytes);
  if (statedSizeBytes < 0) throw headerError(offset, `pax size must be at least 0, and is ${statedSizeBytes}`);
  // Links and the like have none, though some writers give them the size of what they lead to.
  const hasContent = type === 'file' || type === 'other' || header.typeflag === 'D';
  const sizeBytes = hasContent ? statedSizeBytes : 0;
  if (!Number.isSafeInteger(offset + sizeBytes + 2 * BLOCK_SIZE)) {
    throw headerError(offset, `the member must end within 2^53 bytes, and has ${sizeBytes}`);
  }
  return {
    name,
    type,
    typeflag: header.typeflag,
    format: header.format,
    linkname: (long.linkname || text('linkpath', header.linkname)) as ByteString,
    mode: header.mode,
    uid: number('uid', header.uid),
    gid: number('gid', header.gid),
    uname: text('uname', header.uname),
    gname: text('gname', header.gname),
    sizeBytes,
    statedSizeBytes,
    realSizeBytes: sizeBytes,
    sparse: undefined,
    mtimeSeconds: number('mtime', header.mtimeSeconds, true),
    devMajor: number('SCHILY.devmajor', header.devMajor),
    devMinor: number('SCHILY.devminor', header.devMinor),
    paxRecords,
    globalRecords,
    startOffset,
    headerOffset: offset,
    contentOffset: offset + BLOCK_SIZE,
  };
}

/** An error of the header at `offset`. */
export function headerError(offset: number, what: string): TarError {
  return new TarError('TAR_HEADER', `Cannot read tar header at byte ${offset}: ${what}`, { offset });
}
