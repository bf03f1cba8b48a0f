import type { ByteString } from '../bytes/index.js';
import type { FindingPlace, Report } from './finding.js';
import type { FindingCode } from './finding-table.js';

/** Counts what may be found a million times and is told once. */
export interface Tally {
  add(code: FindingCode, member: ByteString | undefined, offset: number | undefined, detail?: string): void;
  /** Reports each code once, with how many there were and the first of them. */
  report(report: Report, place: FindingPlace): void;
}

interface Counted {
  count: number;
  readonly member: ByteString | undefined;
  readonly offset: number | undefined;
  readonly detail: string;
}

/** @param describe what a message says of a code, e.g. `names that begin with a slash` */
export function createTally(describe: Partial<Readonly<Record<FindingCode, string>>>): Tally {
  const counted = new Map<FindingCode, Counted>();
  return {
    add(code, member, offset, detail = '') {
      const known = counted.get(code);
      if (known !== undefined) known.count++;
      else counted.set(code, { count: 1, member, offset, detail });
    },
    report(report, place) {
      for (const [code, { count, member, offset, detail }] of counted) {
        report(code, `${count} ${describe[code] ?? code}${detail === '' ? '' : ` (${detail})`}`, {
          ...place,
          member,
          offset,
        });
      }
    },
  };
}
