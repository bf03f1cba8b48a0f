import { displayText, encodeUtf8 } from '../../bytes/index.js';
import { type ForeignDockerManifestEntry, readForeignDockerManifest, readForeignImageConfig } from '../../oci/index.js';
import { digestOfPath, resolveName } from '../../transport/index.js';
import { attempt, type DocumentReader } from './document-reader.js';
import type { StoredDocument, StoredImage } from './stored-image.js';

/** The images of docker's `manifest.json`, whose names are looked up in the archive and nowhere else. */
export function dockerImages(manifest: StoredDocument, reader: DocumentReader): StoredImage[] {
  const { report } = reader;
  if (manifest.json === undefined) return [];
  const entries =
    attempt(report, 'DOCUMENT_INVALID', () => readForeignDockerManifest(manifest.json, manifest.path)) ?? [];
  if (entries.length === 0) report('INDEX_EMPTY', 'manifest.json must list an image, and lists none');
  const groups = new Map<string, ForeignDockerManifestEntry[]>();
  for (const entry of entries) {
    const key = JSON.stringify([entry.configPath, entry.layerPaths]);
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups.values()].map((docker) => dockerImage(docker, reader));
}

function dockerImage(docker: readonly ForeignDockerManifestEntry[], reader: DocumentReader): StoredImage {
  const { report, files } = reader;
  const { configPath, layerPaths } = docker[0]!;
  const config = reader.read(nameOf(configPath));
  if (config === undefined) report('BLOB_MISSING', `the config "${displayText(configPath)}" must be there, and is not`);
  // Docker and skopeo name a config after its digest; Guix does not.
  const expected = digestOfPath(configPath);
  if (config !== undefined && expected !== undefined && config.digest !== expected) {
    report('BLOB_DIGEST', `the digest of "${displayText(configPath)}" must be ${expected}, and is ${config.digest}`);
  }
  const content =
    config?.json === undefined
      ? undefined
      : attempt(report, 'CONFIG_INVALID', () => readForeignImageConfig(config.json, `"${displayText(configPath)}"`));
  return {
    names: new Set(docker.flatMap(({ repoTags }) => repoTags)),
    oci: undefined,
    docker,
    config,
    content,
    layers: layerPaths.map((name, index) => {
      const path = nameOf(name);
      for (const name of [path, ...besideLayer(path)]) reader.referenced.add(name);
      return { index, path, descriptor: undefined, diffId: content?.diffIds[index], open: () => files.get(path) };
    }),
  };
}

/** What Docker's legacy images, and those of the guix dialect, have beside a layer. */
function besideLayer(path: string): string[] {
  const directory = /^(.*\/)layer\.tar$/.exec(path)?.[1];
  return directory === undefined ? [] : [`${directory}VERSION`, `${directory}json`];
}

/** A name of `manifest.json` as the archive is searched for it; what leads out of the archive is not found. */
function nameOf(path: string): string {
  return resolveName('', encodeUtf8(path)) ?? path;
}
