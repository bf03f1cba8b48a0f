/** Media types of the OCI image specification that are written or read. */
export const MEDIA_TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layerTar: 'application/vnd.oci.image.layer.v1.tar',
  layerTarGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerTarZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
} as const;

/** Media type of a layer as it is stored. */
export type LayerMediaType =
  | typeof MEDIA_TYPES.layerTar
  | typeof MEDIA_TYPES.layerTarGzip
  | typeof MEDIA_TYPES.layerTarZstd;

/** Annotations that consumers of `index.json` look at. */
export const ANNOTATIONS = {
  /** The tag alone, by which skopeo and umoci choose an image. */
  refName: 'org.opencontainers.image.ref.name',
  /** The full normalised reference, by which containerd names an image. */
  containerdImageName: 'io.containerd.image.name',
} as const;

/** The whole content of the file `oci-layout`. */
export const OCI_LAYOUT = { imageLayoutVersion: '1.0.0' } as const;
