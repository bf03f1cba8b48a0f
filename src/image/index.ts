export { type AssembledImage, assembleImage, type ImageInput } from './assemble.js';
export { layOverBase, mergeContainerConfig } from './container-config.js';
export {
  assembleGuixConfig,
  GUIX_CONFIG_PATH,
  GUIX_LAYER_VERSION,
  type GuixConfig,
  type GuixConfigInput,
  guixLayerId,
  guixLayerJson,
  guixLayerPath,
  guixManifestJson,
  guixRepositoriesJson,
} from './guix.js';
export { ImageError } from './image-error.js';
export { type DockerManifestInput, dockerManifestJson, type IndexInput, indexJson } from './index-json.js';
export { type ImageBase, type ImageLayer, MAX_IMAGE_LAYERS, requireLayerCount } from './layers.js';
