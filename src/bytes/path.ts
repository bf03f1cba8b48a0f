import { type ByteString, byteStringFrom, bytesOf, encodeUtf8, isAscii } from './byte-string.js';

/**
 * A path in the form that a runtime's file system calls take: text where it is ASCII (which is faster), its bytes
 * elsewhere. Node takes bytes as well as text wherever it takes a path, which its type declarations do not say for
 * a plain `Uint8Array`; hence the cast, here and nowhere else.
 */
export function toFsPath(path: ByteString): string {
  return isAscii(path) ? path : (bytesOf(path) as unknown as string);
}

/** A path given as text (UTF-8) or as bytes, as a byte string. */
export function fromFsPath(path: string | Uint8Array): ByteString {
  return typeof path === 'string' ? encodeUtf8(path) : byteStringFrom(path);
}

/** `directory/name`, without a second slash after one that is there. */
export function joinPath(directory: ByteString, name: ByteString): ByteString {
  return (directory.endsWith('/') ? directory + name : `${directory}/${name}`) as ByteString;
}

/** The directory part of a path; `.` for a bare name, `/` for what is in the root. */
export function directoryName(path: ByteString): ByteString {
  const slash = path.lastIndexOf('/');
  return (slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash)) as ByteString;
}

/** The last component of a path that does not end in a slash. */
export function baseName(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1) as ByteString;
}
