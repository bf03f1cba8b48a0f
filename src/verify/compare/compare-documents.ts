import type { StoredDocument } from '../open/index.js';
import { compareJson, type JsonDifference } from './compare-json.js';
import type { Difference, DifferenceSink } from './difference.js';
import { firstDifference } from './header-bytes.js';
import { HEXDUMP_SIZE, hexdump, hexdumpStart } from './hexdump.js';

/** What a document is called, whatever its path is. */
export type DocumentName = 'config' | 'manifest' | 'index.json' | 'manifest.json' | 'repositories' | 'oci-layout';

/** What two documents of one kind do not have in common, for whoever asks for the causes. */
export interface DocumentComparison {
  readonly name: DocumentName;
  readonly differences: readonly JsonDifference[];
  /** Whether they say the same in other bytes. */
  readonly isSpelling: boolean;
}

/** Values that are digests, sizes and names of what differs for a reason of its own. */
export const FOLLOWING: Readonly<Partial<Record<DocumentName, RegExp>>> = {
  config: /^rootfs\.diff_ids\b/,
  manifest: /^(?:config|layers\[\d+\])\.(?:digest|size)$/,
  'index.json': /^manifests\[\d+\]\.(?:digest|size)$/,
  'manifest.json': /^\[\d+\]\.(?:Config$|Layers\b)/,
  repositories: /./,
};

/** Compares two documents; of those that both have. */
export function compareDocuments(
  name: DocumentName,
  a: StoredDocument | undefined,
  b: StoredDocument | undefined,
  sink: DifferenceSink,
  place: Pick<Difference, 'image'>,
): DocumentComparison | undefined {
  if (a === undefined || b === undefined || a.digest === b.digest) return undefined;
  const differences = a.json === undefined || b.json === undefined ? [] : compareJson(a.json, b.json);
  for (const { path, a: left, b: right } of differences) {
    const follows = FOLLOWING[name]?.test(path) === true && { follows: true as const };
    sink.add({
      ...place,
      kind: 'document',
      field: path === '' ? name : `${name}: ${path}`,
      a: left,
      b: right,
      ...follows,
    });
  }
  if (differences.length === 0) {
    const at = firstDifference(a.bytes, b.bytes)!;
    const dump = ({ bytes }: StoredDocument): string => {
      const start = hexdumpStart(at);
      return hexdump(bytes.subarray(start, start + HEXDUMP_SIZE), start);
    };
    const spelled = { a: `${a.bytes.length} bytes`, b: `${b.bytes.length} bytes` };
    sink.add({ ...place, kind: 'document', field: `${name}: bytes`, ...spelled, offset: { a: at, b: at } }, () => ({
      hexdump: { a: dump(a), b: dump(b) },
    }));
  }
  return { name, differences, isSpelling: differences.length === 0 };
}
