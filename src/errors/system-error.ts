/** The `code` of a system error, e.g. `ENOENT`; empty for anything else. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied (EACCES)',
  EDQUOT: 'the disk quota is exceeded (EDQUOT)',
  EFBIG: 'the file is larger than the system allows (EFBIG)',
  EISDIR: 'it is a directory (EISDIR)',
  ELOOP: 'it is a chain of too many symlinks (ELOOP)',
  EIO: 'the device failed (EIO)',
  EMFILE: 'too many files are open (EMFILE)',
  ENAMETOOLONG: 'its path is longer than the system allows (ENAMETOOLONG)',
  ENOTDIR: 'a part of its path is no directory (ENOTDIR)',
  ENOSPC: 'no space left on the device (ENOSPC)',
  EPERM: 'operation not permitted (EPERM)',
  EPIPE: 'the reader closed it (EPIPE)',
  EROFS: 'the file system is read-only (EROFS)',
};

/** A system error's code in words, with the code; the bare code where there are no words for it. */
export function describeSystemCode(code: string): string {
  return DESCRIPTIONS[code] ?? (code === '' ? 'for a reason that the system does not name' : code);
}
