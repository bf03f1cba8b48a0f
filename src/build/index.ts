export { BuildError } from './build-error.js';
export {
  type BuiltImage,
  type BuiltLayer,
  buildImage,
  type ImagePlan,
  type LayerReport,
  planImage,
} from './build-image.js';
export { checkBuildSpec, readBuildSpec } from './read-spec.js';
export type { BuildContext, BuildSpec } from './spec.js';
