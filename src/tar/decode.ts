import { BLOCK_SIZE, blockPadding, byteStringFrom } from '../bytes/index.js';
import { type DecodedHeader, decodeHeader } from './decode-header.js';
import { decodePaxRecords, type PaxRecord, type PaxRecords } from './decode-pax.js';
import { describeMember, headerError, type MemberMetadata } from './describe-member.js';
import { gnuSparseMap, mapError, paxSparseMap, type SparseMapReader, unknownSparse } from './sparse-map.js';
import { TarError } from './tar-error.js';
import type { DecodedArchive, TarHandler, TarMember, TarMetadata } from './tar-member.js';
import { firstNonZero } from './zeros.js';

export interface TarDecoderOptions {
  /** More are refused (TAR_LIMIT). */
  readonly maxMembers?: number;
  /**
   * Whether sparse members are read; otherwise they are refused (TAR_SPARSE), for whoever takes the content of a
   * member for that of its file.
   */
  readonly sparse?: boolean;
}

/** Decodes a tar archive piece by piece. */
export interface TarDecoder {
  /** Takes the next bytes, which the caller may reuse afterwards. */
  push(chunk: Uint8Array): void;
  /** How many of the next bytes nothing but the handler's `content` would see: whoever can seek may skip them. */
  skippableBytes(): number;
  /** Passes over bytes, at most as many as may be skipped, as if they had been pushed; `content` is not called. */
  skip(sizeBytes: number): void;
  /** @throws {TarError} TAR_TRUNCATED */
  finish(): DecodedArchive;
}

/** The longest pax header or long name, in bytes, and the most that all global headers may have together. */
const MAX_METADATA_SIZE = 1 << 20;

/** Of all global headers together, each of which makes the records anew; nobody has more than a few. */
const MAX_GLOBAL_KEYS = 1024;

type MetadataKind = TarMetadata['kind'];

/** Headers that describe the next member: pax (`X` is that of Solaris), long names and long link targets of gnu. */
const METADATA: ReadonlyMap<string, MetadataKind> = new Map([
  ['g', 'global'],
  ['x', 'pax'],
  ['X', 'pax'],
  ['L', 'name'],
  ['K', 'linkname'],
]);

const NO_RECORDS: PaxRecords = new Map();

/** Where the first of the next member's metadata begins, and what of it there is. */
interface Pending extends Pick<MemberMetadata, 'startOffset'> {
  pax?: readonly PaxRecord[];
  name?: string;
  linkname?: string;
}

/**
 * Makes a decoder of v7, ustar, gnu, pax and star archives. Memory does not grow with the archive or a member. After an
 * error it is of no more use.
 *
 * @throws {TarError} from its methods, each with the offset: TAR_CHECKSUM, TAR_HEADER and TAR_PAX for what is no tar,
 *   TAR_SPARSE for sparse members that cannot be read and TAR_SPARSE_MAP for those that are wrong, TAR_LIMIT, TAR_END
 *   for a single zero block, TAR_TRUNCATED; whatever the handler throws
 */
