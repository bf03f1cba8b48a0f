export { checkImagePath, parseImagePath } from './image-path.js';
export { entriesOfItems, IMPLIED_DIRECTORY_MODE, ImageTree, type NodeOrigin, type TreeNode } from './image-tree.js';
export { loadNameTransform } from './name-transform.js';
export { type NameTransform, parseSedExpression } from './sed-expression.js';
export { symlinkUnion, type UnionMember, type UnionSource } from './symlink-union.js';
export { type PathTransform, type PrefixReplacement, parsePrefixReplacement, prefixTransform } from './transform.js';
export { TreeError } from './tree-error.js';
export {
  canWalkListings,
  type FoundObject,
  type ListedObject,
  type LookAhead,
  type StatNumbers,
  throwIfUnreadable,
  type UnreadablePath,
  type WalkOptions,
  walk,
  walkLazily,
  walkListings,
} from './walk.js';
