export { canonicalJson } from './canonical-json.js';
export {
  type NameValue,
  parseAnnotation,
  parseEnv,
  parseExposedPort,
  parseLabel,
  parseStopSignal,
  parseUser,
  parseVolume,
  parseWorkdir,
} from './config-values.js';
export {
  CONTAINER_CONFIG_KEYS,
  type ContainerConfig,
  type Healthcheck,
  type KeySet,
  parseContainerConfig,
  readForeignContainerConfig,
} from './container-config.js';
export type {
  Descriptor,
  DockerManifestEntry,
  HistoryEntry,
  ImageConfig,
  OciIndex,
  OciManifest,
  StringMap,
} from './documents.js';
export {
  type ForeignDescriptor,
  type ForeignDockerManifestEntry,
  type ForeignImageConfig,
  type ForeignManifest,
  kindOfMediaType,
  parseJsonDocument,
  readForeignDockerManifest,
  readForeignImageConfig,
  readForeignIndex,
  readForeignLayout,
  readForeignManifest,
} from './foreign-documents.js';
export { ANNOTATIONS, type LayerMediaType, MEDIA_TYPES, OCI_LAYOUT } from './media-types.js';
export { OciError } from './oci-error.js';
export { formatPlatform, type Platform, parsePlatform, platformOfSystem } from './platform.js';
export { familiarReference, normalizedReference, parseReference, type Reference } from './reference.js';
export { canonicalizeRepositoryName, defaultRepositoryName } from './repository-name.js';
export { formatTime, parseTime } from './time.js';