export function createTarDecoder(handler: TarHandler, options: TarDecoderOptions = {}): TarDecoder {
  const { maxMembers = Number.MAX_SAFE_INTEGER, sparse = false } = options;
  const block = new Uint8Array(BLOCK_SIZE);
  let blockBytes = 0;
  /** Bytes taken, but for those in `block`. */
  let position = 0;
  let zeroBlocks = 0;
  let endOffset: number | undefined;
  /** Bytes after the two zero blocks: zeros up to the first that is none. */
  let zerosAfterEnd = 0;
  let trailingOffset: number | undefined;
  let members = 0;
  let pending: Pending | undefined;
  let globalRecords = NO_RECORDS;
  let globalBytes = 0;
  /** Bytes that follow of the body at hand and of its padding. */
  let bodyLeft = 0;
  let paddingLeft = 0;
  let paddingSize = 0;
  /** Of the padding at hand, whether all of it was seen so far, and the first byte that is not zero. */
  let paddingIsSeen = true;
  let paddingNonZero: number | undefined;
  /** A pax header or a long name that is being gathered; `undefined` while a body is a member's content. */
  let metadata: { readonly kind: MetadataKind; readonly bytes: Uint8Array; readonly offset: number } | undefined;
  /** A sparse member whose map is being read. */
  let sparseMember: { readonly member: TarMember; readonly reader: SparseMapReader } | undefined;

  const takeBlock = (bytes: Uint8Array): void => {
    const offset = position;
    position += BLOCK_SIZE;
    if (sparseMember !== undefined) {
      handler.block?.({ kind: 'sparse', bytes, offset });
      const unused = sparseMember.reader.take(bytes, offset);
      if (unused > 0) {
        const start = BLOCK_SIZE - unused;
        const at = firstNonZero(bytes.subarray(start));
        const nonZeroOffset = at < 0 ? undefined : offset + start + at;
        handler.padding?.({ offset: offset + start, sizeBytes: unused, nonZeroOffset });
      }
      continueSparse();
    } else if (bytes[0] === 0 && firstNonZero(bytes) < 0) {
      if (pending !== undefined) throw truncated(offset, 'a header that describes the next member is the last');
      endOffset ??= offset;
      zeroBlocks++;
    } else takeHeader(bytes, offset);
  };

  const takeHeader = (bytes: Uint8Array, offset: number): void => {
    if (endOffset !== undefined) {
      throw new TarError(
        'TAR_END',
        `Cannot read tar archive: two zero blocks must end it, and there is one at byte ${endOffset} with a header after it`,
        { offset },
      );
    }
    const header = decodeHeader(bytes, offset);
    const kind = METADATA.get(header.typeflag);
    handler.block?.({ kind: kind ?? 'member', bytes, offset });
    if (kind === undefined) takeMember(header, bytes, offset);
    else beginMetadata(kind, header, offset);
  };

  /** Begins a body of this size, which may be 0. */
  const beginBody = (sizeBytes: number): void => {
    bodyLeft = sizeBytes;
    paddingSize = blockPadding(sizeBytes);
    paddingLeft = paddingSize;
    paddingIsSeen = true;
    paddingNonZero = undefined;
    if (sizeBytes === 0) endBody();
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
    metadata = { kind, bytes: new Uint8Array(sizeBytes), offset };
    beginBody(sizeBytes);
  };

  const endMetadata = ({ kind, bytes, offset }: NonNullable<typeof metadata>): void => {
    metadata = undefined;
    const place = { offset, sizeBytes: bytes.length };
    if (kind === 'global') {
      const records = decodePaxRecords(bytes, offset + BLOCK_SIZE);
      handler.metadata?.({ kind, ...place, records });
      takeGlobalRecords(records, offset);
      return;
    }
    pending ??= { startOffset: offset };
    if (Object.hasOwn(pending, kind))
      throw headerError(offset, `a member must have one such header, and this is its second`);
    if (kind === 'pax') {
      const records = decodePaxRecords(bytes, offset + BLOCK_SIZE);
      handler.metadata?.({ kind, ...place, records });
      pending.pax = records;
      return;
    }
    const text = byteStringFrom(bytes);
    handler.metadata?.({ kind, ...place, text });
    const nul = text.indexOf('\0');
    pending[kind] = nul < 0 ? text : text.slice(0, nul);
  };

  const takeGlobalRecords = (records: readonly PaxRecord[], offset: number): void => {
    if (records.length === 0) return;
    const all = new Map(globalRecords);
    for (const { key, value } of records) {
      // Some readers would apply it to every member that follows, others to none.
      if (key === 'path' || key === 'linkpath' || key === 'size' || isSparseKey(key)) {
        throw headerError(offset, `a global header must not give ${key} to all members`);
      }
      all.set(key, value);
      if (all.size > MAX_GLOBAL_KEYS) {
        throw new TarError(
          'TAR_LIMIT',
          `Cannot read tar header at byte ${offset}: global headers must have at most ${MAX_GLOBAL_KEYS} keys, and have more`,
          { offset, limit: MAX_GLOBAL_KEYS },
        );
      }
    }
    globalRecords = all;
  };

  const takeMember = (header: DecodedHeader, bytes: Uint8Array, offset: number): void => {
    if (++members > maxMembers) {
      throw new TarError(
        'TAR_LIMIT',
        `Cannot read tar archive: it must have at most ${maxMembers} members, and has another at byte ${offset}`,
        { offset, limit: maxMembers },
      );
    }
    const { startOffset = offset, pax: records = [], name = '', linkname = '' } = pending ?? {};
    pending = undefined;
    if (!sparse && (header.typeflag === 'S' || records.some(({ key }) => isSparseKey(key)))) {
      throw new TarError(
        'TAR_SPARSE',
        `Cannot read tar member at byte ${startOffset}: sparse members are not supported, and it is one`,
        { offset: startOffset },
      );
    }
    const pax = records.length === 0 ? NO_RECORDS : new Map(records.map(({ key, value }) => [key, value] as const));
    const member = describeMember(header, offset, { startOffset, pax, name, linkname }, globalRecords);
    const reader = sparseMapReader(header, bytes, offset, records, pax);
    if (reader === undefined) {
      handler.member(member);
      beginBody(member.sizeBytes);
      return;
    }
    if (member.type !== 'file') throw mapError(offset, `it must be of a file, and is of a ${member.type}`);
    sparseMember = { member, reader };
    continueSparse();
  };

  /** Gives the member when its map is complete. */
  const continueSparse = (): void => {
    const { member, reader } = sparseMember!;
    const { headerOffset } = member;
    const mapBytes = position - headerOffset - BLOCK_SIZE;
    const sizeBytes = reader.isInContent ? member.sizeBytes - mapBytes : member.sizeBytes;
    if (sizeBytes < 0 || (reader.isInContent && reader.needsBlock && sizeBytes === 0)) {
      throw mapError(headerOffset, `it must end within the ${member.sizeBytes} bytes of the member, and does not`);
    }
    if (reader.needsBlock) return;
    sparseMember = undefined;
    handler.member({
      ...member,
      sizeBytes,
      realSizeBytes: reader.realSizeBytes,
      sparse: reader.finish(sizeBytes),
      contentOffset: position,
    });
    beginBody(sizeBytes);
  };

  const endBody = (): void => {
    if (metadata !== undefined) endMetadata(metadata);
    else handler.end?.();
  };

  const takePadding = (part: Uint8Array): void => {
    const at = firstNonZero(part);
    if (at >= 0) paddingNonZero ??= position + at;
    position += part.length;
    paddingLeft -= part.length;
    if (paddingLeft > 0 || !paddingIsSeen) return;
    handler.padding?.({ offset: position - paddingSize, sizeBytes: paddingSize, nonZeroOffset: paddingNonZero });
  };

  const takeTrailing = (part: Uint8Array): void => {
    if (trailingOffset === undefined) {
      const at = firstNonZero(part);
      if (at >= 0) trailingOffset = position + at;
      zerosAfterEnd += at < 0 ? part.length : at;
    }
    position += part.length;
  };

  return {
    push(chunk: Uint8Array): void {
      let at = 0;
      while (at < chunk.length) {
        if (zeroBlocks === 2) {
          takeTrailing(chunk.subarray(at));
          return;
        }
        if (bodyLeft > 0) {
          const part = chunk.subarray(at, at + bodyLeft);
          if (metadata !== undefined) metadata.bytes.set(part, metadata.bytes.length - bodyLeft);
          else handler.content?.(part);
          at += part.length;
          position += part.length;
          bodyLeft -= part.length;
          if (bodyLeft === 0) endBody();
        } else if (paddingLeft > 0) {
          const part = chunk.subarray(at, at + paddingLeft);
          at += part.length;
          takePadding(part);
        } else if (blockBytes === 0 && chunk.length - at >= BLOCK_SIZE) {
          // A whole block within the chunk needs no copy.
          const whole = chunk.subarray(at, at + BLOCK_SIZE);
          at += BLOCK_SIZE;
          takeBlock(whole);
        } else {
          const part = chunk.subarray(at, at + BLOCK_SIZE - blockBytes);
          block.set(part, blockBytes);
          blockBytes += part.length;
          at += part.length;
          if (blockBytes < BLOCK_SIZE) continue;
          blockBytes = 0;
          takeBlock(block);
        }
      }
    },
    skippableBytes(): number {
      if (zeroBlocks === 2) return Number.MAX_SAFE_INTEGER;
      return metadata === undefined ? bodyLeft + paddingLeft : 0;
    },
    skip(sizeBytes: number): void {
      position += sizeBytes;
      if (zeroBlocks === 2 || sizeBytes === 0) return;
      const ofBody = Math.min(sizeBytes, bodyLeft);
      bodyLeft -= ofBody;
      if (sizeBytes > ofBody) paddingIsSeen = false;
      paddingLeft -= sizeBytes - ofBody;
      if (ofBody > 0 && bodyLeft === 0) endBody();
    },
    finish(): DecodedArchive {
      const end = position + blockBytes;
      if (bodyLeft > 0) throw truncated(end, `${bodyLeft} bytes of a body are missing`);
      if (paddingLeft > 0) throw truncated(end, `${paddingLeft} bytes of padding are missing`);
      if (blockBytes > 0) throw truncated(end, `${BLOCK_SIZE - blockBytes} bytes of a header are missing`);
      if (sparseMember !== undefined) throw truncated(end, 'a block of a sparse map is missing');
      if (pending !== undefined) throw truncated(end, 'a header that describes the next member is the last');
      return {
        members,
        isTerminated: zeroBlocks === 2,
        sizeBytes: end,
        endOffset,
        zeroBlocks: zeroBlocks + Math.floor(zerosAfterEnd / BLOCK_SIZE),
        trailingOffset,
      };
    },
  };
}

/** Reads the map of a sparse member; `undefined` for any other. */
function sparseMapReader(
  header: DecodedHeader,
  bytes: Uint8Array,
  offset: number,
  records: readonly PaxRecord[],
  byKey: PaxRecords,
): SparseMapReader | undefined {
  const ofPax = paxSparseMap(records, byKey, offset);
  if (header.typeflag !== 'S') return ofPax;
  if (header.format !== 'gnu') throw unknownSparse(offset, `a ${header.format} header`);
  if (ofPax !== undefined) throw mapError(offset, 'it must be in the header or in pax records, and is in both');
  return gnuSparseMap(bytes, offset);
}

function isSparseKey(key: string): boolean {
  return key.startsWith('GNU.sparse.') || key === 'SCHILY.realsize';
}

function truncated(offset: number, what: string): TarError {
  return new TarError('TAR_TRUNCATED', `Cannot read tar archive: it ends at byte ${offset}, and ${what}`, { offset });
}
