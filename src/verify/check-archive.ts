import { displayName } from '../bytes/index.js';
import { createTarDecoder, type DecodedArchive, TarError } from '../tar/index.js';
import { decodeSkipping, MAX_MEMBERS, resolveName, type StoredFile } from '../transport/index.js';
import { createHeaderChecks } from './check-headers.js';
import type { Report } from './finding.js';
import { isUser } from './users.js';

/**
 * Checks how the outer archive of an image is written; of the contents of its members nothing is read.
 *
 * @param created times of its images, which members may have too
 */
export function checkArchive(archive: StoredFile, created: ReadonlySet<number>, report: Report): void {
  const headers = createHeaderChecks(report, {});
  const times = new Set<number>();
  const decoder = createTarDecoder(
    {
      block: headers.block,
      metadata: headers.metadata,
      padding: headers.padding,
      member(member) {
        headers.member(member);
        const { name, type, uid, uname, mtimeSeconds, headerOffset: offset } = member;
        const place = { member: name, offset };
        if (mtimeSeconds > 1 && !created.has(mtimeSeconds)) times.add(mtimeSeconds);
        if (resolveName('', name) === undefined || name.startsWith('/')) {
          report('ARCHIVE_NAME', 'its name must stay within the archive, and leads out of it', place);
        }
        if (type !== 'file' && type !== 'directory') {
          report('ARCHIVE_TYPE', `it must be a file or a directory, and is a ${type}`, place);
        }
        if (isUser(uid, uname)) {
          report('ARCHIVE_OWNER', `it is owned by "${displayName(uname)}", a user of the machine that made it`, place);
        }
      },
    },
    { maxMembers: MAX_MEMBERS, sparse: true },
  );
  let end: DecodedArchive | undefined;
  try {
    decodeSkipping(archive, decoder, { padding: true });
    end = decoder.finish();
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    report('TAR_INVALID', error.message, { offset: error.data['offset'] as number | undefined });
  }
  if (times.size > 0) {
    const sorted = [...times].sort((a, b) => a - b);
    report(
      'ARCHIVE_TIME',
      `members of the archive have ${times.size} times of a clock, from @${sorted[0]} to @${sorted.at(-1)}`,
    );
  }
  headers.finish(end);
}
