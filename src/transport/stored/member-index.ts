import { BLOCK_SIZE, type ByteString, displayName } from '../../bytes/index.js';
import { createTarDecoder, type TarDecoder, type TarMember } from '../../tar/index.js';
import { explained, type ReadFailure } from './read-failure.js';
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
  /** @throws {TransportError} INVALID when the archive is not whole */
  finish(): MemberIndex;
}

/** An image has three members a layer at the most. */
export const MAX_MEMBERS = 100_000;

/** Longer names are none that an image has, and a hundred thousand of a megabyte would fill the memory. */
const MAX_NAME_SIZE = 512;

/** Links that are followed from one name; docker and skopeo make chains of one. */
const MAX_LINKS = 8;

/** What decides which image this is: readers differ in which of two they take. */
const ROOT_DOCUMENTS: readonly string[] = ['oci-layout', 'index.json', 'manifest.json'];

/** Names of an archive's members, to which its links may lead. */
export interface MemberNames {
  add(member: TarMember): void;
  /** @throws {TransportError} INVALID for a chain of links */
  get(name: string): MemberPlace | undefined;
  /** Those of regular files and links, each once, with all places where it stands; a link has none. */
  entries(): IterableIterator<[name: string, places: readonly MemberPlace[]]>;
}

interface Named {
  /** All that stand under the name, in their order; none of a link. */
  readonly places: MemberPlace[];
  /** Of a link, which may lead nowhere. */
  readonly link: { readonly target: string | undefined } | undefined;
}

/**
 * Keeps the names of an archive's members. No name of it ever becomes that of a file: names are keys, links are looked
 * up among them, and one that leads out of the archive leads nowhere. Of two members of one name the last counts, as
 * when the archive is unpacked.
 *
 * @param onRepeatedDocument told of a document of the image that stands twice
 */
export function createMemberNames(
  fail: ReadFailure,
  onRepeatedDocument: (name: string, member: TarMember) => void,
): MemberNames {
  const members = new Map<string, Named>();
  return {
    add(member) {
      if (member.name.length > MAX_NAME_SIZE || member.linkname.length > MAX_NAME_SIZE) return;
      const name = resolveName('', member.name);
      if (name === undefined || name === '') return;
      const before = members.get(name);
      if (ROOT_DOCUMENTS.includes(name) && before !== undefined) onRepeatedDocument(name, member);
      if (member.type === 'file') {
        const place = { offset: member.contentOffset, sizeBytes: member.sizeBytes };
        if (before?.link === undefined && before !== undefined) before.places.push(place);
        else members.set(name, { places: [place], link: undefined });
      } else if (member.type === 'hard-link') {
        members.set(name, { places: [], link: { target: resolveName('', member.linkname) } });
      } else if (member.type === 'symlink') {
        const target = member.linkname.startsWith('/') ? undefined : resolveName(directoryOf(name), member.linkname);
        members.set(name, { places: [], link: { target } });
      } else members.delete(name);
    },
    get(name) {
      let at = resolveName('', name as ByteString);
      for (let links = 0; at !== undefined && links <= MAX_LINKS; links++) {
        const found = members.get(at);
        if (found?.link === undefined) return found?.places.at(-1);
        at = found.link.target;
      }
      if (at === undefined) return undefined;
      throw fail('INVALID', `"${displayName(name as ByteString)}" is a chain of more than ${MAX_LINKS} links`);
    },
    *entries() {
      for (const [name, { places }] of members) yield [name, places];
    },
  };
}

/** Makes an index of an archive's members; a document of the image must not stand twice. */
export function createMemberIndexer(fail: ReadFailure): MemberIndexer {
  const names = createMemberNames(fail, (name, { startOffset }) => {
    throw fail('INVALID', `its archive must have one "${name}", and has another at byte ${startOffset}`);
  });
  const decoder = createTarDecoder({ member: names.add }, { maxMembers: MAX_MEMBERS });
  return {
    decoder,
    finish() {
      explained('its archive', fail, () => decoder.finish());
      return names;
    },
  };
}

/** Indexes an archive that can be read at any place: of its members' contents nothing is read. */
export function indexArchive(file: StoredFile, fail: ReadFailure): MemberIndex {
  const indexer = createMemberIndexer(fail);
  explained('its archive', fail, () => decodeSkipping(file, indexer.decoder));
  return indexer.finish();
}

/**
 * Decodes an archive that can be read at any place, and passes over content.
 *
 * @param options whether the handler wants padding too, and what follows the end
 */
export function decodeSkipping(
  file: StoredFile,
  decoder: TarDecoder,
  { padding = false }: { readonly padding?: boolean } = {},
): void {
  const buffer = new Uint8Array(1 << 15);
  for (let position = 0; position < file.sizeBytes; ) {
    const skippable = decoder.skippableBytes() - (padding ? BLOCK_SIZE - 1 : 0);
    const skipped =
      padding && skippable > file.sizeBytes ? 0 : Math.max(0, Math.min(skippable, file.sizeBytes - position));
    decoder.skip(skipped);
    position += skipped;
    // A header and, often, the whole of a long name; content behind them is passed over.
    const count = file.readAt(buffer.subarray(0, skipped === 0 && position > 0 ? buffer.length : 512), position);
    if (count === 0) break;
    decoder.push(buffer.subarray(0, count));
    position += count;
  }
}

/** A name without `.` and slashes that say nothing; `undefined` where it leads above the root. */
export function resolveName(directory: string, name: ByteString): string | undefined {
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
