import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type RawHeader, rawArchive, rawMember } from '../support/raw-tar.js';
import { scratchDirectory } from '../support/scratch.js';

const OCI = 'application/vnd.oci.image';
export const TYPES = {
  index: `${OCI}.index.v1+json`,
  manifest: `${OCI}.manifest.v1+json`,
  config: `${OCI}.config.v1+json`,
  tar: `${OCI}.layer.v1.tar`,
  gzip: `${OCI}.layer.v1.tar+gzip`,
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Files of a layout or an archive by name, in their order. */
export type Files = Map<string, Buffer>;

// biome-ignore lint/suspicious/noExplicitAny: documents that are made to be wrong
export type Json = any;

/** A layer tar of these members: a name alone is an empty file, or a directory where it ends in a slash. */
export function layerTar(...members: readonly (string | RawHeader)[]): Buffer {
  return rawArchive(
    ...members.map((member) => {
      const header = typeof member === 'string' ? { name: member } : member;
      return rawMember({ typeflag: header.name?.endsWith('/') ? '5' : '0', ...header });
    }),
  );
}

/** Every place at which an image may be made wrong: each is given what is right, and returns what is to stand there. */
export interface Changes {
  readonly config?: (config: Json) => Json;
  readonly manifest?: (manifest: Json) => Json;
  readonly index?: (index: Json) => Json;
}

const same = (json: Json): Json => json;

/** The config of layers, whose diffIDs are those of what they decompress to. */
export function configOf(layers: readonly Buffer[]): Json {
  return {
    architecture: 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(plainOf(layer))) },
    history: layers.map((_, index) => ({ created: '2026-01-02T03:04:05Z', created_by: `layer ${index}` })),
  };
}

function plainOf(layer: Buffer): Buffer {
  try {
    return layer[0] === 0x1f ? gunzipSync(layer) : layer;
  } catch {
    return layer;
  }
}

/** Puts a blob among files. @returns its descriptor */
export function addBlob(files: Files, content: Buffer | Json, mediaType: string, more: object = {}): Json {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  files.set(`blobs/sha256/${digestOf(bytes).slice(7)}`, bytes);
  return { mediaType, digest: digestOf(bytes), size: bytes.length, ...more };
}

/** Puts an image's blobs among files. @returns the descriptor of its manifest */
export function addImage(files: Files, layers: readonly Buffer[], changes: Changes = {}, more: object = {}): Json {
  const { config = same, manifest = same } = changes;
  const descriptors = layers.map((layer) => addBlob(files, layer, layer[0] === 0x1f ? TYPES.gzip : TYPES.tar));
  const configDescriptor = addBlob(files, config(configOf(layers)), TYPES.config);
  const document = { schemaVersion: 2, mediaType: TYPES.manifest, config: configDescriptor, layers: descriptors };
  return addBlob(files, manifest(document), TYPES.manifest, more);
}

/** The files of an OCI layout that lists these manifests. */
export function addIndex(files: Files, manifests: readonly Json[], change: (index: Json) => Json = same): Files {
  files.set('index.json', Buffer.from(JSON.stringify(change({ schemaVersion: 2, manifests }))));
  files.set('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  return files;
}

export function ociFiles(layers: readonly Buffer[], changes: Changes = {}): Files {
  const files: Files = new Map();
  return addIndex(files, [addImage(files, layers, changes)], changes.index);
}

/** The files of a docker-archive as docker saved them until version 24. */
export function dockerFiles(layers: readonly Buffer[], changes: Changes = {}): Files {
  const { config = same, manifest = same } = changes;
  const files: Files = new Map();
  const layerPaths = layers.map((layer, index) => {
    const path = `${digestOf(`${index}`).slice(7)}/layer.tar`;
    files.set(path, layer);
    return path;
  });
  const bytes = Buffer.from(JSON.stringify(config(configOf(layers))));
  const configPath = `${digestOf(bytes).slice(7)}.json`;
  files.set(configPath, bytes);
  const document = manifest([{ Config: configPath, RepoTags: ['made:1'], Layers: layerPaths }]);
  files.set('manifest.json', Buffer.from(JSON.stringify(document)));
  return files;
}

export function archiveOf(files: Files): Buffer {
  return rawArchive(...Array.from(files, ([name, bytes]) => rawMember({ name }, bytes)));
}

/** Two layers of which the second is compressed. */
export const A: Buffer = layerTar('bin/', 'bin/a', { name: 'link', typeflag: '2', linkname: 'bin' });
export const B: Buffer = gzipSync(layerTar('etc/', 'etc/b'));

/** Writes bytes to a new file. @returns its path */
export function fileOf(bytes: Uint8Array): string {
  const path = join(scratchDirectory(), 'image');
  writeFileSync(path, bytes);
  return path;
}

/** Writes files into a new directory. @returns its path */
export function directoryOf(files: Files): string {
  const path = join(scratchDirectory(), 'layout');
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), bytes);
  }
  return path;
}

/** The ways in which the same files can be given. */
export const CONTAINERS: readonly (readonly [name: string, write: (files: Files) => string])[] = [
  ['an archive', (files) => fileOf(archiveOf(files))],
  ['an archive within gzip', (files) => fileOf(gzipSync(archiveOf(files)))],
  ['a directory', directoryOf],
];
