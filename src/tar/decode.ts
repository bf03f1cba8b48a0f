import { BLOCK_SIZE, type ByteString, blockPadding, byteStringFrom } from '../bytes/index.js';
import { type DecodedHeader, decodeHeader } from './decode-header.js';
import { decodePaxRecords, type PaxRecords, paxNumber } from './decode-pax.js';
import { TarError } from './tar-error.js';

/** What a member is; `other` for types that no standard names, which have content as regular files do. */
export type TarMemberType =
  | 'file'
  | 'hard-link'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo'
  | 'other';

/** A member as an archive has it: names as they stand there, with whatever slashes and dots they have. */
export interface TarMember extends DecodedHeader {
  readonly type: TarMemberType;
  /** Bytes of content that follow; 0 for all but `file` and `other`, whatever the header says. */
  readonly sizeBytes: number;
  /** Since 1970-01-01T00:00:00Z; a pax header may give a fraction. */
  readonly mtimeSeconds: number;
  /** Of the member's own pax header, in their order; empty where it has none. */
  readonly paxRecords: PaxRecords;
  /** Of the global pax headers that came before. */
  readonly globalRecords: PaxRecords;
  /** Offset of the first block of the member: of its pax header or long name, where it has one. */
  readonly startOffset: number;
  readonly contentOffset: number;
}

/** Takes what a decoder finds, in the order of the archive. */
export interface TarHandler {
  member(member: TarMember): void;
  /** The next bytes of the member's content, lent until the call returns. */
  content?(bytes: Uint8Array): void;
  /** The member's content is complete. */
  end?(): void;
}

export interface TarDecoderOptions {
  readonly maxMembers?: number;
}

export interface DecodedArchive {
  readonly members: number;
  /** Whether two zero blocks ended the archive, or only the end of its data after a whole member. */
  readonly isTerminated: boolean;
}

/** Decodes a tar archive piece by piece. */
export interface TarDecoder {
  /** Takes the next bytes, which the caller may reuse afterwards. */
  push(chunk: Uint8Array): void;
  /** How many of the next bytes nothing but the handler's `content` would see: whoever can seek may skip them. */
  skippableBytes(): number;
  /** Passes over bytes, at most as many as may be skipped, as if they had been pushed; `content` is not called. */
  skip(sizeBytes: number): void;
  finish(): DecodedArchive;
}

/** The longest pax header or long name, in bytes, and the most that all global headers may have together. */
const MAX_METADATA_SIZE = 1 << 20;

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
]);

type MetadataKind = 'global' | 'pax' | 'name' | 'linkname';

/** Headers that describe the next member: pax (`X` is that of Solaris), long names and long link targets of gnu. */
const METADATA: ReadonlyMap<string, MetadataKind> = new Map([
  ['g', 'global'],
  ['x', 'pax'],
  ['X', 'pax'],
  ['L', 'name'],
  ['K', 'linkname'],
]);

const NO_RECORDS: PaxRecords = new Map();

/** What the metadata before a member says of it. */
interface Pending {
  startOffset: number;
  pax?: PaxRecords;
  name?: ByteString;
  linkname?: ByteString;
}

/**
 * Makes a decoder of v7, ustar, gnu, pax and star archives. Memory does not grow with the archive or a member.
 *
 * @throws {TarError} from its methods: TAR_CHECKSUM, TAR_HEADER and TAR_PAX for what is no tar, TAR_SPARSE for sparse
 *   members, TAR_LIMIT, TAR_END for a single zero block, TAR_TRUNCATED; each with the offset; whatever the handler throws
 */
