import { createGunzip } from '../../compress/index.js';
import type { Digest, HashEngine } from '../../digest/index.js';
import { type SealedLayer, sinkOf, throwIfAborted } from '../../layer/index.js';
import { MEDIA_TYPES } from '../../oci/index.js';
import { createTarDecoder } from '../../tar/index.js';
import type { LayerSource } from '../layer-source.js';
import { compressionOf } from '../stored/image-files.js';
import { explainError, type ReadFailure, requireDigest } from '../stored/read-failure.js';
import { readPieces, type StoredFile } from '../stored/stored-file.js';
import { TransportError } from '../transport-error.js';
import type { BaseTreeBuilder } from './base-tree.js';

/** A layer of a base image, every byte of which has been read and is what its digests say. */
export interface BaseLayer {
  readonly diffId: Digest;
  readonly mediaType: typeof MEDIA_TYPES.layerTar | typeof MEDIA_TYPES.layerTarGzip;
  /** Of the blob as it is stored. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly members: number;
  /** Gives the stored bytes, whose digest is taken again: TransportError SOURCE_CHANGED where it is another. */
  readonly source: LayerSource;
}

export interface BaseLayerContext {
  readonly engine: HashEngine;
  readonly signal: AbortSignal | undefined;
  readonly fail: ReadFailure;
  readonly tree: BaseTreeBuilder;
  readonly maxTarSizeBytes: number;
}

export interface StoredLayer {
  readonly file: StoredFile;
  /** How messages name it. */
  readonly subject: string;
  readonly diffId: Digest;
  /** What the manifest says of the stored bytes, where there is one. */
  readonly digest: Digest | undefined;
}

/**
 * Reads a layer once: hashes it as it is stored and as a tar, and lays its members over those of the layers below.
 *
 * @throws {TransportError} BASE_DIGEST, BASE_INVALID, BASE_UNSUPPORTED; {LayerError} ABORTED
 */
export async function readBaseLayer(layer: StoredLayer, context: BaseLayerContext): Promise<BaseLayer> {
  const { file, subject, diffId } = layer;
  const { engine, signal, fail, tree, maxTarSizeBytes } = context;
  // By its first bytes: Docker's manifests call layers compressed that are not.
  const compression = compressionOf(file);
  if (compression !== undefined && compression !== 'gzip') {
    throw fail('UNSUPPORTED', `${subject} must be uncompressed or gzip, and is ${compression}`);
  }
  tree.beginLayer();
  const decoder = createTarDecoder({ member: (member) => tree.add(member) });
  const storedHash = engine.createSha256();
  const tarHash = compression === undefined ? storedHash : engine.createSha256();
  let tarSizeBytes = 0;
  const takeTar = (bytes: Uint8Array): void => {
    tarSizeBytes += bytes.length;
    if (tarSizeBytes > maxTarSizeBytes) {
      throw fail('INVALID', `${subject} must have at most ${maxTarSizeBytes} bytes uncompressed, and has more`);
    }
    if (tarHash !== storedHash) tarHash.update(bytes);
    decoder.push(bytes);
  };
  const gunzip = compression === undefined ? undefined : createGunzip(takeTar);

  // What is wrong with the content is told after the digest: when that is another, it is the reason.
  let failure: unknown;
  let members = 0;
  const attempt = (work: () => void): void => {
    if (failure !== undefined) return;
    try {
      work();
    } catch (error) {
      failure = explainError(error, subject, fail);
    }
  };
  let sizeBytes = 0;
  await readPieces(file, signal, (piece) => {
    storedHash.update(piece);
    sizeBytes += piece.length;
    attempt(() => (gunzip ? gunzip.push(piece) : takeTar(piece)));
  });
  attempt(() => {
    gunzip?.finish();
    members = decoder.finish().members;
  });
  const digest = storedHash.digest();
  if (layer.digest !== undefined) requireDigest(`${subject} as it is stored`, layer.digest, digest, fail);
  if (failure !== undefined) throw failure;
  requireDigest(`${subject} uncompressed`, diffId, tarHash === storedHash ? digest : tarHash.digest(), fail);

  const sealed: SealedLayer = { diffId, tarSizeBytes, digest, sizeBytes, members };
  return {
    diffId,
    mediaType: compression === undefined ? MEDIA_TYPES.layerTar : MEDIA_TYPES.layerTarGzip,
    digest,
    sizeBytes,
    members,
    source: {
      tarSizeBytes,
      compressed: compression !== undefined,
      storedSizeBytes: sizeBytes,
      async seal(output) {
        throwIfAborted(signal);
        const sink = sinkOf(output);
        if (sink === undefined) return sealed;
        const hash = engine.createSha256();
        await readPieces(file, signal, (piece) => {
          hash.update(piece);
          return sink(piece);
        });
        const found = hash.digest();
        if (found === digest) return sealed;
        throw new TransportError(
          'SOURCE_CHANGED',
          `Cannot write the layer ${digest} of the base image: it changed during the build, and its second reading gives ${found}`,
          { first: digest, second: found },
        );
      },
    },
  };
}
