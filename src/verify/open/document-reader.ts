import { digestHex, type HashEngine, sha256Of } from '../../digest/index.js';
import { type ForeignDescriptor, OciError, parseJsonDocument } from '../../oci/index.js';
import { MAX_DOCUMENT_SIZE, readBytes } from '../../transport/index.js';
import type { Report } from '../finding.js';
import { shown } from '../shown.js';
import type { StoredDocument, StoredFiles } from './stored-image.js';

/** Reads documents of an image, each once, and keeps in mind what was asked for. */
export interface DocumentReader {
  readonly report: Report;
  readonly files: StoredFiles;
  readonly referenced: Set<string>;
  /** A document by its name; `undefined` where there is none or it is too large. */
  read(path: string): StoredDocument | undefined;
  /** The document that a descriptor describes, whatever it is; what it is not as described is reported. */
  readBlob(descriptor: ForeignDescriptor): StoredDocument | undefined;
}

export function createDocumentReader(files: StoredFiles, engine: HashEngine, report: Report): DocumentReader {
  const known = new Map<string, StoredDocument | undefined>();
  const referenced = new Set<string>();
  /** Digest and size of descriptors that were compared. */
  const described = new Set<string>();
  const load = (path: string): StoredDocument | undefined => {
    const file = files.get(path);
    if (file === undefined) return undefined;
    try {
      if (file.sizeBytes > MAX_DOCUMENT_SIZE) {
        report(
          'DOCUMENT_INVALID',
          `"${shown(path)}" must have at most ${MAX_DOCUMENT_SIZE} bytes, and has ${file.sizeBytes}`,
        );
        return undefined;
      }
      const bytes = readBytes(file, 0, file.sizeBytes);
      return { path, bytes, digest: sha256Of(engine, bytes), json: parseLeniently(bytes, path, report) };
    } finally {
      file.close();
    }
  };
  const reader: DocumentReader = {
    report,
    files,
    referenced,
    read(path) {
      if (!known.has(path)) known.set(path, load(path));
      referenced.add(path);
      return known.get(path);
    },
    readBlob({ digest, size }) {
      const path = `blobs/sha256/${digestHex(digest)}`;
      const document = reader.read(path);
      const key = `${digest} ${size}`;
      if (described.has(key)) return document;
      described.add(key);
      if (document === undefined) report('BLOB_MISSING', `the blob ${digest} must be there, and is not`);
      else {
        if (document.bytes.length !== size) {
          report('BLOB_SIZE', `the size of blob ${digest} must be ${size}, and is ${document.bytes.length}`);
        }
        if (document.digest !== digest) {
          report('BLOB_DIGEST', `the digest of "${path}" must be ${digest}, and is ${document.digest}`);
        }
      }
      return document;
    },
  };
  return reader;
}

function parseLeniently(bytes: Uint8Array, path: string, report: Report): unknown {
  return attempt(report, 'DOCUMENT_INVALID', () => parseJsonDocument(bytes, shown(path)));
}

/** Runs `work`; an error of what a document says is reported. */
export function attempt<T>(
  report: Report,
  code: 'DOCUMENT_INVALID' | 'CONFIG_INVALID' | 'LAYOUT_INVALID',
  work: () => T,
): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    report(code, error.message);
    return undefined;
  }
}
