import { type Digest, parseDigest } from '../digest/index.js';
import { type ContainerConfig, readForeignContainerConfig } from './container-config.js';
import type { HistoryEntry } from './documents.js';
import { MEDIA_TYPES } from './media-types.js';
import { OciError } from './oci-error.js';
import type { Platform } from './platform.js';
import { hasLoneSurrogate, shown } from './text.js';

/** A descriptor as another program wrote it. */
export interface ForeignDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** A safe integer from 0. */
  readonly size: number;
  readonly platform: Platform | undefined;
  readonly annotations: ReadonlyMap<string, string>;
}

export interface ForeignManifest {
  readonly config: ForeignDescriptor;
  readonly layers: readonly ForeignDescriptor[];
}

export interface ForeignImageConfig {
  readonly platform: Platform;
  readonly config: ContainerConfig;
  /** Digests of the uncompressed layers, the lowest first. */
  readonly diffIds: readonly Digest[];
  /** As it stands there, unknown keys and nulls apart. */
  readonly history: readonly HistoryEntry[];
}

/** One image of docker's `manifest.json`; its paths are names of members, and no more than that. */
export interface ForeignDockerManifestEntry {
  readonly configPath: string;
  readonly repoTags: readonly string[];
  readonly layerPaths: readonly string[];
}

/** Media types that mean the same, of the OCI specification and of Docker's image manifest version 2, schema 2. */
const INDEX_TYPES: readonly string[] = [MEDIA_TYPES.index, 'application/vnd.docker.distribution.manifest.list.v2+json'];
const MANIFEST_TYPES: readonly string[] = [
  MEDIA_TYPES.manifest,
  'application/vnd.docker.distribution.manifest.v2+json',
];
const CONFIG_TYPES: readonly string[] = [MEDIA_TYPES.config, 'application/vnd.docker.container.image.v1+json'];
const TAR_LAYER_TYPES: readonly string[] = [MEDIA_TYPES.layerTar, 'application/vnd.docker.image.rootfs.diff.tar'];
const GZIP_LAYER_TYPES: readonly string[] = [
  MEDIA_TYPES.layerTarGzip,
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
];

/** What a media type says that a blob is; `other` for what is not known here. */
export function kindOfMediaType(mediaType: string): 'index' | 'manifest' | 'config' | 'tar' | 'gzip' | 'other' {
  if (INDEX_TYPES.includes(mediaType)) return 'index';
  if (MANIFEST_TYPES.includes(mediaType)) return 'manifest';
  if (CONFIG_TYPES.includes(mediaType)) return 'config';
  if (TAR_LAYER_TYPES.includes(mediaType)) return 'tar';
  return GZIP_LAYER_TYPES.includes(mediaType) ? 'gzip' : 'other';
}

/**
 * Parses a JSON document. Of a key that stands twice the last value counts, as in Go.
 *
 * @param where what a refusal names
 * @throws {OciError} OCI_DOCUMENT_INVALID when it is not UTF-8 or not JSON
 */
export function parseJsonDocument(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new OciError(
      'OCI_DOCUMENT_INVALID',
      `Cannot read ${where}: it must be JSON in UTF-8, and is not (${shown((error as Error).message)})`,
      { where },
      { cause: error },
    );
  }
}

/**
 * Reads the content of the file `oci-layout`.
 *
 * @throws {OciError} OCI_DOCUMENT_INVALID for another version than 1.0.0
 */
export function readForeignLayout(json: unknown, where: string): void {
  const version = objectOf(json, where)['imageLayoutVersion'];
  if (version !== '1.0.0') throw invalid(`${where}.imageLayoutVersion`, '"1.0.0"', version);
}

/**
 * Reads an image index or a manifest list.
 *
 * @throws {OciError} OCI_DOCUMENT_INVALID, OCI_UNSUPPORTED
 */
export function readForeignIndex(json: unknown, where: string): readonly ForeignDescriptor[] {
  return arrayOf(documentOf(json, where, 'index')['manifests'], `${where}.manifests`, readDescriptor);
}

/**
 * Reads an image manifest.
 *
 * @throws {OciError} OCI_DOCUMENT_INVALID, OCI_UNSUPPORTED
 */
export function readForeignManifest(json: unknown, where: string): ForeignManifest {
  const manifest = documentOf(json, where, 'manifest');
  return {
    config: readDescriptor(manifest['config'], `${where}.config`),
    layers: isAbsent(manifest['layers']) ? [] : arrayOf(manifest['layers'], `${where}.layers`, readDescriptor),
  };
}

/**
 * Reads the config of an image.
 *
 * @throws {OciError} OCI_DOCUMENT_INVALID, OCI_UNSUPPORTED, OCI_CONFIG_INVALID
 */
export function readForeignImageConfig(json: unknown, where: string): ForeignImageConfig {
  const { rootfs: rootfsJson, config, history, ...platform } = objectOf(json, where);
  const rootfs = objectOf(rootfsJson, `${where}.rootfs`);
  if (rootfs['type'] !== 'layers') throw invalid(`${where}.rootfs.type`, '"layers"', rootfs['type']);
  return {
    platform: readPlatform(platform, where),
    config: isAbsent(config) ? {} : readForeignContainerConfig(config, `${where}.config`),
    diffIds: isAbsent(rootfs['diff_ids']) ? [] : arrayOf(rootfs['diff_ids'], `${where}.rootfs.diff_ids`, readDigest),
    history: isAbsent(history) ? [] : arrayOf(history, `${where}.history`, readHistoryEntry),
  };
}

