export { BuildError } from './build-error.js';
export {
  type BuiltImage,
  type BuiltLayer,
  buildImage,
  type ImagePlan,
  type LayerReport,
  planImage,
} from './build-image.js';
export { type CreatedTar, createTar } from './create-tar.js';
export { rebuildImage } from './load-rebuild.js';
export { parseMemberList } from './member-names.js';
export { presetNames } from './presets.js';
export { type Closure, type ClosureItem, type ClosureSpec, readClosure } from './read-closure.js';
export { readBuildSpec } from './read-spec.js';
export type { Rebuild } from './rebuild-image.js';
export { mergeBuildSpecs } from './resolve-spec.js';
export type { BuildContext, BuildSpec } from './spec.js';
export type { ExcludePattern, TarMember, TarSpec } from './tar-spec.js';
