import { type ByteString, displayName, encodeUtf8, fromFsPath, joinPath } from '../bytes/index.js';
import { createBlockCompressor } from '../compress/index.js';
import { type Digest, loadHashEngine } from '../digest/index.js';
import {
  type ArchiveEntry,
  applyModeChanges,
  compileExclude,
  type NameMatcher,
  type Owner,
  parseModeChanges,
  parseOwner,
} from '../entry/index.js';
import { CompressedBlob, packEntries } from '../layer/index.js';
import { parseTime } from '../oci/index.js';
import { TAR_FORMATS, type TarOptions } from '../tar/index.js';
import { archiveTarget, writeSequentially } from '../transport/index.js';
import { type NameTransform, parseSedExpression, throwIfUnreadable, type UnreadablePath, walk } from '../tree/index.js';
import { BuildError } from './build-error.js';
import { compressionOf } from './compression.js';
import { safeMemberName } from './member-names.js';
import type { BuildContext } from './spec.js';

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

export interface CreatedTar {
  /** Of the output as it is stored, compressed or not. */
  readonly sha256: Digest;
  readonly sizeBytes: number;
  readonly members: number;
  readonly output: string;
  readonly warnings: readonly string[];
}

const MAX_BLOCKING_FACTOR = 65_536;

/**
 * Writes an archive, byte for byte as GNU tar 1.34 does with
 * `--sort=name --mtime=@1 --owner=root:0 --group=root:0 --hard-dereference` in the same format.
 *
 * @throws {TarsealError} with a stable code; nothing partial is left behind, and a target that was there is untouched
 */
export async function createTar(spec: TarSpec, context: BuildContext = {}): Promise<CreatedTar> {
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    context.onWarning?.(message);
  };
  const tar = tarOptionsOf(spec);
  const blockingFactor = spec.blockingFactor ?? 20;
  if (!Number.isInteger(blockingFactor) || blockingFactor < 1 || blockingFactor > MAX_BLOCKING_FACTOR) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --blocking-factor ${blockingFactor}: it must be an integer from 1 to ${MAX_BLOCKING_FACTOR}`,
    );
  }
  const target = archiveTarget(outputPath(spec.output, context.cwd));
  if (target.kind === 'directory') throw new BuildError('SPEC_INVALID', 'Cannot write an archive to a directory');
  const compression = await compressionOf(spec.compression, spec.codec);

  const entries = collectMembers(spec, context, target.identity === undefined ? [] : [target.identity], warn);
  const engine = await loadHashEngine(spec.hashEngine ?? 'auto');
  const options = { tar, recordSizeBytes: blockingFactor * 512, signal: context.signal };
  const written = await writeSequentially(target, context.signal, async (sink) => {
    if (compression !== undefined) {
      const blob = new CompressedBlob(createBlockCompressor(compression.codec, compression.level), sink, engine);
      const { members } = await packEntries(entries, (chunk) => blob.push(chunk), options);
      const { digest, sizeBytes } = await blob.finish();
      return { sha256: digest, sizeBytes, members };
    }
    const hash = engine.createSha256();
    const { members, sizeBytes } = await packEntries(
      entries,
      (chunk) => {
        hash.update(chunk);
        return sink(chunk);
      },
      options,
    );
    return { sha256: hash.digest(), sizeBytes, members };
  });
  return { ...written, output: spec.output, warnings };
}

function tarOptionsOf(spec: TarSpec): TarOptions {
  const format = spec.format ?? 'ustar';
  if (!TAR_FORMATS.includes(format)) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use --format "${String(format)}": it must be one of ${TAR_FORMATS.join(', ')}`,
    );
  }
  if (spec.strict && format !== 'ustar')
    throw new BuildError(
      'SPEC_CONFLICT',
      `Cannot write: --strict is for the ustar format, and the format is ${format}`,
    );
  return { format, strict: spec.strict ?? false, numericOwner: spec.numericOwner ?? false };
}

