import { type ComparedLayer, type CompareOptions, type Comparison, compareImages } from './compare/compare-images.js';
import type { Difference } from './compare/difference.js';
import {
  CAUSES,
  type Cause,
  type CauseCode,
  cause,
  counted,
  examples,
  type LocalCause,
  type TarInput,
} from './explain/cause.js';
import { explainAttributes } from './explain/explain-attributes.js';
import { explainBlobs } from './explain/explain-blobs.js';
import { explainContents } from './explain/explain-contents.js';
import { explainDocument } from './explain/explain-documents.js';
import { explainForm } from './explain/explain-form.js';
import { explainNames } from './explain/explain-names.js';
import { explainTimes } from './explain/explain-times.js';
import { explainTypes } from './explain/explain-types.js';
import type { GivenImage } from './read-options.js';

export interface Explanation extends Comparison {
  /** By layer, those first that matter most to what is in it. */
  readonly causes: readonly Cause[];
}

const ORDER = Object.keys(CAUSES) as CauseCode[];

/** What follows from the documents and the layers in an archive that holds an image. */
const OF_CONTENT: readonly CauseCode[] = ['MEMBERS', 'RENAMED', 'CONTENT', 'CONTENT_TIME'];

/**
 * Says where two images or tars are not the same, and why: times, owners, order, hard links, compressors, encodings of
 * names, contents.
 *
 * @throws {TransportError} IMAGE_MISSING, IMAGE_INVALID where one cannot be opened, SPOOL_MISSING; {LayerError} ABORTED
 */
export async function explainImages(a: GivenImage, b: GivenImage, options: CompareOptions = {}): Promise<Explanation> {
  const causes: Cause[] = [];
  const take = (found: readonly LocalCause[], { image, layer }: Pick<Difference, 'image' | 'layer'>): void => {
    const sorted = [...found].sort((x, y) => ORDER.indexOf(x.code) - ORDER.indexOf(y.code));
    for (const one of sorted) {
      causes.push({ ...one, ...(image !== undefined && { image }), ...(layer !== undefined && { layer }) });
    }
  };
  const comparison = await compareImages(a, b, options, {
    tars(left, right, compared, place, images) {
      const found = explainTar({ a: left, b: right, comparison: compared, images });
      const isOuter = images.a !== undefined && images.b !== undefined && place.layer === undefined;
      take(isOuter ? ofArchive(found) : found, place);
    },
    async blobs(left, right, place) {
      take(await explainBlobs(left, right), place);
    },
    documents: (compared, _images, place) => take(explainDocument(compared), place),
  });
  for (const one of comparison.layers.filter(isUnread)) {
    const place = one.layer === undefined ? '' : JSON.stringify(one.layer);
    const isTold = causes.some(
      ({ code, layer }) => code === 'UNREADABLE' && (layer === undefined ? '' : JSON.stringify(layer)) === place,
    );
    if (!isTold) take([cause('UNREADABLE', 1, 'a layer is missing, or compressed by what is not read')], one);
  }
  return { ...comparison, causes: [...outermost(comparison), ...causes] };
}

/** Whether a layer that has its like could not be looked into. */
function isUnread({ by, diffId, digest }: ComparedLayer): boolean {
  return by !== 'none' && digest.a !== digest.b && (diffId.a === null || diffId.b === null);
}

/** Causes of differences in an archive around an image, whose contents are explained for themselves. */
function ofArchive(causes: readonly LocalCause[]): LocalCause[] {
  return causes
    .filter(({ code }) => !OF_CONTENT.includes(code))
    .map((one) => ({ ...one, message: `in the archive around the image: ${one.message}` }));
}

function explainTar(input: TarInput): LocalCause[] {
  return [
    ...explainContents(input),
    ...explainTypes(input),
    ...explainTimes(input),
    ...explainAttributes(input),
    ...explainNames(input),
    ...explainForm(input),
  ];
}

/** Layers and containers, of which the differences themselves say all there is. */
function outermost({ differences, counts }: Comparison): Cause[] {
  const causes: Cause[] = [];
  const container = differences.filter(({ kind }) => kind === 'container');
  const evidence = (group: readonly Difference[]): string[] =>
    examples(group, ({ field, layer, a, b }) =>
      [
        field ?? (layer === undefined ? '' : `layer ${layer.a ?? layer.b}`),
        `A ${a ?? 'nothing'}`,
        `B ${b ?? 'nothing'}`,
      ]
        .filter((text) => text !== '')
        .join(', '),
    );
  if (container.length > 0) {
    const isOnly = counts.every(({ kind }) => kind === 'container');
    const message = isOnly
      ? 'the same image, config and layers, in another container'
      : 'what the images are stored in differs';
    causes.push(cause('CONTAINER', container.length, message, evidence(container)));
  }
  const layers = differences.filter(({ kind }) => kind === 'layer');
  if (layers.length > 0) {
    const count = counts.filter(({ kind }) => kind === 'layer').reduce((sum, group) => sum + group.count, 0);
    causes.push(
      cause('LAYERS', count, `${counted(count, 'layer')} on one side only, or in another place`, evidence(layers)),
    );
  }
  return causes;
}
