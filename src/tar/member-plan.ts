import { BLOCK_SIZE, type ByteString, roundUp } from '../bytes/index.js';
import type { ArchiveEntry, EntryBody } from '../entry/index.js';
import type { TarOptions } from './format.js';
import type { HeaderFields } from './header.js';

/** The header blocks of one member, decided but not yet written. */
export interface MemberPlan {
  readonly header: HeaderFields;
  /** Headers and bodies that come before the header: pax records or gnu long names. */
  readonly extensions: readonly Extension[];
  /** Bytes of all header blocks, extensions included. */
  readonly headerSizeBytes: number;
}

export interface Extension {
  readonly header: HeaderFields;
  readonly body: ByteString;
}

export const NO_BYTES: ByteString = '' as ByteString;
export const NO_EXTENSIONS: readonly Extension[] = [];

export const TYPEFLAGS: Readonly<Record<EntryBody['type'], number>> = {
  file: 0x30,
  symlink: 0x32,
  'character-device': 0x33,
  'block-device': 0x34,
  directory: 0x35,
  fifo: 0x36,
};

export function memberPlan(extensions: readonly Extension[], header: HeaderFields): MemberPlan {
  let headerSizeBytes: number = BLOCK_SIZE;
  for (const { body } of extensions) headerSizeBytes += BLOCK_SIZE + roundUp(body.length, BLOCK_SIZE);
  return { header, extensions, headerSizeBytes };
}

/** What every format takes from an entry as it is. */
export type CommonFields = Pick<
  HeaderFields,
  'mode' | 'uid' | 'gid' | 'sizeBytes' | 'mtimeSeconds' | 'typeflag' | 'uname' | 'gname'
>;

export function commonFields(entry: ArchiveEntry, options: TarOptions): CommonFields {
  return {
    mode: entry.mode & 0o7777,
    uid: entry.uid,
    gid: entry.gid,
    sizeBytes: entry.body.type === 'file' ? entry.body.sizeBytes : 0,
    mtimeSeconds: entry.mtimeSeconds,
    typeflag: TYPEFLAGS[entry.body.type],
    uname: options.numericOwner ? NO_BYTES : entry.uname,
    gname: options.numericOwner ? NO_BYTES : entry.gname,
  };
}

/** A device's numbers; `undefined` for anything else. */
export function deviceOf(body: EntryBody): HeaderFields['device'] {
  if (body.type !== 'character-device' && body.type !== 'block-device') return undefined;
  return { major: body.devMajor, minor: body.devMinor };
}

const NO_DEVICE = { major: 0, minor: 0 } as const;

/** Device numbers as GNU tar's ustar and posix have them: zero for what is no device. */
export function deviceOrZero(body: EntryBody): HeaderFields['device'] {
  return deviceOf(body) ?? NO_DEVICE;
}
