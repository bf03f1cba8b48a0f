import { displayText } from '../../bytes/index.js';
import { digestHex } from '../../digest/index.js';
import {
  type ForeignDescriptor,
  kindOfMediaType,
  readForeignImageConfig,
  readForeignIndex,
  readForeignManifest,
} from '../../oci/index.js';
import { collectManifests, type ReadFailure, TransportError } from '../../transport/index.js';
import { attempt, type DocumentReader } from './document-reader.js';
import type { StoredDocument, StoredImage } from './stored-image.js';

/** The images of an `index.json` and of the indexes in it. */
export function ociImages(index: StoredDocument, reader: DocumentReader, fail: ReadFailure): StoredImage[] {
  const { report } = reader;
  /** By digest, as they stand in all indexes. */
  const listed = new Map<string, ForeignDescriptor[]>();
  const readIndex = (document: StoredDocument | undefined): readonly ForeignDescriptor[] => {
    if (document?.json === undefined) return [];
    const descriptors = attempt(report, 'DOCUMENT_INVALID', () => readForeignIndex(document.json, document.path)) ?? [];
    for (const descriptor of descriptors) {
      const { digest, mediaType } = descriptor;
      const kind = kindOfMediaType(mediaType);
      listed.set(digest, [...(listed.get(digest) ?? []), descriptor]);
      if (kind === 'manifest' || kind === 'index') continue;
      reader.referenced.add(`blobs/sha256/${digestHex(digest)}`);
      const code = kind === 'other' ? 'MEDIA_TYPE_UNKNOWN' : 'MEDIA_TYPE';
      report(
        code,
        `${document.path} lists ${digest} as "${displayText(mediaType)}", which is no manifest and no index`,
      );
    }
    return descriptors;
  };
  try {
    const top = readIndex(index);
    if (top.length === 0 && index.json !== undefined)
      report('INDEX_EMPTY', 'index.json must list a manifest, and lists none');
    return collectManifests(top, fail, (descriptor) => readIndex(reader.readBlob(descriptor)), {
      attestations: true,
    }).map(({ descriptor, names }) => ociImage(names, listed.get(descriptor.digest) ?? [descriptor], reader));
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    report('DOCUMENT_INVALID', error.message);
    return [];
  }
}

function ociImage(
  names: ReadonlySet<string>,
  descriptors: readonly ForeignDescriptor[],
  reader: DocumentReader,
): StoredImage {
  const { report, files } = reader;
  const manifest = reader.readBlob(descriptors[0]!);
  const content =
    manifest?.json === undefined
      ? undefined
      : attempt(report, 'DOCUMENT_INVALID', () => readForeignManifest(manifest.json, manifest.path));
  const config = content && reader.readBlob(content.config);
  // What is no image has a config of another kind, such as an empty object: an attestation, a chart.
  const isImage = content !== undefined && kindOfMediaType(content.config.mediaType) === 'config';
  const configContent =
    !isImage || config?.json === undefined
      ? undefined
      : attempt(report, 'CONFIG_INVALID', () => readForeignImageConfig(config.json, config.path));
  return {
    names,
    oci: { descriptors, manifest, content },
    docker: [],
    config,
    content: configContent,
    layers: (content?.layers ?? []).map((descriptor, index) => {
      const path = `blobs/sha256/${digestHex(descriptor.digest)}`;
      reader.referenced.add(path);
      return { index, path, descriptor, diffId: configContent?.diffIds[index], open: () => files.get(path) };
    }),
  };
}
