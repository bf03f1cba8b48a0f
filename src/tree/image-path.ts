import { type ByteString, displayName } from '../bytes/index.js';
import { TreeError } from './tree-error.js';

/**
 * Parses a place in the image: with or without the leading slash, which is not part of the result. The root is the
 * empty path. One trailing slash is allowed.
 *
 * @param what how messages name the value, e.g. `--add destination`
 * @throws {TreeError} PATH_INVALID for `.`, `..`, an empty component or a NUL
 */
export function parseImagePath(text: ByteString, what: string): ByteString {
  const relative = text.startsWith('/') ? text.slice(1) : text;
  const path = (relative.endsWith('/') ? relative.slice(0, -1) : relative) as ByteString;
  if (path === '' && text.length <= 1 && text !== '') return path;
  return checkImagePath(path, text, what);
}

/**
 * Checks a relative path that is to be a member.
 *
 * @throws {TreeError} PATH_INVALID, as {@link parseImagePath}; WHITEOUT_NAME for a name that layers read as a deletion
 */
export function checkImagePath(path: ByteString, given: ByteString, what: string): ByteString {
  if (isPlain(path)) return path;
  for (const component of path.split('/')) {
    if (component === '' || component === '.' || component === '..' || component.includes('\0')) {
      const problem =
        component === '' ? 'an empty component' : component.includes('\0') ? 'a NUL' : `the component "${component}"`;
      throw new TreeError(
        'PATH_INVALID',
        `Cannot use ${what} "${displayName(given)}": a path in the image must be a list of names, and this one has ${problem}`,
        {
          path: given,
        },
      );
    }
    if (component.startsWith('.wh.')) {
      throw new TreeError(
        'WHITEOUT_NAME',
        `Cannot use ${what} "${displayName(given)}": names must not begin with ".wh.", which layers read as a deletion, and "${displayName(component as ByteString)}" does`,
        { path: given },
      );
    }
  }
  return path;
}

/** Whether a look at the whole path is enough: no component is empty or begins with a dot, as almost none does. */
function isPlain(path: ByteString): boolean {
  const last = path.length - 1;
  return (
    last >= 0 &&
    path[0] !== '/' &&
    path[0] !== '.' &&
    path[last] !== '/' &&
    !path.includes('/.') &&
    !path.includes('//') &&
    !path.includes('\0')
  );
}
