/**
 * The public API of tarseal: what its command line is made of.
 *
 * @module
 */
export {
  type BuildContext,
  type BuildSpec,
  type BuiltImage,
  type BuiltLayer,
  buildImage,
  type Closure,
  type ClosureItem,
  type ClosureSpec,
  type CreatedTar,
  createTar,
  type ExcludePattern,
  type ImagePlan,
  type LayerReport,
  mergeBuildSpecs,
  parseMemberList,
  planImage,
  presetNames,
  type Rebuild,
  readBuildSpec,
  readClosure,
  rebuildImage,
  type TarMember,
  type TarSpec,
} from './build/index.js';
export { displayText } from './bytes/index.js';
export type { Digest } from './digest/index.js';
export { TarsealError } from './errors/index.js';
export { parseTime } from './oci/index.js';
export {
  createMemberLister,
  FINDINGS,
  type Finding,
  type FindingCode,
  type GivenImage,
  type ImageFormat,
  type InspectedImage,
  type InspectedLayer,
  type Inspection,
  type InspectOptions,
  inspectImage,
  type LayerPlace,
  type ListedMember,
  type ReadOptions,
  type Severity,
  TARGETS,
  type Target,
  type Verification,
  type VerifiedImage,
  type VerifiedLayer,
  type VerifyOptions,
  verifyImage,
  type Waste,
  type WastedFile,
} from './verify/index.js';