function outputPath(output: string, cwd: string | undefined): ByteString {
  return output === '-' ? encodeUtf8(output) : absolute(encodeUtf8(output), cwd);
}

/** A path under a directory, without any change to the path itself: GNU tar takes names as they are. */
function absolute(path: ByteString, directory: string | undefined): ByteString {
  if (path.startsWith('/')) return path;
  if (directory === undefined) {
    throw new BuildError(
      'SPEC_INVALID',
      `Cannot use the path "${displayName(path)}": it must be absolute where no working directory is given`,
    );
  }
  return joinPath(encodeUtf8(directory), path);
}

interface MemberRules {
  readonly excludes: readonly NameMatcher[];
  readonly transform: NameTransform;
  readonly owner: Owner;
  readonly group: Owner;
  readonly mtimeSeconds: number;
}

function collectMembers(
  spec: TarSpec,
  context: BuildContext,
  outputs: NonNullable<Parameters<typeof walk>[3]['outputs']>,
  warn: (message: string) => void,
): ArchiveEntry[] {
  const rules: MemberRules = {
    excludes: (spec.exclude ?? [])
      .map((exclude) => (typeof exclude === 'string' ? { pattern: exclude, contents: true } : exclude))
      .map(({ pattern, contents }) => compileExclude(encodeUtf8(pattern), contents)),
    transform: parseSedExpression(...(spec.transform ?? []).map((expression) => encodeUtf8(expression))),
    owner: parseOwner(encodeUtf8(spec.owner ?? 'root:0'), 'owner'),
    group: parseOwner(encodeUtf8(spec.group ?? 'root:0'), 'group'),
    mtimeSeconds: parseTime(spec.mtime ?? '@1'),
  };
  const modeChanges = spec.mode === undefined ? undefined : parseModeChanges(spec.mode);
  if (spec.sort === 'none')
    warn("with --sort=none the order of members is the file system's, and differs from one machine to another");

  const entries: ArchiveEntry[] = [];
  const unreadable: UnreadablePath[] = [];
  const removedPrefixes = new Set<string>();
  const excluded = (name: ByteString): boolean => rules.excludes.some((matches) => matches(name));
  for (const { name: given, directory, recursive = true } of spec.members) {
    const name = withoutTrailingSlashes(fromFsPath(given));
    if (name === '')
      throw new BuildError('SPEC_INVALID', 'Cannot archive a member without a name: it must have at least one byte');
    if (excluded(name)) continue;
    walk(
      absolute(name, directory ?? context.cwd),
      name,
      (found, { body, mode }) => {
        const safe = spec.absoluteNames ? { name: found, removed: '' } : safeMemberName(found);
        if (safe.removed !== '' && !removedPrefixes.has(safe.removed)) {
          removedPrefixes.add(safe.removed);
          warn(`removing leading "${displayName(safe.removed as ByteString)}" from member names`);
        }
        const path = rules.transform.apply(safe.name, 'regular');
        const isDirectory = body.type === 'directory';
        entries.push({
          // GNU tar writes a directory that is renamed to nothing as `/`.
          path: path === '' && isDirectory ? ('/' as ByteString) : path,
          body:
            body.type === 'symlink'
              ? {
                  ...body,
                  linkname: rules.transform.apply(body.linkname, 'symlink'),
                }
              : body,
          mode: modeChanges === undefined ? mode : applyModeChanges(modeChanges, mode, isDirectory),
          uid: rules.owner.id,
          gid: rules.group.id,
          uname: rules.owner.name,
          gname: rules.group.name,
          mtimeSeconds: rules.mtimeSeconds,
        });
      },
      {
        recursive,
        order: spec.sort === 'none' ? 'asListed' : 'byName',
        outputs,
        unreadable,
        onWarning: warn,
        select: (found) => !excluded(found),
      },
    );
  }
  throwIfUnreadable(unreadable);
  return entries;
}

function withoutTrailingSlashes(name: ByteString): ByteString {
  return (name.replace(/\/+$/, '') || (name.startsWith('/') ? '/' : '')) as ByteString;
}
