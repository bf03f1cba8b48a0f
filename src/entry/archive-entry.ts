import type { ByteString } from '../bytes/index.js';

/** Where the content of a regular file comes from. `size` of the entry says how many bytes it has. */
export type FileSource =
  | { readonly from: 'memory'; readonly bytes: Uint8Array }
  | {
      readonly from: 'file';
      /**
       * Its directory on this machine, which the files in it share, and its name there: whole paths would be a quarter of
       * the memory of a large tree. Neither ever reaches an output.
       */
      readonly directory: ByteString;
      readonly name: ByteString;
      /** Modification time in milliseconds when the tree was read; a change before the content is read is an error. */
      readonly mtimeMs: number;
    };

/** What a member is. Hard links are dereferenced before there is an entry; sockets have no entry. */
export type EntryBody =
  | { readonly type: 'file'; readonly sizeBytes: number; readonly source: FileSource }
  | { readonly type: 'directory' }
  | { readonly type: 'symlink'; readonly linkname: ByteString }
  | { readonly type: 'fifo' }
  | { readonly type: 'character-device' | 'block-device'; readonly devMajor: number; readonly devMinor: number };

/** The attributes of a member that are not its name and not its body. */
export interface EntryAttributes {
  /** Permission bits, in [0, 0o7777]. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Owner's name; empty where only the number is known. */
  readonly uname: ByteString;
  readonly gname: ByteString;
  /** Whole seconds since 1970-01-01T00:00:00Z. */
  readonly mtimeSeconds: number;
}

/** One member of an archive, in the form that every format is encoded from. */
export interface ArchiveEntry extends EntryAttributes {
  /** Member name as it stands in the archive, without the slash that ends a directory's. */
  readonly path: ByteString;
  /** Name before a transformation, of which GNU tar makes the name of a member's pax header; by default `path`. */
  readonly originalPath?: ByteString;
  readonly body: EntryBody;
}
