import { BLOCK_SIZE, type ByteString, isAscii } from '../bytes/index.js';
import type { ArchiveEntry, EntryAttributes } from '../entry/index.js';
import type { TarOptions } from './format.js';
import { fillTemplate, type HeaderTemplate, headerTemplate, USTAR_LIMITS } from './header.js';
import { planMember } from './member.js';
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
 * Nearly every member of a tree has a header of one block, and but for name and size there are few of them. Those are
 * planned once, by the rules that hold for every member.
 */
export function createPlainEncoder(attributes: Omit<EntryAttributes, 'mode'>, options: TarOptions): PlainEncoder {
  const { format } = options;
  /** By mode; `undefined` where one block does not hold the attributes. */
  const fileTemplates: (HeaderTemplate | undefined)[] = [];
  const directoryTemplates: (HeaderTemplate | undefined)[] = [];
  return {
    encode(path, isDirectory, mode, sizeBytes, out, offset) {
      const templates = isDirectory ? directoryTemplates : fileTemplates;
      if (!(mode in templates)) templates[mode] = templateOf(attributes, mode, isDirectory, options);
      const template = templates[mode];
      if (template === undefined || sizeBytes > USTAR_LIMITS.size) return false;
      const name = isDirectory && !path.endsWith('/') ? (`${path}/` as ByteString) : path;
      if (name === '' || name.includes('\0')) return false;
      if (format === 'posix' && !isAscii(name)) return false;
      let nameAt = 0;
      if (name.length > USTAR_LIMITS.name) {
        nameAt = format === 'ustar' ? nameStart(name) : -1;
        if (nameAt < 0) return false;
      }
      fillTemplate(template, name, nameAt, sizeBytes, out, offset);
      return true;
    },
  };
}

function templateOf(
  attributes: Omit<EntryAttributes, 'mode'>,
  mode: number,
  isDirectory: boolean,
  options: TarOptions,
): HeaderTemplate | undefined {
  const body: ArchiveEntry['body'] = isDirectory
    ? { type: 'directory' }
    : { type: 'file', sizeBytes: 0, source: { from: 'memory', bytes: new Uint8Array(0) } };
  try {
    const { header, headerSizeBytes } = planMember({ ...attributes, path: 'x' as ByteString, mode, body }, options);
    return headerSizeBytes === BLOCK_SIZE ? headerTemplate(header) : undefined;
  } catch (error) {
    // Whoever plans a member is told so, with its name.
    if (error instanceof TarError) return undefined;
    throw error;
  }
}
