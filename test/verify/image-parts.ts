import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { rawArchive, rawMember } from '../support/raw-tar.js';

/** The files of an image by name, in their order; nothing of it comes from tarseal. */
export type ImageParts = Map<string, Buffer>;

/** A layer to be put into an image: its tar, and how it is stored. */
export interface LayerPart {
  readonly tar: Buffer;
  /** By default as it is. */
  readonly stored?: Buffer;
  readonly mediaType?: string;
  /** In the config; by default that of `tar`. */
  readonly diffId?: string;
}

/** What of an image is other than it should be; documents are changed before their digests are taken. */
export interface PartsOptions {
  readonly layers?: readonly LayerPart[];
  readonly config?: (config: Record<string, unknown>) => unknown;
  readonly manifest?: (manifest: Record<string, unknown>) => unknown;
  readonly index?: (index: Record<string, unknown>) => unknown;
  readonly docker?: (entries: Record<string, unknown>[]) => unknown;
  /** Default `part:1`. */
  readonly tag?: string;
}

const OCI = 'application/vnd.oci.image.';

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A layer of one file, without tarseal. */
export function smallLayer(name = 'hello', content = 'hello\n'): LayerPart {
  return { tar: layerTar(rawMember({ name, uname: 'root', gname: 'root' }, content)) };
}

/** An archive of members, padded as most programs do. */
export function layerTar(...members: readonly Uint8Array[]): Buffer {
  const archive = rawArchive(...members);
  return Buffer.concat([archive, Buffer.alloc((10_240 - (archive.length % 10_240)) % 10_240)]);
}

/** A layer within gzip as `gzip -n` makes it, but for the operating system, which is unknown. */
export function gzipLayer({ tar }: LayerPart): LayerPart {
  const stored = gzipSync(tar, { level: 6 });
  stored[9] = 255;
  return { tar, stored, mediaType: `${OCI}layer.v1.tar+gzip` };
}

/** Makes an image that is an OCI archive and a docker-archive, with what is wrong with it. */
export function imageParts(options: PartsOptions = {}): ImageParts {
  const { layers = [smallLayer()], tag = 'part:1' } = options;
  const parts: ImageParts = new Map();
  const blob = (bytes: Buffer, mediaType: string): Record<string, unknown> => {
    const digest = digestOf(bytes);
    parts.set(pathOf(digest), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const same = (value: unknown): unknown => value;
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

  const stored = layers.map(({ tar, stored: bytes = tar, mediaType = `${OCI}layer.v1.tar` }) => blob(bytes, mediaType));
  const config = blob(
    json(
      (options.config ?? same)({
        architecture: 'amd64',
        config: {},
        created: '1970-01-01T00:00:01Z',
        history: layers.map(() => ({ created: '1970-01-01T00:00:01Z', created_by: 'test' })),
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: layers.map(({ tar, diffId = digestOf(tar) }) => diffId) },
      }),
    ),
    `${OCI}config.v1+json`,
  );
  const manifest = blob(
    json((options.manifest ?? same)({ schemaVersion: 2, mediaType: `${OCI}manifest.v1+json`, config, layers: stored })),
    `${OCI}manifest.v1+json`,
  );
  const annotations = {
    'io.containerd.image.name': `docker.io/library/${tag}`,
    'org.opencontainers.image.ref.name': tag.slice(tag.indexOf(':') + 1),
  };
  parts.set(
    'index.json',
    json(
      (options.index ?? same)({
        schemaVersion: 2,
        mediaType: `${OCI}index.v1+json`,
        manifests: [{ ...manifest, annotations, platform: { architecture: 'amd64', os: 'linux' } }],
      }),
    ),
  );
  parts.set(
    'manifest.json',
    json(
      (options.docker ?? same)([
        {
          Config: pathOf(config['digest'] as string),
          RepoTags: [tag],
          Layers: stored.map(({ digest }) => pathOf(digest as string)),
        },
      ]),
    ),
  );
  parts.set('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  return parts;
}

export function pathOf(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** Packs an image. @param more members at the end, as they are */
export function packParts(parts: ImageParts, ...more: readonly Uint8Array[]): Buffer {
  const members = Array.from(parts, ([name, bytes]) => rawMember({ name, uname: 'root', gname: 'root' }, bytes));
  return layerTar(...members, ...more);
}

/** The files of an archive of plain ustar, by their places in it. */
export function partsOf(archive: Buffer): Map<string, { readonly offset: number; readonly bytes: Buffer }> {
  const parts = new Map<string, { offset: number; bytes: Buffer }>();
  for (let at = 0; archive[at] !== 0; ) {
    const name = archive.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135), 8);
    parts.set(name, { offset: at + 512, bytes: archive.subarray(at + 512, at + 512 + size) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return parts;
}
