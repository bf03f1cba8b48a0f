import type { ByteString } from '../bytes/index.js';
import type { Digest } from '../digest/index.js';
import { FINDINGS, type FindingCode, type Severity } from './finding-table.js';
import { shown } from './shown.js';

/** Which layer of which image a finding is of. */
export interface LayerPlace {
  /** From 1, the lowest first. */
  readonly index: number;
  /** The diffID, where one is known; else the digest of the blob. */
  readonly digest: Digest | null;
}

/** Something that is wrong with an image, or worth knowing. */
export interface Finding {
  readonly severity: Severity;
  readonly code: FindingCode;
  /** Without a final period. */
  readonly message: string;
  /** The image, of several in one file. */
  readonly image?: string;
  readonly layer?: LayerPlace;
  /** Name of a member as it stands there, escaped where it could not be shown. */
  readonly member?: string;
  /** In bytes: in the uncompressed layer, or where none is named in the uncompressed archive. */
  readonly offset?: number;
  /** How many this one stands for. */
  readonly count: number;
}

/** Where something was found. */
export interface FindingPlace {
  readonly image?: string | undefined;
  readonly layer?: LayerPlace | undefined;
  readonly member?: ByteString | undefined;
  readonly offset?: number | undefined;
  /** How many it stands for; default 1. */
  readonly count?: number;
}

/** Takes what is found. */
export type Report = (code: FindingCode, message: string, place?: FindingPlace) => void;

/** Findings of one code in one layer that are listed one by one. */
export const MAX_LISTED = 10;

const ORDER: readonly Severity[] = ['error', 'warning', 'note'];

/**
 * Gathers findings. Of one code in one layer ten are listed, and one more says how many others there are: an archive may
 * have millions.
 */
export function createFindings(): {
  readonly report: Report;
  has(code: FindingCode): boolean;
  list(): readonly Finding[];
} {
  const listed: Finding[] = [];
  const groups = new Map<string, { listed: number; more: number; readonly place: FindingPlace }>();
  return {
    report(code, message, place = {}) {
      const key = JSON.stringify([code, place.image, place.layer?.index]);
      const group = groups.get(key) ?? { listed: 0, more: 0, place };
      groups.set(key, group);
      if (group.listed++ < MAX_LISTED) listed.push(findingOf(code, message, place));
      else group.more += place.count ?? 1;
    },
    has: (code) => listed.some((finding) => finding.code === code),
    list() {
      const more = [...groups].flatMap(
        ([
          key,
          {
            more: count,
            place: { image, layer },
          },
        ]) => {
          const [code] = JSON.parse(key) as [FindingCode];
          return count === 0 ? [] : [findingOf(code, `${count} more: ${FINDINGS[code][1]}`, { image, layer, count })];
        },
      );
      return [...listed, ...more].sort(
        (a, b) =>
          ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || (a.layer?.index ?? 0) - (b.layer?.index ?? 0),
      );
    },
  };
}

function findingOf(
  code: FindingCode,
  message: string,
  { image, layer, member, offset, count = 1 }: FindingPlace,
): Finding {
  return {
    severity: FINDINGS[code][0],
    code,
    message,
    ...(image !== undefined && { image }),
    ...(layer !== undefined && { layer }),
    ...(member !== undefined && { member: shown(member) }),
    ...(offset !== undefined && { offset }),
    count,
  };
}
