export { guixLayeredMembers, guixSingleMembers } from './guix-members.js';
export type { LayerSource } from './layer-source.js';
export type { ImageLayout, ImageMember } from './members.js';
export { isEmptyOrOciLayout } from './oci-layout/existing-layout.js';
export { ociMembers } from './oci-members.js';
export { writeSequentially } from './output/sequential-output.js';
export { archiveTarget, directoryTarget, type OutputTarget } from './output/target.js';
export { TransportError } from './transport-error.js';
export { type WriteOptions, type WrittenImage, writeImage } from './write-image.js';
