import { type ByteString, displayName } from '../../bytes/index.js';
import { createTarDecoder, type TarDecoder, type TarMember } from '../../tar/index.js';
import { type BaseFailure, explained } from './base-error.js';
import type { StoredFile } from './stored-file.js';

/** Where the content of a member stands in its archive. */
export interface MemberPlace {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The regular files of an archive by name, those included that links of the archive lead to. */
export interface MemberIndex {
  /** @returns `undefined` for a name that is none of a file of the archive */
  get(name: string): MemberPlace | undefined;
}

export interface MemberIndexer {
  /** Takes the archive, or passes over what no index needs. */
  readonly decoder: TarDecoder;
  /** @throws {TransportError} BASE_INVALID when the archive is not whole */
  finish(): MemberIndex;
}

/** An image has three members a layer at the most. */
const MAX_MEMBERS = 100_000;

/** Longer names are none that an image has, and a hundred thousand of a megabyte would fill the memory. */
const MAX_NAME_SIZE = 512;

/** Links that are followed from one name; docker and skopeo make chains of one. */
const MAX_LINKS = 8;

/** What decides which image this is: readers differ in which of two they take. */
const ROOT_DOCUMENTS: readonly string[] = ['oci-layout', 'index.json', 'manifest.json'];

/**
 * Makes an index of an archive's members. No name of it ever becomes that of a file: names are keys, links are looked
 * up among them, and one that leads out of the archive leads nowhere. Of two members of one name the last counts, as
 * when the archive is unpacked; a document of the image must not stand twice.
 */
export function createMemberIndexer(fail: BaseFailure): MemberIndexer {
  const members = new Map<string, MemberPlace | { readonly target: string | undefined }>();
  const add = (member: TarMember): void => {
    if (member.name.length > MAX_NAME_SIZE || member.linkname.length > MAX_NAME_SIZE) return;
    const name = resolveName('', member.name);
    if (name === undefined || name === '') return;
    if (ROOT_DOCUMENTS.includes(name) && members.has(name)) {
      throw fail('BASE_INVALID', `its archive must have one "${name}", and has another at byte ${member.startOffset}`);
    }
    if (member.type === 'file') {
      members.set(name, { offset: member.contentOffset, sizeBytes: member.sizeBytes });
    } else if (member.type === 'hard-link') {
      members.set(name, { target: resolveName('', member.linkname) });
    } else if (member.type === 'symlink') {
      const target = member.linkname.startsWith('/') ? undefined : resolveName(directoryOf(name), member.linkname);
      members.set(name, { target });
    } else members.delete(name);
  };
  const decoder = createTarDecoder({ member: add }, { maxMembers: MAX_MEMBERS });
  return {
    decoder,
    finish() {
      explained('its archive', fail, () => decoder.finish());
      return {
        get(name) {
          let at = resolveName('', name as ByteString);
          for (let links = 0; at !== undefined && links <= MAX_LINKS; links++) {
            const found = members.get(at);
            if (found === undefined || 'offset' in found) return found;
            at = found.target;
          }
          if (at === undefined) return undefined;
          throw fail('BASE_INVALID', `"${displayName(name as ByteString)}" is a chain of more than ${MAX_LINKS} links`);
        },
      };
    },
  };
}

/** Indexes an archive that can be read at any place: of its members' contents nothing is read. */
export function indexArchive(file: StoredFile, fail: BaseFailure): MemberIndex {
  const indexer = createMemberIndexer(fail);
  const { decoder } = indexer;
  const buffer = new Uint8Array(1 << 15);
  explained('its archive', fail, () => {
    for (let position = 0; position < file.sizeBytes; ) {
      const skipped = Math.min(decoder.skippableBytes(), file.sizeBytes - position);
      decoder.skip(skipped);
      position += skipped;
      // A header and, often, the whole of a long name; content behind them is passed over.
      const count = file.readAt(buffer.subarray(0, skipped === 0 && position > 0 ? buffer.length : 512), position);
      if (count === 0) break;
      decoder.push(buffer.subarray(0, count));
      position += count;
    }
  });
  return indexer.finish();
}

/** A name without `.` and slashes that say nothing; `undefined` where it leads above the root. */
function resolveName(directory: string, name: ByteString): string | undefined {
  const result = directory === '' ? [] : directory.split('/');
  for (const component of name.split('/')) {
    if (component === '' || component === '.') continue;
    if (component !== '..') result.push(component);
    else if (result.pop() === undefined) return undefined;
  }
  return result.join('/');
}

function directoryOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}
