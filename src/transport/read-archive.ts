import { decompress, type GunzipOptions } from '../compress/index.js';
import { type DecodedArchive, type ReadMember, type ReadMembersOptions, readTarMembers } from '../tar/index.js';

/**
 * Reads the members of a tar archive, with or without gzip, from wherever its bytes come: see {@link readTarMembers}.
 * Offsets are those of the archive without gzip.
 *
 * @param source chunks of any size, each lent until the next is asked for
 * @throws {TarError} as the tar decoder; {CompressError} GZIP_INVALID, GZIP_CHECKSUM, GZIP_TRAILING, GZIP_TRUNCATED
 */
export function readArchiveMembers(
  source: AsyncIterable<Uint8Array>,
  options: ReadMembersOptions & GunzipOptions = {},
): AsyncGenerator<ReadMember, DecodedArchive, void> {
  const { gzipMember, ...rest } = options;
  return readTarMembers(decompress(source, gzipMember && { gzipMember }), rest);
}
