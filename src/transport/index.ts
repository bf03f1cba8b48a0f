export type { BaseLayer } from './base-image/base-layer.js';
export type { BaseDirectory, BaseNode, BaseTree } from './base-image/base-tree.js';
export { readBaseImage } from './base-image/load.js';
export type { BaseImage, BaseImageLimits, BaseImageOptions } from './base-image/read-base-image.js';
export { guixLayeredMembers, guixSingleMembers } from './guix-members.js';
export { inTurn, type LayerSequence, type LayerSource } from './layer-source.js';
export type { ImageLayout, ImageMember } from './members.js';
export { nixMembers } from './nix-members.js';
export { isEmptyOrOciLayout } from './oci-layout/existing-layout.js';
export { ociMembers } from './oci-members.js';
export { openSpool, type Spool } from './output/atomic-file.js';
export { writeSequentially } from './output/sequential-output.js';
export {
  archiveTarget,
  directoryTarget,
  type FileTarget,
  identityOf,
  type OutputTarget,
} from './output/target.js';
export { readArchiveMembers } from './read-archive.js';
export { writeSequencedImage } from './sequenced-image.js';
export { collectManifests, type NamedDescriptor } from './stored/collect-manifests.js';
export { digestOfPath } from './stored/digest-of-path.js';
export { compressionOf } from './stored/image-files.js';
export { isNamed } from './stored/image-names.js';
export {
  createMemberNames,
  decodeSkipping,
  MAX_MEMBERS,
  type MemberNames,
  type MemberPlace,
  resolveName,
} from './stored/member-index.js';
export { MAX_DOCUMENT_SIZE } from './stored/read-document.js';
export { type ReadFailure, readFailureOf } from './stored/read-failure.js';
export { type ImageName, pathExists, splitImageName } from './stored/split-image-name.js';
export { spoolFile } from './stored/spool-file.js';
export { openStoredFile, partOf, readBytes, readPieces, type StoredFile } from './stored/stored-file.js';
export { TransportError } from './transport-error.js';
export { type WriteOptions, type WrittenImage, writeImage } from './write-image.js';
