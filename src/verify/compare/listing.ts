import type { ByteString } from '../../bytes/index.js';
import { digestHex, type HashEngine, type Sha256 } from '../../digest/index.js';
import {
  createTarDecoder,
  type DecodedArchive,
  TarError,
  type TarMember,
  type TarMemberType,
  type TarMetadata,
} from '../../tar/index.js';
import { decodeSkipping, type StoredFile } from '../../transport/index.js';

/** What members share as a rule: one object for all that have the same. */
export interface MemberAttributes {
  readonly type: TarMemberType;
  readonly typeflag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: ByteString;
  readonly gname: ByteString;
  readonly devMajor: number;
  readonly devMinor: number;
  /** `ustar`, `gnu`, `v7`, `star`. */
  readonly format: string;
  /** What stands before the header: `pax`, `name`, `linkname`, in their order. */
  readonly metadata: string;
  readonly sparse: string | undefined;
}

/** A member as it is kept for comparison. */
export interface MemberRecord {
  readonly name: ByteString;
  readonly linkname: ByteString;
  readonly attributes: MemberAttributes;
  readonly mtimeSeconds: number;
  /** Of the file when it is unpacked. */
  readonly sizeBytes: number;
  /** In the archive. */
  readonly storedSizeBytes: number;
  readonly startOffset: number;
  readonly headerOffset: number;
  readonly contentOffset: number;
  /** Pax records that are none of the fields above, as `KEY=VALUE` in the order of keys. */
  readonly records: readonly string[];
  /** Of everything from `startOffset` to the content, but for global headers. */
  readonly headerHash: string;
  /** Of the file when it is unpacked; empty where there is no content. */
  readonly contentHash: string;
}

/** A tar archive as it is kept for comparison. */
export interface TarListing {
  readonly members: readonly MemberRecord[];
  /** Records of global headers as `KEY=VALUE`, in their order. */
  readonly globals: readonly string[];
  /** Offsets of bytes in padding that are not zero. */
  readonly dirtyPadding: readonly number[];
  readonly sizeBytes: number;
  /** `undefined` where the archive could not be read to its end. */
  readonly end: DecodedArchive | undefined;
  readonly failure: Error | undefined;
}

export interface ListingBuilder {
  /** Takes the next bytes; after the first that is no tar, all others are passed over. */
  push(bytes: Uint8Array): void;
  /** Takes an archive that can be read at any place. */
  read(file: StoredFile): void;
  finish(): TarListing;
}

/** Members of one archive; a tar of so many headers alone has 5 GB. */
const MAX_MEMBERS = 10_000_000;

const MAX_DIRTY = 1000;

/** Beyond this the holes of a sparse file are not hashed as zeros, which cost an archive nothing: its map is. */
const MAX_EXPANDED = 2 ** 30;

/** Records that members have as fields. */
const FIELD_RECORDS: ReadonlySet<string> = new Set([
  ...['path', 'linkpath', 'size', 'uid', 'gid', 'uname', 'gname', 'mtime', 'SCHILY.devmajor', 'SCHILY.devminor'],
]);

/** Half of a SHA-256 in 16-bit chars: no two texts of the same half are known, and memory is that of the members. */
const HASH_CHARS = 8;

const NOTHING: readonly string[] = [];

/**
 * Lists an archive as it streams by. Memory grows with its members, and not with their content.
 *
 * @param options whether contents are hashed; otherwise they may be passed over
 */
