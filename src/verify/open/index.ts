export { type OpenOptions, openImage } from './open-image.js';
export { type BlobSink, type ReadBlob, readBlob } from './read-blob.js';
export type {
  ImageFormat,
  ImageInput,
  OpenedImage,
  StoredDocument,
  StoredFiles,
  StoredImage,
  StoredLayer,
} from './stored-image.js';
