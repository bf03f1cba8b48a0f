export type {
  ComparedLayer,
  ComparedSide,
  CompareOptions,
  Comparison,
} from './compare/compare-images.js';
export type { FirstByte } from './compare/compare-tars.js';
export type { Both, Difference, DifferenceCount, DifferenceKind, LayerNumbers } from './compare/difference.js';
export { diffImages } from './diff-images.js';
export { CAUSES, type Cause, type CauseCode } from './explain/cause.js';
export { type Explanation, explainImages } from './explain-images.js';
export type { Finding, FindingPlace, LayerPlace, Report } from './finding.js';
export { FINDINGS, type FindingCode, type Severity } from './finding-table.js';
export {
  type InspectedImage,
  type InspectedLayer,
  type Inspection,
  type InspectOptions,
  inspectImage,
} from './inspect-image.js';
export { createMemberLister, type ListedMember } from './list-member.js';
export type { ImageFormat, ImageInput } from './open/index.js';
export type { GivenImage, ReadOptions } from './read-options.js';
export { TARGETS, type Target } from './target-rules.js';
export {
  type Verification,
  type VerifiedImage,
  type VerifiedLayer,
  type VerifyOptions,
  verifyImage,
} from './verify-image.js';
export type { Waste, WastedFile } from './waste.js';
