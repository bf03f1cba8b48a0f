import { displayName } from '../bytes/index.js';
import type { ArchiveEntry, EntryBody } from '../entry/index.js';
import type { TarFormat, TarOptions } from './format.js';
import { USTAR_LIMITS } from './header.js';
import { TarError } from './tar-error.js';

/** A field that a format cannot hold. */
export interface Misfit {
  readonly field: string;
  readonly value: number | string;
  /** In words: `at most 2097151`. */
  readonly limit: string;
}

export function numberMisfit(field: string, value: number, limit: number): Misfit | undefined {
  if (value >= 0 && value <= limit) return undefined;
  return { field, value, limit: value < 0 ? 'at least 0' : `at most ${limit}` };
}

/** The first owner name that is too long for its field, unless names are not written. */
export function ownerMisfit(entry: ArchiveEntry, options: TarOptions): Misfit | undefined {
  if (options.numericOwner) return undefined;
  return ownerNameMisfit('uname', entry.uname) ?? ownerNameMisfit('gname', entry.gname);
}

function ownerNameMisfit(field: string, value: string): Misfit | undefined {
  if (value.length <= USTAR_LIMITS.ownerName) return undefined;
  return { field, value: `${value.length} bytes`, limit: `at most ${USTAR_LIMITS.ownerName} bytes` };
}

/** The first device number that is too large: no format but base 256 has a place for one, which no reader expects. */
export function deviceMisfit(body: EntryBody): Misfit | undefined {
  if (body.type !== 'character-device' && body.type !== 'block-device') return undefined;
  return (
    numberMisfit('devmajor', body.devMajor, USTAR_LIMITS.device) ??
    numberMisfit('devminor', body.devMinor, USTAR_LIMITS.device)
  );
}

export function fieldRange(entry: ArchiveEntry, format: TarFormat, { field, value, limit }: Misfit): TarError {
  return new TarError(
    'TAR_FIELD_RANGE',
    `Cannot encode "${displayName(entry.path)}" as ${format}: ${field} must be ${limit}, and is ${value}`,
    { path: entry.path, field, value, limit },
  );
}
