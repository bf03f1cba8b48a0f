import { BLOCK_SIZE, RECORD_SIZE, roundUp } from '../bytes/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import type { TarOptions } from './format.js';
import { measureMember } from './member.js';

/**
 * The exact size in bytes of an archive of these entries, from metadata alone.
 *
 * @throws {TarError} as `planMember`
 */
export function measureArchive(
  entries: Iterable<ArchiveEntry>,
  options: TarOptions,
  recordSizeBytes: number = RECORD_SIZE,
): number {
  let sizeBytes = 0;
  for (const entry of entries) sizeBytes += measureMember(entry, options);
  return sizeBytes + trailerSize(sizeBytes, recordSizeBytes);
}

/** Bytes of zero after the last member: two blocks, then up to the next whole record. */
export function trailerSize(membersSizeBytes: number, recordSizeBytes: number = RECORD_SIZE): number {
  return roundUp(membersSizeBytes + 2 * BLOCK_SIZE, recordSizeBytes) - membersSizeBytes;
}
