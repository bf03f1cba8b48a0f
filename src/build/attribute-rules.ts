import { type ByteString, displayName, displayText, encodeUtf8 } from '../bytes/index.js';
import {
  type ArchiveEntry,
  applyModeChanges,
  compileGlob,
  type EntryAttributes,
  type ModeChanges,
  type NameMatcher,
  parseOctalMode,
  parseOwnerPair,
} from '../entry/index.js';
import type { ImageTree, PathTransform } from '../tree/index.js';
import type { BuildSpec } from './spec.js';
import { splitLast } from './split.js';

export interface RuleSettings {
  /** Changes for all members but symlinks, before the rules. */
  readonly mode: ModeChanges | undefined;
  /** Modes that a directive gave by itself: changing them is allowed, and worth a warning. */
  readonly givenModes: ReadonlyMap<ByteString, number>;
  /** Image paths whose mode the changes leave alone. */
  readonly fixedModes: ReadonlySet<ByteString>;
  /** Image path of a node, which globs are matched against. */
  readonly rename: PathTransform;
  readonly onWarning: (message: string) => void;
}

interface Rule<T> {
  readonly option: '--chmod' | '--chown';
  readonly text: string;
  readonly matches: NameMatcher;
  readonly gives: T;
}

type Owner = ReturnType<typeof ownerOfIds>;

/** `--mode`, `--chmod` and `--chown`, compiled: of the rules of one kind that match a path the last wins. */
export interface AttributeRules {
  /** Changes for all members but symlinks, before the rules. */
  readonly changes: ModeChanges | undefined;
  readonly modes: readonly number[];
  readonly owners: readonly Owner[];
  /** Which of `modes` a path gets, from 1; 0 for none. */
  modeOf(path: ByteString): number;
  /** Which of `owners` a path gets, from 1; 0 for none. */
  ownerOf(path: ByteString): number;
  /** Warns of each rule that has matched nothing so far. */
  warnOfUnused(): void;
}

/** @throws {EntryError} MODE_INVALID, ID_INVALID, GLOB_INVALID; {BuildError} SPEC_INVALID */
export function compileAttributeRules(
  spec: BuildSpec,
  { mode: changes, onWarning }: Pick<RuleSettings, 'mode' | 'onWarning'>,
): AttributeRules {
  const chmods = (spec.chmod ?? []).map((text): Rule<number> => {
    const [glob, mode] = splitLast(encodeUtf8(text), '--chmod', 'GLOB=MODE');
    return { option: '--chmod', text, matches: compileGlob(glob), gives: parseOctalMode(mode) };
  });
  const chowns = (spec.chown ?? []).map((text): Rule<Owner> => {
    const [glob, ids] = splitLast(encodeUtf8(text), '--chown', 'GLOB=UID:GID');
    return { option: '--chown', text, matches: compileGlob(glob), gives: ownerOfIds(parseOwnerPair(ids)) };
  });
  const used = new Set<Rule<unknown>>();
  const lastMatch = (rules: readonly Rule<unknown>[], path: ByteString): number => {
    let last = 0;
    for (const [index, rule] of rules.entries()) {
      if (!rule.matches(path)) continue;
      used.add(rule);
      last = index + 1;
    }
    return last;
  };
  return {
    changes,
    modes: chmods.map(({ gives }) => gives),
    owners: chowns.map(({ gives }) => gives),
    modeOf: (path) => lastMatch(chmods, path),
    ownerOf: (path) => lastMatch(chowns, path),
    warnOfUnused() {
      for (const rule of [...chmods, ...chowns])
        if (!used.has(rule)) onWarning(`${rule.option} "${displayText(rule.text)}" matches nothing`);
    },
  };
}

/** Applies rules to trees, the changes of modes first. */
export function applyAttributeRules(trees: readonly ImageTree[], rules: AttributeRules, settings: RuleSettings): void {
  const { changes, modes, owners } = rules;
  if (changes !== undefined) for (const tree of trees) applyMode(tree, changes, settings);
  if (modes.length + owners.length === 0) return;
  for (const tree of trees) {
    for (const { entry } of [...tree.nodes()]) {
      const path = settings.rename(entry.path);
      // The mode of a symlink means nothing; its owner does.
      const mode = entry.body.type === 'symlink' ? undefined : modes[rules.modeOf(path) - 1];
      const owner = owners[rules.ownerOf(path) - 1];
      if (mode !== undefined || owner !== undefined)
        tree.setAttributes(entry.path, () => ({ ...(mode !== undefined && { mode }), ...owner }));
    }
  }
}

function applyMode(
  tree: ImageTree,
  changes: ModeChanges,
  { givenModes, fixedModes, rename, onWarning }: RuleSettings,
): void {
  const changed = (entry: ArchiveEntry): number =>
    applyModeChanges(changes, entry.mode, entry.body.type === 'directory');
  for (const node of [...tree.nodes()]) {
    const { entry } = node;
    if (entry.body.type === 'symlink' || fixedModes.has(rename(entry.path))) continue;
    const mode = changed(entry);
    if (mode === entry.mode && [...node.covered.values()].every((each) => changed(each) === each.mode)) continue;
    const given = givenModes.get(rename(entry.path));
    if (given !== undefined && mode !== entry.mode) {
      onWarning(
        `--mode changes "/${displayName(entry.path)}" from the ${octal(given)} that was given for it to ${octal(mode)}; --chmod comes after it`,
      );
    }
    tree.setAttributes(entry.path, (each) => ({ mode: changed(each) }));
  }
}

/** Owners by number alone: only 0 has a name that every image knows. */
export function ownerOfIds({
  uid,
  gid,
}: {
  readonly uid: number;
  readonly gid: number;
}): Pick<EntryAttributes, 'uid' | 'gid' | 'uname' | 'gname'> {
  return { uid, gid, uname: (uid === 0 ? 'root' : '') as ByteString, gname: (gid === 0 ? 'root' : '') as ByteString };
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