export function createListing(
  engine: HashEngine,
  { contents = true }: { readonly contents?: boolean } = {},
): ListingBuilder {
  const members: MemberRecord[] = [];
  const globals: string[] = [];
  const dirtyPadding: number[] = [];
  const shared = new Map<string, MemberAttributes>();
  const headerHash = engine.createSha256();
  const contentHash = engine.createSha256();
  let kinds: string[] = [];
  let current: TarMember | undefined;
  let content: ((bytes: Uint8Array) => void) | undefined;
  let finishContent = (): void => {};
  let sizeBytes = 0;
  let failure: TarError | undefined;

  const decoder = createTarDecoder(
    {
      block({ kind, bytes }) {
        if (kind !== 'global') headerHash.update(bytes);
      },
      metadata(metadata) {
        if (metadata.kind === 'global') globals.push(...metadata.records.map(({ key, value }) => `${key}=${value}`));
        else {
          kinds.push(metadata.kind);
          headerHash.update(textBytes(metadataText(metadata)));
        }
      },
      member(member) {
        current = member;
        contentHash.init();
        if (contents) [content, finishContent] = unpackedInto(contentHash, member);
      },
      content: (bytes) => content?.(bytes),
      end() {
        finishContent();
        const member = current!;
        const { name, linkname, mtimeSeconds, startOffset, headerOffset, contentOffset } = member;
        members.push({
          name,
          linkname,
          attributes: sharedAttributes(shared, member, kinds.join(' ')),
          mtimeSeconds,
          sizeBytes: member.realSizeBytes,
          storedSizeBytes: member.sizeBytes,
          startOffset,
          headerOffset,
          contentOffset,
          records: otherRecords(member),
          headerHash: shortHash(headerHash),
          contentHash: contents && member.realSizeBytes > 0 ? shortHash(contentHash) : '',
        });
        kinds = [];
        headerHash.init();
      },
      padding({ nonZeroOffset }) {
        if (nonZeroOffset !== undefined && dirtyPadding.length < MAX_DIRTY) dirtyPadding.push(nonZeroOffset);
      },
    },
    { maxMembers: MAX_MEMBERS, sparse: true },
  );
  const attempt = <T>(work: () => T): T | undefined => {
    if (failure !== undefined) return undefined;
    try {
      return work();
    } catch (error) {
      if (!(error instanceof TarError)) throw error;
      failure = error;
      return undefined;
    }
  };
  return {
    push(bytes) {
      sizeBytes += bytes.length;
      attempt(() => decoder.push(bytes));
    },
    read(file) {
      sizeBytes = file.sizeBytes;
      attempt(() => decodeSkipping(file, decoder, { padding: true }));
    },
    finish() {
      const end = attempt(() => decoder.finish());
      return { members, globals, dirtyPadding, sizeBytes, end, failure };
    },
  };
}

function sharedAttributes(
  shared: Map<string, MemberAttributes>,
  member: TarMember,
  metadata: string,
): MemberAttributes {
  const { type, typeflag, mode, uid, gid, uname, gname, devMajor, devMinor, format } = member;
  const sparse = member.sparse?.form;
  const key = [typeflag, type, mode, uid, gid, uname, gname, devMajor, devMinor, format, metadata, sparse].join('\0');
  let attributes = shared.get(key);
  if (attributes === undefined) {
    attributes = { type, typeflag, mode, uid, gid, uname, gname, devMajor, devMinor, format, metadata, sparse };
    shared.set(key, attributes);
  }
  return attributes;
}

function otherRecords({ paxRecords }: TarMember): readonly string[] {
  const records: string[] = [];
  for (const [key, value] of paxRecords) {
    if (!FIELD_RECORDS.has(key) && !key.startsWith('GNU.sparse.')) records.push(`${key}=${value}`);
  }
  return records.length === 0 ? NOTHING : records.sort();
}

function metadataText(metadata: TarMetadata): string {
  return 'records' in metadata ? metadata.records.map(({ key, value }) => `${key}=${value}\0`).join('') : metadata.text;
}

const ZEROS = new Uint8Array(1 << 16);

/** Hashes content as it is when unpacked. */
function unpackedInto(hash: Sha256, member: TarMember): [(bytes: Uint8Array) => void, () => void] {
  const { sparse, realSizeBytes } = member;
  if (sparse === undefined) return [(bytes) => hash.update(bytes), () => {}];
  if (realSizeBytes > MAX_EXPANDED) {
    hash.update(textBytes(sparse.regions.map(({ offset, sizeBytes }) => `${offset} ${sizeBytes}\n`).join('')));
    return [(bytes) => hash.update(bytes), () => {}];
  }
  let position = 0;
  let index = 0;
  let inRegion = 0;
  const zerosTo = (end: number): void => {
    while (position < end) {
      const count = Math.min(ZEROS.length, end - position);
      hash.update(ZEROS.subarray(0, count));
      position += count;
    }
  };
  return [
    (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        const region = sparse.regions[index]!;
        zerosTo(region.offset);
        const count = Math.min(bytes.length - at, region.sizeBytes - inRegion);
        hash.update(bytes.subarray(at, at + count));
        position += count;
        inRegion += count;
        at += count;
        if (inRegion === region.sizeBytes) {
          index++;
          inRegion = 0;
        }
      }
    },
    () => zerosTo(realSizeBytes),
  ];
}

function shortHash(hash: Sha256): string {
  const hex = digestHex(hash.digest());
  let packed = '';
  for (let at = 0; at < HASH_CHARS * 4; at += 4)
    packed += String.fromCharCode(Number.parseInt(hex.slice(at, at + 4), 16));
  return packed;
}

function textBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
