import type { ByteString } from '../bytes/index.js';
import type { DecodedHeader } from './decode-header.js';
import type { PaxRecord, PaxRecords } from './decode-pax.js';
import type { SparseMap } from './sparse-map.js';

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
  /** Bytes of content that follow, of a sparse file those of its regions; 0 for all but `file`, `other` and type `D`. */
  readonly sizeBytes: number;
  /**
   * The size that the header or its pax record gives, whatever the type: readers differ in what follows a link or a
   * directory that has one.
   */
  readonly statedSizeBytes: number;
  /** Of the file when it is unpacked: `sizeBytes`, but of a sparse file with its holes. Nothing has that many bytes yet. */
  readonly realSizeBytes: number;
  /** Which parts of a sparse file the content is. */
  readonly sparse: SparseMap | undefined;
  /** Since 1970-01-01T00:00:00Z; a pax header may give a fraction, whose digits are in `paxRecords`. */
  readonly mtimeSeconds: number;
  /** Of the member's own pax header, in their order; of a key that stands there twice the last value. */
  readonly paxRecords: PaxRecords;
  /** Of the global pax headers that came before. */
  readonly globalRecords: PaxRecords;
  /** Offset of the first block of the member: of its pax header or long name, where it has one. */
  readonly startOffset: number;
  /** Offset of the header block itself. */
  readonly headerOffset: number;
  /** Offset of the content, behind a sparse map that stands in blocks of its own. */
  readonly contentOffset: number;
}

/** What a header block is of; `sparse` is none, but a block of a sparse map. */
export type TarBlockKind = 'member' | 'pax' | 'global' | 'name' | 'linkname' | 'sparse';

/** A header block as it stands in the archive; see {@link inspectHeader}. */
export interface TarBlock {
  readonly kind: TarBlockKind;
  /** 512, lent until the call returns. */
  readonly bytes: Uint8Array;
  readonly offset: number;
}

interface MetadataPlace {
  /** Offset of its header block. */
  readonly offset: number;
  /** Of its body. */
  readonly sizeBytes: number;
}

/** What stands before a member and describes it, or before all that follow (`global`), as it stands there. */
export type TarMetadata =
  | (MetadataPlace & {
      readonly kind: 'pax' | 'global';
      /** In their order, those with the same key too. */
      readonly records: readonly PaxRecord[];
    })
  | (MetadataPlace & {
      readonly kind: 'name' | 'linkname';
      /** The whole body, with the NUL at which the name ends. */
      readonly text: ByteString;
    });

/** The rest of a body's last block. */
export interface TarPadding {
  readonly offset: number;
  /** In [1, 511]. */
  readonly sizeBytes: number;
  /** Offset of its first byte that is not zero. */
  readonly nonZeroOffset: number | undefined;
}

/** Takes what a decoder finds, in the order of the archive. Only `member` is needed to know what is in an archive. */
export interface TarHandler {
  /** Comes first for each header, before what it leads to. */
  block?(block: TarBlock): void;
  metadata?(metadata: TarMetadata): void;
  member(member: TarMember): void;
  /** The next bytes of the member's content, lent until the call returns. */
  content?(bytes: Uint8Array): void;
  /** The member's content is complete. */
  end?(): void;
  /** Padding of content, after `end`, or of metadata; not that which was skipped in part or whole. */
  padding?(padding: TarPadding): void;
}

/** What there is to say at the end of an archive. */
export interface DecodedArchive {
  readonly members: number;
  /** Whether two zero blocks ended the archive, or only the end of its data after a whole member. */
  readonly isTerminated: boolean;
  /** All bytes, those after the end too. */
  readonly sizeBytes: number;
  /** Offset of the first zero block. */
  readonly endOffset: number | undefined;
  /** Whole blocks of zeros from there on, without what was skipped. */
  readonly zeroBlocks: number;
  /** Offset of the first byte behind the two zero blocks that is not zero; skipped bytes are not looked at. */
  readonly trailingOffset: number | undefined;
}
