import type { GzipHeader } from '../compress/index.js';
import type { FindingPlace, Report } from './finding.js';

const UNKNOWN_SYSTEM = 255;

/** Go's time of none, of the year 1, in 32 bits: what its programs write where they mean none. */
const GO_ZERO_TIME = 2_288_912_640;

/** What RFC 1952 has numbers for. */
const SYSTEMS = 13;

/** The flag of an extra field, of a name and of a comment. */
const TEXTS = 4 | 8 | 16;

/**
 * Says what the header of a gzip member tells of when and where it was made.
 *
 * @see RFC 1952, 2.3
 */
export function checkGzipHeader(header: GzipHeader, report: Report, place: FindingPlace): void {
  const { offset, flags, mtimeSeconds, extraFlags, operatingSystem } = header;
  const at = `the gzip member at byte ${offset}`;
  if (mtimeSeconds === GO_ZERO_TIME) report('GZIP_NO_TIME', `${at} has the time that Go writes for none`, place);
  else if (mtimeSeconds !== 0) report('GZIP_TIME', `${at} must have no time, and has ${mtimeSeconds}`, place);
  if (flags & TEXTS) report('GZIP_NAME', `${at} has a file name, a comment or an extra field`, place);
  if ((flags & ~TEXTS) !== 0 || ![0, 2, 4].includes(extraFlags)) {
    report('GZIP_FLAGS', `${at} has the flags ${flags} and the extra flags ${extraFlags}`, place);
  }
  if (operatingSystem === UNKNOWN_SYSTEM) return;
  if (operatingSystem > SYSTEMS)
    report('GZIP_FLAGS', `${at} names the unknown operating system ${operatingSystem}`, place);
  else report('GZIP_SYSTEM', `${at} names operating system ${operatingSystem}, and ${UNKNOWN_SYSTEM} is none`, place);
}
