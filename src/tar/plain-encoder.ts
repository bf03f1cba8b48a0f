import { BLOCK_SIZE, type ByteString, isAscii } from '../bytes/index.js';
import type { ArchiveEntry, EntryAttributes } from '../entry/index.js';
import type { TarOptions } from './format.js';
import { encodeInFrame, frameOf, type HeaderFrame, USTAR_LIMITS } from './header.js';
import { planMember } from './member.js';
import { TYPEFLAGS } from './member-plan.js';
import { nameStart } from './plan-ustar.js';
import { TarError } from './tar-error.js';

/** Encodes the headers of regular files and directories whose owner and time are the same. */
export interface PlainEncoder {
  /**
   * Writes a header of one block over 512 bytes of `out` from `offset` on, as `planMember` and `encodeMember` would.
   *
   * @param mode permission bits, in [0, 0o7777]
   * @param sizeBytes 0 of a directory
   * @returns whether it did: false where more than that block is needed, or the member is none that can be encoded
   */
  encode(
    path: ByteString,
    isDirectory: boolean,
    mode: number,
    sizeBytes: number,
    out: Uint8Array,
    offset: number,
  ): boolean;
}

/**
 * Nearly every member of a tree has a header of one block that differs from the others in name, mode and size. What all
 * have in common is planned once here, by the rules that hold for every member.
 */
export function createPlainEncoder(attributes: Omit<EntryAttributes, 'mode'>, options: TarOptions): PlainEncoder {
  const frame = commonFrame(attributes, options);
  const { format } = options;
  return {
    encode(path, isDirectory, mode, sizeBytes, out, offset) {
      if (frame === undefined || sizeBytes > USTAR_LIMITS.size) return false;
      const name = isDirectory && !path.endsWith('/') ? (`${path}/` as ByteString) : path;
      if (name === '' || name.includes('\0')) return false;
      if (format === 'posix' && !isAscii(name)) return false;
      let nameAt = 0;
      if (name.length > USTAR_LIMITS.name) {
        nameAt = format === 'ustar' ? nameStart(name) : -1;
        if (nameAt < 0) return false;
      }
      encodeInFrame(
        frame,
        name,
        nameAt,
        mode,
        sizeBytes,
        isDirectory ? TYPEFLAGS.directory : TYPEFLAGS.file,
        out,
        offset,
      );
      return true;
    },
  };
}

/** The frame of headers with such attributes; `undefined` where one block does not hold them. */
function commonFrame(attributes: Omit<EntryAttributes, 'mode'>, options: TarOptions): HeaderFrame | undefined {
  const sample: ArchiveEntry = { ...attributes, path: 'x' as ByteString, mode: 0, body: { type: 'directory' } };
  try {
    const { header, headerSizeBytes } = planMember(sample, options);
    return headerSizeBytes === BLOCK_SIZE ? frameOf(header) : undefined;
  } catch (error) {
    // Whoever plans the first member is told so, with its name.
    if (error instanceof TarError) return undefined;
    throw error;
  }
}
