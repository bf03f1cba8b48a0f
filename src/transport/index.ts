export type { BaseLayer } from './base-image/base-layer.js';
export type { BaseDirectory, BaseNode, BaseTree } from './base-image/base-tree.js';
export {
  type BaseImage,
  type BaseImageLimits,
  type BaseImageOptions,
  readBaseImage,
} from './base-image/read-base-image.js';
export { guixLayeredMembers, guixSingleMembers } from './guix-members.js';
export { inTurn, type LayerSource } from './layer-source.js';
export type { ImageLayout, ImageMember } from './members.js';
export { nixMembers } from './nix-members.js';
export { isEmptyOrOciLayout } from './oci-layout/existing-layout.js';
export { ociMembers } from './oci-members.js';
export { writeSequentially } from './output/sequential-output.js';
export { archiveTarget, directoryTarget, type OutputTarget } from './output/target.js';
export { readArchiveMembers } from './read-archive.js';
export { TransportError } from './transport-error.js';
export { type WriteOptions, type WrittenImage, writeImage } from './write-image.js';
