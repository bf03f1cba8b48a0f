import { spawnSync } from 'node:child_process';

/**
 * Runs a Python 3 program and parses the JSON that it prints.
 *
 * @param input standard input
 */
export function python<T>(program: string, args: readonly string[], input?: string | Uint8Array): T {
  const { status, stdout, stderr, error } = spawnSync('python3', ['-I', '-c', program, ...args], {
    input,
    maxBuffer: 1 << 30,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`python3 exited with ${status}:\n${stderr}`);
  return JSON.parse(stdout.toString('utf8')) as T;
}

/** A member as Python's tarfile reads it; names are byte strings, one char a byte. */
export interface PythonMember {
  readonly name: string;
  readonly linkname: string;
  /** The typeflag. */
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly mtime: number;
  readonly devmajor: number;
  readonly devminor: number;
  /** Keys of the member's pax records, in their order. */
  readonly pax: readonly string[];
  /** SHA-256 of a regular file's content. */
  readonly sha256: string | null;
  /** Offset of the content. */
  readonly offset: number;
}

/** Defines `members(path, digests)`, for programs of {@link python}. */
export const PYTHON_MEMBERS = `
import hashlib, json, sys, tarfile

def text(value):
    return value.encode('utf-8', 'surrogateescape').decode('latin-1')

def members(path, digests=True):
    with tarfile.open(path, 'r:', encoding='utf-8', errors='surrogateescape') as archive:
        result = []
        for m in archive:
            sha256 = None
            if digests and m.isreg():
                digest = hashlib.sha256()
                content = archive.extractfile(m)
                while chunk := content.read(1 << 20):
                    digest.update(chunk)
                sha256 = digest.hexdigest()
            result.append({
                'name': text(m.name), 'linkname': text(m.linkname), 'type': m.type.decode(), 'size': m.size, 'mode': m.mode,
                'uid': m.uid, 'gid': m.gid, 'uname': text(m.uname), 'gname': text(m.gname), 'mtime': int(m.mtime),
                'devmajor': m.devmajor, 'devminor': m.devminor, 'pax': list(m.pax_headers), 'sha256': sha256, 'offset': m.offset_data})
        return result
`;

/** What Python's tarfile reads of archives, one call for all. */
export function readArchives(paths: readonly string[], digests = true): PythonMember[][] {
  const program = `${PYTHON_MEMBERS}\nprint(json.dumps([members(p, ${digests ? 'True' : 'False'}) for p in json.load(sys.stdin)]))`;
  return python<PythonMember[][]>(program, [], JSON.stringify(paths));
}

/** What Python's tarfile reads of one archive. */
export function readArchive(path: string, digests = true): PythonMember[] {
  return readArchives([path], digests)[0]!;
}
