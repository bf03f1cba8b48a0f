import { type Both, shownName } from '../compare/difference.js';
import type { MemberRecord } from '../compare/listing.js';
import { fieldText } from '../compare/member-fields.js';
import { memberKey } from '../compare/pair-members.js';
import type { ReadTar } from '../compare/tar-bytes.js';
import { cause, counted, differing, type LocalCause, pairsWith, type TarInput } from './cause.js';
import { listed } from './explain-attributes.js';

/** Explains types of members: hard links and copies, links that were followed, sparse files. */
export function explainTypes(input: TarInput): LocalCause[] {
  const pairs = pairsWith(input, 'type');
  const isFileLinked = ({ a, b }: Both<MemberRecord>): boolean => isLink(a) !== isLink(b) && (isFile(a) || isFile(b));
  const links = pairs.filter(isFileLinked);
  const others = pairs.filter((pair) => !isFileLinked(pair));
  const causes = [...explainHardLinks(input, links)];
  if (others.length > 0) {
    const isFollowed = others.every(
      ({ a, b }) => (a.attributes.type === 'symlink') !== (b.attributes.type === 'symlink'),
    );
    const message = `type of ${differing(others.length, 'member')}${isFollowed ? ': one side has symlinks where the other has what they may lead to' : ''}`;
    causes.push(
      cause(
        'TYPE',
        others.length,
        message,
        listed(others, (member) => fieldText('type', member)),
      ),
    );
  }
  const targets = pairsWith(input, 'linkname');
  const isSymlink = ({ a }: Both<MemberRecord>): boolean => a.attributes.type === 'symlink';
  const symlinks = targets.filter(isSymlink);
  const text = ({ linkname }: MemberRecord): string => `"${shownName(linkname)}"`;
  if (symlinks.length > 0) {
    causes.push(
      cause('SYMLINK', symlinks.length, `target of ${differing(symlinks.length, 'symlink')}`, listed(symlinks, text)),
    );
  }
  if (targets.length > symlinks.length) {
    const hard = targets.filter((pair) => !isSymlink(pair));
    const message = `${counted(hard.length, 'hard link')} to another name of the file: to that which comes first`;
    causes.push(cause('HARD_LINK', hard.length, message, listed(hard, text), 'probable'));
  }
  const sparse = pairsWith(input, 'sparse');
  if (sparse.length > 0) {
    const message = `${counted(sparse.length, 'file')} with holes: stored as sparse on one side and whole on the other, or in another form`;
    causes.push(
      cause(
        'SPARSE',
        sparse.length,
        message,
        listed(sparse, (member) => fieldText('sparse', member)),
      ),
    );
  }
  return causes;
}

const isLink = ({ attributes }: MemberRecord): boolean => attributes.type === 'hard-link';
const isFile = ({ attributes }: MemberRecord): boolean => attributes.type === 'file';

function explainHardLinks({ a, b }: TarInput, pairs: readonly Both<MemberRecord>[]): LocalCause[] {
  const linked = { A: pairs.filter((pair) => isLink(pair.a)), B: pairs.filter((pair) => isLink(pair.b)) };
  if (linked.A.length > 0 && linked.B.length > 0) {
    const message = `of files with several names, ${counted(pairs.length, 'name')} the file on one side and a hard link to it on the other: the file is what comes first`;
    return [
      cause(
        'HARD_LINK',
        pairs.length,
        message,
        listed(pairs, (member) => fieldText('type', member)),
        'probable',
      ),
    ];
  }
  const [side, other] = linked.A.length > 0 ? ['A', 'B'] : ['B', 'A'];
  if (pairs.length === 0) return [];
  const [tar, link, file] = side === 'A' ? ([a, 'a', 'b'] as const) : ([b, 'b', 'a'] as const);
  const contents = contentsOf(tar);
  const same = pairs.filter((pair) => contents.get(memberKey(pair[link].linkname)) === pair[file].contentHash).length;
  const message = `hard link in ${side}, copy in ${other}: ${counted(pairs.length, 'member')}, of which ${same === pairs.length ? 'all have' : `${same} have`} the content of what the link leads to`;
  return [
    cause(
      'HARD_LINK',
      pairs.length,
      message,
      listed(pairs, (member) => fieldText('type', member)),
    ),
  ];
}

/** Of the files that names lead to. */
function contentsOf({ listing }: ReadTar): Map<string, string> {
  return new Map(listing.members.filter(isFile).map(({ name, contentHash }) => [memberKey(name), contentHash]));
}