/**
 * Reads docker's `manifest.json`.
 *
 * @throws {OciError} OCI_DOCUMENT_INVALID
 */
export function readForeignDockerManifest(json: unknown, where: string): readonly ForeignDockerManifestEntry[] {
  return arrayOf(json, where, (item, place) => {
    const { Config, RepoTags, Layers } = objectOf(item, place);
    return {
      configPath: textOf(Config, `${place}.Config`),
      repoTags: isAbsent(RepoTags) ? [] : arrayOf(RepoTags, `${place}.RepoTags`, textOf),
      layerPaths: isAbsent(Layers) ? [] : arrayOf(Layers, `${place}.Layers`, textOf),
    };
  });
}

function documentOf(json: unknown, where: string, kind: 'index' | 'manifest'): Readonly<Record<string, unknown>> {
  const document = objectOf(json, where);
  const { schemaVersion, mediaType } = document;
  if (schemaVersion !== 2) throw invalid(`${where}.schemaVersion`, '2', schemaVersion);
  // May be absent; another one would let one blob be an index for some readers and a manifest for others.
  if (!isAbsent(mediaType) && (typeof mediaType !== 'string' || kindOfMediaType(mediaType) !== kind)) {
    throw invalid(`${where}.mediaType`, `that of an image ${kind}`, mediaType);
  }
  return document;
}

function readDescriptor(json: unknown, where: string): ForeignDescriptor {
  const { mediaType, digest, size, platform, annotations } = objectOf(json, where);
  if (!Number.isSafeInteger(size) || (size as number) < 0) throw invalid(`${where}.size`, 'an integer from 0', size);
  return {
    mediaType: textOf(mediaType, `${where}.mediaType`),
    digest: readDigest(digest, `${where}.digest`),
    size: size as number,
    platform: isAbsent(platform)
      ? undefined
      : readPlatform(objectOf(platform, `${where}.platform`), `${where}.platform`),
    annotations: new Map(
      Object.entries(isAbsent(annotations) ? {} : objectOf(annotations, `${where}.annotations`)).map(([key, value]) => [
        key,
        textOf(value, `${where}.annotations.${shown(key)}`),
      ]),
    ),
  };
}

function readPlatform(json: Readonly<Record<string, unknown>>, where: string): Platform {
  const { os, architecture, variant } = json;
  const platform = { os: textOf(os, `${where}.os`), architecture: textOf(architecture, `${where}.architecture`) };
  return isAbsent(variant) || variant === '' ? platform : { ...platform, variant: textOf(variant, `${where}.variant`) };
}

function readHistoryEntry(json: unknown, where: string): HistoryEntry {
  const entry = objectOf(json, where);
  const texts = (['created', 'created_by', 'author', 'comment'] as const).flatMap((key) =>
    isAbsent(entry[key]) ? [] : [[key, textOf(entry[key], `${where}.${key}`)]],
  );
  const { empty_layer: emptyLayer } = entry;
  if (!isAbsent(emptyLayer) && typeof emptyLayer !== 'boolean') {
    throw invalid(`${where}.empty_layer`, 'true or false', emptyLayer);
  }
  return { ...Object.fromEntries(texts), ...(typeof emptyLayer === 'boolean' ? { empty_layer: emptyLayer } : {}) };
}

function readDigest(json: unknown, where: string): Digest {
  const text = textOf(json, where);
  const algorithm = text.slice(0, text.indexOf(':') + 1);
  if (algorithm !== 'sha256:' && /^[a-z0-9+._-]{1,32}:$/.test(algorithm)) {
    throw new OciError(
      'OCI_UNSUPPORTED',
      `Cannot read ${where}: only sha256 digests are supported, and it is "${shown(text)}"`,
      { where, value: text },
    );
  }
  try {
    return parseDigest(text);
  } catch (error) {
    throw invalid(where, '"sha256:" and 64 lower-case hexadecimal digits', text, error);
  }
}

/** In Go's JSON a null is what is not there. */
function isAbsent(json: unknown): json is undefined | null {
  return json === undefined || json === null;
}

function objectOf(json: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalid(where, 'an object', json);
  return json as Readonly<Record<string, unknown>>;
}

function arrayOf<T>(json: unknown, where: string, read: (item: unknown, where: string) => T): T[] {
  if (!Array.isArray(json)) throw invalid(where, 'an array', json);
  return Array.from(json, (item: unknown, index) => read(item, `${where}[${index}]`));
}

function textOf(json: unknown, where: string): string {
  if (typeof json !== 'string') throw invalid(where, 'a string', json);
  if (hasLoneSurrogate(json)) throw invalid(where, 'a string without lone surrogates', json);
  return json;
}

function invalid(where: string, expected: string, json: unknown, cause?: unknown): OciError {
  // Only what is short is shown: a document may be as deep as it is long.
  const value = typeof json === 'object' && json !== null ? 'another value' : shown(JSON.stringify(json) ?? 'absent');
  return new OciError(
    'OCI_DOCUMENT_INVALID',
    `Cannot read ${where}: it must be ${expected}, and is ${value}`,
    { where },
    { cause },
  );
}
