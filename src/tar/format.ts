/**
 * The three formats, as GNU tar names them.
 *
 * - `ustar`: POSIX ustar; a member that it cannot represent is written as in `posix`, or refused with `strict`.
 * - `gnu`: GNU tar's own (long names as `L` and `K` members, large numbers in base 256).
 * - `posix`: pax extended headers, as with `--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime`.
 */
export type GnuTarFormat = 'ustar' | 'gnu' | 'posix';

/** What an archive can be written as: also `python-pax`, the pax of Python's `tarfile`, as layers of nixpkgs have it. */
export type TarFormat = GnuTarFormat | 'python-pax';

/** The formats that there is an option for. */
export const TAR_FORMATS: readonly GnuTarFormat[] = ['ustar', 'gnu', 'posix'];

export interface TarOptions {
  readonly format: TarFormat;
  /** Refuse what plain ustar cannot represent rather than write a pax header; means nothing in the other formats. */
  readonly strict: boolean;
  /**
   * In the gnu format, write a long name before a long link target, as an archive has them that GNU tar has rewritten
   * (`--delete`); when it creates one, the target is first.
   */
  readonly longNameFirst?: boolean;
  /** Write no owner names, as GNU tar's `--numeric-owner`. */
  readonly numericOwner?: boolean;
}
