import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../support/commands.js';
import { gnuTar, gnuTarArguments } from '../support/gnu-tar.js';

/** A populate directive, as Guix evaluates it in an empty directory. */
export type Directive =
  | { readonly directory: string; readonly mode?: number }
  | { readonly file: string; readonly content: string }
  | { readonly link: string; readonly to: string };

export interface GuixInputs {
  readonly paths?: readonly string[];
  readonly extraFiles?: readonly Directive[];
  readonly transformations?: readonly (readonly [from: string, to: string])[];
  readonly database?: string;
  readonly prefix?: string;
  readonly rootSystem?: string;
}

/**
 * The layer tar that Guix's `build-docker-image` makes, with GNU tar in its place: facts 9 to 14 of its description.
 *
 * @param scratch an existing empty directory
 */
export function guixLayer(inputs: GuixInputs, scratch: string): Buffer {
  const { paths = [], extraFiles = [], transformations = [], database, prefix = '', rootSystem } = inputs;
  const layer = join(scratch, 'layer.tar');
  const options = [
    ...(transformations.length > 0 ? ['--transform', guixExpression(transformations)] : []),
    ...gnuTarArguments('gnu'),
  ];
  if (rootSystem === undefined) {
    const extra = join(scratch, 'extra');
    makeDirectory(extra);
    for (const directive of extraFiles) populate(directive, extra);
    if (database !== undefined) installDatabase(database, prefix, extra);
    gnuTar([...options, '-cf', layer, ...paths, ...sortedNames(extra)], extra);
    rmSync(extra, { recursive: true });
  } else {
    gnuTar([...options, '-cf', layer, ...sortedNames(rootSystem)], rootSystem);
  }
  // Fails where there is no such member, which is no error.
  spawnSync('tar', ['--delete', '/', '-f', layer]);
  return readFileSync(layer);
}

/** The `--transform` expression that Guix makes of its transformations. */
export function guixExpression(transformations: readonly (readonly [from: string, to: string])[]): string {
  const sanitize = (text: string): string => text.replace(/^\/+/, '').replace(/[/*.^$[\]\\]/g, (char) => `\\${char}`);
  const replacements = transformations.map(([from, to]) => `s/^${sanitize(from)}/${sanitize(to)}/`);
  return `flags=rSH;${replacements.join(';')};s,^//*,,`;
}

/** The deterministic tar of the directory `.`, as Guix's outer archive is one. */
export function tarOfDirectory(directory: string): Buffer {
  return gnuTar([...gnuTarArguments('gnu'), '-cf', '-', '.'], directory);
}

/** The deterministic tar of files in an order that is given, without directories. */
export function tarOfFiles(directory: string, names: readonly string[]): Buffer {
  return gnuTar([...gnuTarArguments('gnu'), '--no-recursion', '-cf', '-', ...names], directory);
}

/** What `sha256sum` says of bytes. */
export function sha256sum(bytes: Uint8Array, scratch: string): string {
  const file = join(scratch, 'to-hash');
  writeFileSync(file, bytes);
  return run('sha256sum', [file]).toString().slice(0, 64);
}

function populate(directive: Directive, root: string): void {
  if ('directory' in directive) {
    makeDirectory(join(root, directive.directory));
    if (directive.mode !== undefined) chmodSync(join(root, directive.directory), directive.mode);
  } else if ('file' in directive) {
    writeFileSync(join(root, directive.file), directive.content);
    chmodSync(join(root, directive.file), 0o644);
  } else {
    const path = join(root, directive.link);
    rmSync(path, { force: true });
    symlinkSync(directive.to, path);
  }
}

function installDatabase(database: string, prefix: string, root: string): void {
  makeDirectory(join(root, 'var/guix/db'));
  copyFileSync(database, join(root, 'var/guix/db/db.sqlite'));
  chmodSync(join(root, 'var/guix/db/db.sqlite'), 0o644);
  makeDirectory(join(root, 'var/guix/gcroots'));
  symlinkSync('/var/guix/profiles', join(root, 'var/guix/gcroots/profiles'));
  const profiles = join(root, 'var/guix/profiles/per-user/root');
  makeDirectory(profiles);
  symlinkSync(prefix, join(profiles, 'guix-profile-1-link'));
  symlinkSync('guix-profile-1-link', join(profiles, 'guix-profile'));
}

/** `mkdir-p` with umask 022; what is there keeps its mode. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    makeDirectory(dirname(path));
    mkdirSync(path);
  }
  chmodSync(path, 0o755);
}

/** What is in a directory, in byte order; every name of these tests is ASCII. */
function sortedNames(directory: string): string[] {
  return readdirSync(directory).sort();
}