export function createTarDecoder(handler: TarHandler, options: TarDecoderOptions = {}): TarDecoder {
  const { maxMembers = Number.MAX_SAFE_INTEGER } = options;
  const block = new Uint8Array(BLOCK_SIZE);
  let blockBytes = 0;
  /** Bytes taken. */
  let position = 0;
  let zeroBlocks = 0;
  let members = 0;
  let pending: Pending | undefined;
  let globalRecords = NO_RECORDS;
  let globalBytes = 0;
  /** Bytes that follow of the body at hand and of its padding. */
  let bodyLeft = 0;
  let paddingLeft = 0;
  /** A pax header or a long name that is being gathered; `undefined` while a body is a member's content. */
  let metadata: { readonly kind: MetadataKind; readonly bytes: Uint8Array; readonly offset: number } | undefined;

  const takeHeader = (bytes: Uint8Array): void => {
    const offset = position;
    position += BLOCK_SIZE;
    if (bytes.every((byte) => byte === 0)) {
      if (pending !== undefined) throw truncated(offset, 'a header that describes the next member is the last');
      zeroBlocks++;
      return;
    }
    if (zeroBlocks > 0) {
      throw new TarError(
        'TAR_END',
        `Cannot read tar archive: two zero blocks must end it, and there is one at byte ${offset - BLOCK_SIZE} with a header after it`,
        { offset },
      );
    }
    const header = decodeHeader(bytes, offset);
    const kind = METADATA.get(header.typeflag);
    if (kind === undefined) takeMember(header, offset);
    else beginMetadata(kind, header, offset);
    paddingLeft = blockPadding(bodyLeft);
    if (bodyLeft === 0) endBody();
  };

  const beginMetadata = (kind: MetadataKind, { sizeBytes }: DecodedHeader, offset: number): void => {
    if (kind === 'global') globalBytes += sizeBytes;
    if (sizeBytes > MAX_METADATA_SIZE || globalBytes > MAX_METADATA_SIZE) {
      throw new TarError(
        'TAR_LIMIT',
        `Cannot read tar header at byte ${offset}: pax headers and long names must have at most ${MAX_METADATA_SIZE} bytes, and have ${Math.max(sizeBytes, globalBytes)}`,
        { offset, limit: MAX_METADATA_SIZE },
      );
    }
    // Its size is that of its own header: a pax size is of the next member and would hide what stands behind this.
    bodyLeft = sizeBytes;
    metadata = { kind, bytes: new Uint8Array(sizeBytes), offset };
  };

  const endMetadata = ({ kind, bytes, offset }: NonNullable<typeof metadata>): void => {
    metadata = undefined;
    const records = kind === 'global' || kind === 'pax' ? decodePax(bytes, offset) : NO_RECORDS;
    if (kind === 'global') {
      for (const key of ['path', 'linkpath', 'size']) {
        // Some readers would apply it to every member that follows, others to none.
        if (records.has(key)) throw headerError(offset, `a global header must not give ${key} to all members`);
      }
      globalRecords = new Map([...globalRecords, ...records]);
      return;
    }
    pending ??= { startOffset: offset };
    if (Object.hasOwn(pending, kind))
      throw headerError(offset, `a member must have one such header, and this is its second`);
    if (kind === 'pax') {
      pending.pax = records;
      return;
    }
    const nul = bytes.indexOf(0);
    pending[kind] = byteStringFrom(nul < 0 ? bytes : bytes.subarray(0, nul));
  };

  const takeMember = (header: DecodedHeader, offset: number): void => {
    if (++members > maxMembers) {
      throw new TarError(
        'TAR_LIMIT',
        `Cannot read tar archive: it must have at most ${maxMembers} members, and has another at byte ${offset}`,
        { offset, limit: maxMembers },
      );
    }
    if (header.typeflag === 'S') throw sparse(offset);
    const member = describeMember(header, offset, pending ?? { startOffset: offset }, globalRecords);
    pending = undefined;
    bodyLeft = member.sizeBytes;
    if (!Number.isSafeInteger(position + bodyLeft + BLOCK_SIZE)) {
      throw headerError(offset, `the member must end within 2^53 bytes, and has ${bodyLeft}`);
    }
    handler.member(member);
  };

  const endBody = (): void => {
    if (metadata !== undefined) endMetadata(metadata);
    else handler.end?.();
  };

  return {
    push(chunk: Uint8Array): void {
      let at = 0;
      while (at < chunk.length && zeroBlocks < 2) {
        if (bodyLeft > 0) {
          const part = chunk.subarray(at, at + bodyLeft);
          if (metadata !== undefined) metadata.bytes.set(part, metadata.bytes.length - bodyLeft);
          else handler.content?.(part);
          at += part.length;
          position += part.length;
          bodyLeft -= part.length;
          if (bodyLeft === 0) endBody();
        } else if (paddingLeft > 0) {
          const size = Math.min(paddingLeft, chunk.length - at);
          at += size;
          position += size;
          paddingLeft -= size;
        } else if (blockBytes === 0 && chunk.length - at >= BLOCK_SIZE) {
          // A whole block within the chunk needs no copy.
          takeHeader(chunk.subarray(at, at + BLOCK_SIZE));
          at += BLOCK_SIZE;
        } else {
          const part = chunk.subarray(at, at + BLOCK_SIZE - blockBytes);
          block.set(part, blockBytes);
          blockBytes += part.length;
          at += part.length;
          if (blockBytes < BLOCK_SIZE) continue;
          blockBytes = 0;
          takeHeader(block);
        }
      }
    },
    skippableBytes(): number {
      if (zeroBlocks === 2) return Number.MAX_SAFE_INTEGER;
      return metadata === undefined ? bodyLeft + paddingLeft : 0;
    },
    skip(sizeBytes: number): void {
      if (zeroBlocks === 2) return;
      const ofBody = Math.min(sizeBytes, bodyLeft);
      position += sizeBytes;
      bodyLeft -= ofBody;
      paddingLeft -= sizeBytes - ofBody;
      if (ofBody > 0 && bodyLeft === 0) endBody();
    },
    finish(): DecodedArchive {
      const end = position + blockBytes;
      if (bodyLeft > 0) throw truncated(end, `${bodyLeft} bytes of a body are missing`);
      if (paddingLeft > 0) throw truncated(end, `${paddingLeft} bytes of padding are missing`);
      if (blockBytes > 0) throw truncated(end, `${BLOCK_SIZE - blockBytes} bytes of a header are missing`);
      if (pending !== undefined) throw truncated(end, 'a header that describes the next member is the last');
      return { members, isTerminated: zeroBlocks === 2 };
    },
  };
}

