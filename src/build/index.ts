export { BuildError } from './build-error.js';
export {
  type BuiltImage,
  type BuiltLayer,
  buildImage,
  type ImagePlan,
  type LayerReport,
  planImage,
} from './build-image.js';
export { type CreatedTar, createTar, type ExcludePattern, type TarMember, type TarSpec } from './create-tar.js';
export { parseMemberList } from './member-names.js';
export { checkBuildSpec, readBuildSpec } from './read-spec.js';
export type { BuildContext, BuildSpec } from './spec.js';
