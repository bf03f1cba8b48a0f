import { BLOCK_SIZE, type ByteString, blockPadding, RECORD_SIZE } from '../bytes/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import type { SealedLayer } from '../layer/index.js';
import { encodeMember, planMember, type TarOptions } from '../tar/index.js';

/** One member of an image's archive, or one file of its directory. */
export interface ImageMember {
  readonly name: ByteString;
  readonly body:
    | { readonly type: 'layer'; readonly index: number }
    | { readonly type: 'file'; readonly bytes: Uint8Array }
    | { readonly type: 'directory' };
}

/**
 * The members of an image in their order, made from its sealed layers.
 *
 * Names and JSON carry digests, which are known last. So a layout must give members of the same number, kind and
 * length of name for any digests, and before a layer nothing whose length depends on the compressed size of another.
 */
export interface ImageLayout {
  readonly tar: TarOptions;
  members(layers: readonly SealedLayer[]): readonly ImageMember[];
}

/** Bytes after which the outer archive is padded: GNU tar's records. */
export const OUTER_RECORD_SIZE: number = RECORD_SIZE;

/**
 * A layer up to this size has a header of one block whatever compression makes of it (ustar's limit less what stored
 * deflate blocks and gzip members add, about 0.01 %).
 */
export const SURE_OF_ONE_BLOCK = 8_580_000_000;

/** The header blocks of a member of the outer archive: mode 0644 (directories 0755), time 1, root:root. */
export function outerHeader(name: ByteString, body: 'directory' | number, tar: TarOptions): Uint8Array {
  const entry: ArchiveEntry = {
    path: name,
    body:
      body === 'directory'
        ? { type: 'directory' }
        : { type: 'file', sizeBytes: body, source: { from: 'memory', bytes: NOTHING } },
    mode: body === 'directory' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    uname: ROOT,
    gname: ROOT,
    mtimeSeconds: 1,
  };
  const plan = planMember(entry, tar);
  const header = new Uint8Array(plan.headerSizeBytes);
  encodeMember(plan, header, 0);
  return header;
}

const ROOT = 'root' as ByteString;
const NOTHING = new Uint8Array(0);
const ZEROS = new Uint8Array(BLOCK_SIZE);

/** The zero bytes between the end of a body and the next header. */
export function paddingAfter(sizeBytes: number): Uint8Array {
  return ZEROS.subarray(0, blockPadding(sizeBytes));
}

/** What stands for a layer that is not sealed yet, where only lengths matter. */
export const UNSEALED_LAYER: SealedLayer = {
  diffId: `sha256:${'0'.repeat(64)}` as SealedLayer['digest'],
  tarSizeBytes: 0,
  digest: `sha256:${'0'.repeat(64)}` as SealedLayer['digest'],
  sizeBytes: 0,
  members: 0,
};
