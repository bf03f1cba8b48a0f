/** One name to archive, as on GNU tar's command line. */
export interface TarMember {
  /** Path, relative to `directory`; bytes where it is not UTF-8. It is also the member's name. */
  readonly name: string | Uint8Array;
  /** Absolute directory that a relative name is relative to (`-C`); by default the context's `cwd`. */
  readonly directory?: string;
  /** Whether what is below a directory follows it; default true. */
  readonly recursive?: boolean;
}

export interface ExcludePattern {
  readonly pattern: string;
  /** Whether what is below a directory that matches is left out too; by default it is. GNU tar: not after `--no-recursion`. */
  readonly contents: boolean;
}

/** What to archive: the options of `tarseal tar`, with GNU tar's meaning. The defaults are the deterministic ones. */
export interface TarSpec {
  readonly members: readonly TarMember[];
  /** A file, or `-` for standard output. */
  readonly output: string;
  readonly format?: 'ustar' | 'gnu' | 'posix';
  /** Refuse what plain ustar cannot represent. */
  readonly strict?: boolean;
  /** `name` by default; `none` takes the file system's own order, which differs from one machine to another. */
  readonly sort?: 'name' | 'none';
  /** `@SECONDS` or ISO 8601; by default `@1`. */
  readonly mtime?: string;
  /** `NAME:ID`; by default `root:0`. */
  readonly owner?: string;
  readonly group?: string;
  readonly numericOwner?: boolean;
  /** Changes as chmod(1) takes them, for every member; without `u`, `g`, `o` or `a` as under umask 0. */
  readonly mode?: string;
  /** GNU tar's `--transform` expressions, in turn. */
  readonly transform?: readonly string[];
  /** GNU tar's `--exclude` patterns. */
  readonly exclude?: readonly (string | ExcludePattern)[];
  /** Keep leading slashes and `..` in member names. */
  readonly absoluteNames?: boolean;
  /** Blocks of 512 bytes in a record, of which the archive is a whole number; default 20. */
  readonly blockingFactor?: number;
  /** `none` or `gzip[:LEVEL]`. */
  readonly compression?: string;
  readonly codec?: string;
  readonly hashEngine?: 'auto' | 'wasm' | 'native';
}
