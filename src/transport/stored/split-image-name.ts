import { lstatSync } from 'node:fs';
import { type ByteString, encodeUtf8, toFsPath } from '../../bytes/index.js';
import { systemCode } from '../../errors/index.js';

/** An image on this machine. */
export interface ImageName {
  readonly path: string;
  /** A tag or a reference. */
  readonly reference?: string;
}

/** Splits `PATH[:REFERENCE]` at the last colon before which a PATH exists. */
export function splitImageName(text: string, absolute: (path: string) => string): ImageName {
  for (let at = text.length; at > 0; at = text.lastIndexOf(':', at - 1)) {
    const path = absolute(text.slice(0, at));
    if (pathExists(encodeUtf8(path))) return { path, ...(at < text.length && { reference: text.slice(at + 1) }) };
  }
  return { path: absolute(text) };
}

/** Whether the system knows of a path, if only that it must not be looked at. */
export function pathExists(path: ByteString): boolean {
  try {
    lstatSync(toFsPath(path));
    return true;
  } catch (error) {
    return !['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemCode(error));
  }
}
