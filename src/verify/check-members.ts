import type { ByteString } from '../bytes/index.js';
import type { TarMember, TarMemberType } from '../tar/index.js';
import { resolveName } from '../transport/index.js';
import { createOrderCheck } from './check-order.js';
import type { FindingPlace, Report } from './finding.js';
import { shown } from './shown.js';
import { createTally } from './tally.js';
import { isUser } from './users.js';

/** Checks what a layer has: names, links, whiteouts, owners, times and order. */
export interface MemberChecks {
  member(member: TarMember): void;
  finish(): void;
}

/** A longer path cannot be unpacked on Linux. */
const MAX_PATH_SIZE = 4096;

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const AUFS = '.wh..wh.';

const SETUID = 0o4000;
const SETGID = 0o2000;

/** So many times are told apart; more are just several. */
const MAX_TIMES = 1000;

/**
 * @param place of all findings, to which member and offset are added
 * @param isLowest whether there is no layer below
 */
export function createMemberChecks(report: Report, place: FindingPlace, isLowest: boolean): MemberChecks {
  const types = new Map<string, TarMemberType>();
  const order = createOrderCheck();
  const times = new Set<number>();
  const users = new Set<string>();
  let userMember: TarMember | undefined;
  let timeMember: TarMember | undefined;
  const missingParents = new Set<string>();
  const tally = createTally({
    MEMBER_ABSOLUTE: 'names begin with a slash',
    MEMBER_SPELLING: 'names have dots or slashes that say nothing',
    MEMBER_PARENT: 'directories have no entry before their members',
    WHITEOUT_AUFS: 'names in which AUFS kept what is its own',
    WHITEOUT_NOTHING: 'whiteouts in the lowest layer, where they hide nothing',
  });

  const checkParents = (path: string, member: TarMember, found: FoundHere): void => {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      const type = types.get(parent);
      if (type === 'directory' || missingParents.has(parent)) return;
      if (type === undefined) {
        missingParents.add(parent);
        tally.add('MEMBER_PARENT', member.name, member.headerOffset, `"${shown(parent)}"`);
      } else if (type === 'symlink') {
        found('MEMBER_BELOW_LINK', `it is below "${shown(parent)}", which is a symlink in the same layer`);
        return;
      } else {
        found('MEMBER_BELOW_FILE', `it is below "${shown(parent)}", which is a ${type} in the same layer`);
        return;
      }
    }
  };

  const checkWhiteout = (name: string, parent: string, member: TarMember, found: FoundHere): void => {
    if (name !== OPAQUE && (name.startsWith(AUFS) || parent.startsWith(AUFS))) {
      tally.add('WHITEOUT_AUFS', member.name, member.headerOffset);
      return;
    }
    const hidden = name.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..') {
      found('WHITEOUT_INVALID', `it must hide a name, and hides "${shown(hidden)}"`);
    }
    if (member.type !== 'file' || member.sizeBytes > 0) {
      found('WHITEOUT_TYPE', `a whiteout must be an empty file, and is a ${member.type} of ${member.sizeBytes} bytes`);
    }
    if (isLowest && name !== OPAQUE) tally.add('WHITEOUT_NOTHING', member.name, member.headerOffset);
  };

  const checkLink = (path: string, { type, linkname }: TarMember, found: FoundHere): void => {
    if (type === 'hard-link') {
      const target = resolveName('', linkname);
      if (target === undefined)
        found('LINK_OUT', `it is a hard link to "${shown(linkname)}", which is outside the root`);
      else if (!types.has(target)) {
        found('LINK_MISSING', `it is a hard link to "${shown(linkname)}", which the layer does not hold before it`);
      }
    } else if (type === 'symlink' && !linkname.startsWith('/')) {
      if (resolveName(path.slice(0, Math.max(0, path.lastIndexOf('/'))), linkname) === undefined) {
        found('SYMLINK_OUT', `it is a symlink to "${shown(linkname)}", which leads above the root`);
      }
    }
  };

  const noteAttributes = (member: TarMember, found: FoundHere): void => {
    const { mode, type, uid, gid, uname, gname, mtimeSeconds, paxRecords } = member;
    if (times.size < MAX_TIMES && !times.has(mtimeSeconds)) {
      if (times.size === 1) timeMember = member;
      times.add(mtimeSeconds);
    }
    for (const [id, name] of [
      [uid, uname],
      [gid, gname],
    ] as const) {
      if (!isUser(id, name) || users.size >= MAX_TIMES) continue;
      users.add(`${name}:${id}`);
      userMember ??= member;
    }
    // Of a directory setgid is how new files get its group.
    if (type === 'file' && mode & (SETUID | SETGID))
      found('MODE_SETUID', `its mode is ${mode.toString(8).padStart(4, '0')}`);
    if (paxRecords.has('SCHILY.xattr.security.capability')) found('MODE_CAPABILITY', 'it has capabilities');
    if (type === 'character-device' || type === 'block-device' || type === 'fifo') {
      found('MEMBER_DEVICE', `it is a ${type}${type === 'fifo' ? '' : ` ${member.devMajor},${member.devMinor}`}`);
    }
  };

  return {
    member(member) {
      const { name, headerOffset } = member;
      const found: FoundHere = (code, message) =>
        report(code, message, { ...place, member: name, offset: headerOffset });
      noteAttributes(member, found);
      if (name.length > MAX_PATH_SIZE) {
        found('MEMBER_NAME', `its name must have at most ${MAX_PATH_SIZE} bytes, and has ${name.length}`);
        return;
      }
      const components = name.split('/');
      const path = resolveName('', name);
      if (path === undefined || components.includes('..')) {
        found('MEMBER_NAME', 'its name must have no ".."');
        return;
      }
      if (path === '' && member.type !== 'directory') {
        found('MEMBER_NAME', 'its name is that of the root, which must be a directory');
        return;
      }
      if (name.startsWith('/')) tally.add('MEMBER_ABSOLUTE', name, headerOffset);
      const plain = name.replace(/^(?:\/|\.\/)/, '').replace(/\/$/, '');
      if (plain !== path && plain !== '.') tally.add('MEMBER_SPELLING', name, headerOffset);
      checkParents(path, member, found);
      const slash = path.lastIndexOf('/');
      const base = path.slice(slash + 1);
      if (base.startsWith(WHITEOUT)) checkWhiteout(base, path, member, found);
      checkLink(path, member, found);
      if (types.has(path)) found('MEMBER_REPEATED', 'its path stands in the layer before');
      types.set(path, member.type);
      order.add(path, member.type === 'directory');
    },
    finish() {
      tally.report(report, place);
      const unsorted = order.finish();
      if (unsorted !== undefined) {
        report('MEMBER_ORDER', `${unsorted.count} members are not in the order of their names: ${unsorted.example}`, {
          ...place,
          member: unsorted.path as ByteString,
        });
      }
      if (times.size > 1) {
        const sorted = [...times].sort((a, b) => a - b);
        const many = times.size === MAX_TIMES ? `${MAX_TIMES} or more` : String(times.size);
        report('MEMBER_TIMES', `members have ${many} times, from @${sorted[0]} to @${sorted.at(-1)}`, {
          ...place,
          member: timeMember!.name,
          offset: timeMember!.headerOffset,
        });
      }
      if (userMember !== undefined) {
        const names = [...users].slice(0, 5).map((user) => `"${shown(user)}"`);
        report(
          times.size > 1 ? 'MEMBER_OWNER' : 'MEMBER_USER',
          `members are owned by ${names.join(', ')}${users.size > 5 ? ' and others' : ''}`,
          {
            ...place,
            member: userMember.name,
            offset: userMember.headerOffset,
          },
        );
      }
    },
  };
}

type FoundHere = (code: Parameters<Report>[0], message: string) => void;
