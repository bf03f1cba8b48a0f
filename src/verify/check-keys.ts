import { displayText } from '../bytes/index.js';
import type { Report } from './finding.js';

/** What may stand in a document: its keys, each with what may stand in its value; an array means each of its values. */
interface Shape {
  readonly [key: string]: Shape | null;
}

const PLATFORM: Shape = {
  os: null,
  architecture: null,
  variant: null,
  features: null,
  'os.version': null,
  'os.features': null,
};
const DESCRIPTOR: Shape = {
  mediaType: null,
  digest: null,
  size: null,
  urls: null,
  data: null,
  artifactType: null,
  annotations: null,
  platform: PLATFORM,
};
const SHAPES: Readonly<Record<'layout' | 'index' | 'manifest' | 'docker', Shape>> = {
  layout: { imageLayoutVersion: null },
  index: {
    schemaVersion: null,
    mediaType: null,
    artifactType: null,
    manifests: DESCRIPTOR,
    subject: DESCRIPTOR,
    annotations: null,
  },
  manifest: {
    schemaVersion: null,
    mediaType: null,
    artifactType: null,
    config: DESCRIPTOR,
    layers: DESCRIPTOR,
    subject: DESCRIPTOR,
    annotations: null,
  },
  // LayerSources is Docker's since version 25, Parent that of its legacy images.
  docker: { Config: null, RepoTags: null, Layers: null, Parent: null, LayerSources: null },
};

/**
 * Says which keys a document has that its specification does not name: readers pass over them, so that one which is
 * misspelt is lost in silence.
 *
 * @see OCI image specification, image-layout.md, image-index.md, manifest.md, descriptor.md
 */
export function checkKeys(json: unknown, kind: keyof typeof SHAPES, path: string, report: Report): void {
  const visit = (value: unknown, shape: Shape, where: string): void => {
    if (Array.isArray(value)) {
      // Of arrays within arrays nothing is known: a document may be as deep as it is long.
      for (const [index, item] of value.entries()) if (!Array.isArray(item)) visit(item, shape, `${where}[${index}]`);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        if (!Object.hasOwn(shape, key)) {
          report(
            'DOCUMENT_KEY',
            `${where} has the key "${displayText(key.slice(0, 100))}", which its specification does not name`,
          );
        } else if (shape[key]) visit(inner, shape[key], `${where}.${key}`);
      }
    }
  };
  visit(json, SHAPES[kind], displayText(path));
  const isTyped = kind === 'index' || kind === 'manifest';
  if (isTyped && typeof json === 'object' && json !== null && !Object.hasOwn(json, 'mediaType')) {
    report('DOCUMENT_TYPE', `${displayText(path)} does not say its media type`);
  }
}
