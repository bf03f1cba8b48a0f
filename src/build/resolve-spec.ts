import { isAbsolute, resolve } from 'node:path';
import { BuildError } from './build-error.js';
import type { BuildSpec } from './spec.js';

/**
 * Makes every path on this machine absolute, against `base`; what is absolute stays.
 *
 * @throws {BuildError} SPEC_INVALID for a relative path without a base
 */
export function resolveSpecPaths(spec: BuildSpec, base: string | undefined): BuildSpec {
  const absolute = (path: string): string => {
    if (path === '')
      throw new BuildError('SPEC_INVALID', 'Cannot use an empty path: it must have at least one character');
    if (base === undefined && !isAbsolute(path)) {
      throw new BuildError(
        'SPEC_INVALID',
        `Cannot use the path "${path}": it must be absolute where no working directory is given`,
        { path },
      );
    }
    return base === undefined ? resolve(path) : resolve(base, path);
  };
  // Only a prefix is put before SRC of SRC=DEST: normalising would change DEST, and its "..", which is refused later.
  const absoluteAdd = (text: string): string => {
    if (isAbsolute(text)) return text;
    if (base === undefined) absolute(text);
    return `${base}/${text}`;
  };
  return {
    ...spec,
    ...(spec.paths && { paths: spec.paths.map(absolute) }),
    ...(spec.add && { add: spec.add.map(absoluteAdd) }),
    ...(spec.root !== undefined && { root: absolute(spec.root) }),
    ...(spec.database !== undefined && { database: absolute(spec.database) }),
    ...(spec.prefix !== undefined && { prefix: absolute(spec.prefix) }),
    ...(typeof spec.config === 'string' && { config: absolute(spec.config) }),
    ...(spec.output !== undefined &&
      spec.output !== '-' && { output: keepTrailingSlash(spec.output, absolute(spec.output)) }),
  };
}

/** `resolve` drops the slash that says that a directory is meant. */
function keepTrailingSlash(given: string, resolved: string): string {
  return given.endsWith('/') && !resolved.endsWith('/') ? `${resolved}/` : resolved;
}
