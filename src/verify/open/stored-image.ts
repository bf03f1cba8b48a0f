import type { ByteString } from '../../bytes/index.js';
import type { Digest } from '../../digest/index.js';
import type {
  ForeignDescriptor,
  ForeignDockerManifestEntry,
  ForeignImageConfig,
  ForeignManifest,
} from '../../oci/index.js';
import type { MemberPlace, StoredFile } from '../../transport/index.js';

/** The files of an image, whether they are in a directory or in an archive. */
export interface StoredFiles {
  /** Whether they are those of an OCI layout in a directory. */
  readonly isDirectory: boolean;
  /** The archive without gzip; `undefined` of a directory. */
  readonly archive: StoredFile | undefined;
  /** Of the archive, as far as it can be read; 0 of a directory. */
  readonly members: number;
  /** Whether the archive was within gzip. */
  readonly isGzip: boolean;
  /**
   * @param name as messages and manifests have it; in a directory one that holds no name from the image but digests
   * @returns `undefined` where there is none that can be read, of which the reason was reported; the caller closes it
   */
  get(name: string): StoredFile | undefined;
  /** Every file: its name, and in an archive each place where it stands (a link has none). */
  entries(): Iterable<readonly [name: string, places: readonly MemberPlace[]]>;
  close(): void;
}

/** A JSON document as it is stored. */
export interface StoredDocument {
  /** Where it stands: `index.json`, `blobs/sha256/HEX`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Of the bytes as they are. */
  readonly digest: Digest;
  /** What they say; `undefined` where that is no JSON. */
  readonly json: unknown;
}

/** A layer as the documents of an image describe it: nothing of it has been read. */
export interface StoredLayer {
  /** From 0, the lowest first. */
  readonly index: number;
  /** Where its blob stands; equal paths are one blob. */
  readonly path: string;
  /** Of the manifest; `undefined` where none says it. */
  readonly descriptor: ForeignDescriptor | undefined;
  /** Of the config. */
  readonly diffId: Digest | undefined;
  /** The blob as it is stored, perhaps compressed; `undefined` where it is not there. The caller closes it. */
  open(): StoredFile | undefined;
}

/** One of the images that a file or a directory holds, as far as its documents could be read. */
export interface StoredImage {
  /** Names and tags by which it can be chosen, as they stand there. */
  readonly names: ReadonlySet<string>;
  /** By OCI's index: its descriptors (one for each name) and its manifest. */
  readonly oci:
    | {
        readonly descriptors: readonly ForeignDescriptor[];
        readonly manifest: StoredDocument | undefined;
        /** The manifest, where it is one. */
        readonly content: ForeignManifest | undefined;
      }
    | undefined;
  /** By docker's `manifest.json`: each entry of this config and these layers. */
  readonly docker: readonly ForeignDockerManifestEntry[];
  readonly config: StoredDocument | undefined;
  /** The config, where it is one. */
  readonly content: ForeignImageConfig | undefined;
  readonly layers: readonly StoredLayer[];
}

/** What a stored image is: an archive may be both of the first two. */
export type ImageFormat = 'docker-archive' | 'oci-archive' | 'oci-layout' | 'tar';

/** A file or a directory that was opened, of which documents were read and nothing else. */
export interface OpenedImage {
  /** `tar` for a bare layer or any other archive that holds no image; none for what is no archive. */
  readonly formats: readonly ImageFormat[];
  /** Of the file as it was given, in bytes; `undefined` of a directory. */
  readonly sizeBytes: number | undefined;
  readonly files: StoredFiles;
  /** Documents at the root: `oci-layout`, `index.json`, `manifest.json`, `repositories`, as far as they are there. */
  readonly documents: readonly StoredDocument[];
  /** Paths of all documents and layers that something refers to. */
  readonly referenced: ReadonlySet<string>;
  /** Whether a reference was asked for. */
  readonly isNamed: boolean;
  /** All of them, or that of the reference which was asked for. */
  readonly images: readonly StoredImage[];
  /** Closes files and removes what was decompressed. */
  close(): void;
}

/** A path on this machine, or bytes from anywhere, which are stored in a file before they are read. */
export type ImageInput = ByteString | AsyncIterable<Uint8Array>;