/** Lays together what a header, the gnu headers and the pax headers before it say of a member. */
function describeMember(header: DecodedHeader, offset: number, pending: Pending, globalRecords: PaxRecords): TarMember {
  const { startOffset, pax: paxRecords = NO_RECORDS } = pending;
  const text = (key: string, otherwise: ByteString): ByteString =>
    (paxRecords.get(key) ?? globalRecords.get(key) ?? '') || otherwise;
  const number = (key: string, otherwise: number, fraction = false): number => {
    const value = paxRecords.get(key) ?? globalRecords.get(key) ?? '';
    return value === '' ? otherwise : paxNumber(key, value, offset, fraction);
  };
  const name = pending.name || text('path', header.name);
  // Before there was a type for directories, a slash made one.
  const type = header.typeflag === '\0' && name.endsWith('/') ? 'directory' : (TYPES.get(header.typeflag) ?? 'other');
  const statedSize = number('size', header.sizeBytes);
  if (statedSize < 0) throw headerError(offset, `pax size must be at least 0, and is ${statedSize}`);
  return {
    name,
    type,
    typeflag: header.typeflag,
    linkname: pending.linkname || text('linkpath', header.linkname),
    mode: header.mode,
    uid: number('uid', header.uid),
    gid: number('gid', header.gid),
    uname: text('uname', header.uname),
    gname: text('gname', header.gname),
    // Links and the like have none, though some writers give them the size of what they lead to.
    sizeBytes: type === 'file' || type === 'other' ? statedSize : 0,
    mtimeSeconds: number('mtime', header.mtimeSeconds, true),
    devMajor: number('SCHILY.devmajor', header.devMajor),
    devMinor: number('SCHILY.devminor', header.devMinor),
    paxRecords,
    globalRecords,
    startOffset,
    contentOffset: offset + BLOCK_SIZE,
  };
}

/** Records of a pax header at `offset`, none of which make a member sparse. */
function decodePax(body: Uint8Array, offset: number): PaxRecords {
  const records = decodePaxRecords(body, offset + BLOCK_SIZE);
  if (records.has('SCHILY.realsize') || [...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    throw sparse(offset);
  }
  return records;
}

/** The content of a sparse member is a map and fragments, and its name and size may stand elsewhere. */
function sparse(offset: number): TarError {
  return new TarError(
    'TAR_SPARSE',
    `Cannot read tar member at byte ${offset}: sparse members are not supported, and it is one`,
    { offset },
  );
}

function headerError(offset: number, what: string): TarError {
  return new TarError('TAR_HEADER', `Cannot read tar header at byte ${offset}: ${what}`, { offset });
}

function truncated(offset: number, what: string): TarError {
  return new TarError('TAR_TRUNCATED', `Cannot read tar archive: it ends at byte ${offset}, and ${what}`, { offset });
}
