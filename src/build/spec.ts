/**
 * What to build: the options of `tarseal build` under their long names in camelCase, repeatable ones as arrays. The
 * same object is read from a spec file, made from a command line, or given to `buildImage`.
 *
 * Texts have the grammar of the command line (`OLD=NEW`, `@SECONDS`, `0755`, …); the JSON schema in the package says
 * the same. Relative paths are resolved against the spec file's directory, or the caller's `cwd`.
 */
export interface BuildSpec {
  /** Store items, files or directories, placed at their absolute location. Each is an item that can have its own layer. */
  readonly paths?: readonly string[];
  /** `SRC=DEST`, or the two as an object: what is below DEST in the image, `/nix/store` say, lies below SRC here. */
  readonly store?: string | AddedSource;
  /** `SRC=DEST`, or the two as an object: a file or directory placed at DEST. */
  readonly add?: readonly (string | AddedSource)[];
  /** A directory whose children are placed at the root of the image. */
  readonly root?: string;
  /** Directories whose union is laid at the root of the image as symlinks to them; they are items as `paths` are. */
  readonly contents?: readonly string[];
  /** `UID:GID` of everything that is no item and has no owner of its own; by default that of every member. */
  readonly contentsOwner?: string;
  /** Names of lists of directives, e.g. `tmp` or `tmp,passwd`. */
  readonly preset?: readonly string[];
  /** `NEW=OLD`: a symlink NEW to OLD. */
  readonly symlink?: readonly string[];
  /** `NAME[:MODE[:UID:GID]]`: an empty directory. */
  readonly directory?: readonly string[];
  /** Texts to be files, by their path in the image; the mode is octal text, by default `0644`. */
  readonly files?: Readonly<Record<string, { readonly content: string; readonly mode?: string }>>;
  /** `OLD=NEW`: names that begin with OLD begin with NEW. */
  readonly transform?: readonly string[];
  /** Globs of image paths to leave out. */
  readonly exclude?: readonly string[];
  /** `GLOB=UID:GID`; the last match wins. */
  readonly chown?: readonly string[];
  /** `GLOB=MODE`, octal; the last match wins. */
  readonly chmod?: readonly string[];
  /** Changes as chmod(1) takes them, for all members but symlinks, before `chmod`. */
  readonly mode?: string;
  /** `NAME:ID`; by default `root:0`. */
  readonly owner?: string;
  readonly group?: string;
  /** Time of every member: `@SECONDS` or ISO 8601; by default `@1`. */
  readonly mtime?: string;
  /** Guix store database of the image. */
  readonly database?: string;
  /** The profile; by default the last of `paths`. */
  readonly prefix?: string;

  /** `NAME[:TAG]`; by default made from the first path. */
  readonly tag?: readonly string[];
  readonly entrypoint?: string | readonly string[];
  readonly cmd?: string | readonly string[];
  readonly env?: readonly string[];
  readonly label?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly expose?: readonly string[];
  readonly volume?: readonly string[];
  readonly stopSignal?: string;
  /** A JSON file, or its object, that is laid under the options above. */
  readonly config?: string | Readonly<Record<string, unknown>>;
  /** `OS/ARCH[/VARIANT]`; by default `linux/amd64`. */
  readonly platform?: string;
  /** A system such as `aarch64-linux`, rather than `platform`. */
  readonly system?: string;
  /** Time of the image, never of a layer: `@SECONDS` or ISO 8601; by default `@1`. */
  readonly created?: string;
  /** `K=V` on the manifest. */
  readonly annotation?: readonly string[];

  /**
   * A docker-archive, an OCI archive or an OCI layout that the image is built on; `PATH:REFERENCE`, or the two as an
   * object, picks one of several.
   */
  readonly from?: string | BaseSource;

  readonly layers?: 'single' | 'size' | 'popularity';
  /** 2 to 125, the layers of the base included. */
  readonly maxLayers?: number;
  /** A file with the references of a store's items: the image holds the closure of the paths and the config. */
  readonly graph?: string;
  /** A store directory among whose items references are found by scanning, rather than `graph`. */
  readonly scan?: string;
  readonly dialect?: 'native' | 'guix' | 'nix';
  readonly tarFormat?: 'ustar' | 'gnu' | 'posix';
  readonly strict?: boolean;

  /** A file, `-` for standard output, or a directory for `oci-layout`. */
  readonly output?: string;
  readonly format?: 'docker-archive' | 'oci-archive' | 'oci-layout';
  /** `none` or `gzip[:LEVEL]`. */
  readonly layerCompression?: string;
  /** Of the whole archive: `none` or `gzip[:LEVEL]`. */
  readonly compression?: string;
  readonly codec?: string;
  /** The most threads; by default the context's `jobs`. Never changes a byte. */
  readonly jobs?: number;
  /** Never changes a byte. */
  readonly hashEngine?: 'auto' | 'wasm' | 'native';
}

/** A file or directory of this machine and its place in the image. */
export interface BaseSource {
  readonly path: string;
  /** A tag or a reference. */
  readonly reference?: string;
}

export interface AddedSource {
  readonly source: string;
  readonly destination: string;
}

/** What a build takes from its surroundings. Nothing here reaches a byte of the image. */
export interface BuildContext {
  /** Base of relative paths, absolute itself; without it they are refused. */
  readonly cwd?: string;
  /** Takes the archive, chunk by chunk, each lent until the call is done; `output` is then not written. */
  readonly sink?: (bytes: Uint8Array) => void | Promise<void>;
  /** A file that is no member, as an output is none. */
  readonly notMember?: string;
  /** Where compressed layers wait while the output is a stream. */
  readonly temporaryDirectory?: string;
  /** What `created: 'now'` means, in seconds since 1970: a library reads no clock. */
  readonly nowSeconds?: number;
  /** Told once, when everything before contents is done: until then there is nothing that an abort would clean up. */
  readonly onReady?: () => void;
  /** The most threads where the specification says nothing; by default 1: a library starts none unasked. */
  readonly jobs?: number;
  /** Aborts the build, which then leaves nothing behind. */
  readonly signal?: AbortSignal;
  readonly onWarning?: (message: string) => void;
  /**
   * Told how many of how many bytes of the layers are sealed; the total is `Infinity` where sizes are found as files are
   * packed.
   */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}
