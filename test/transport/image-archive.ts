import { PYTHON_MEMBERS, type PythonMember, python } from '../support/python.js';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What Python finds in an archive or in a layout. */
export interface FoundImage {
  /** Members of the archive; none of a directory. */
  readonly members: readonly PythonMember[];
  /** Of each blob's content: digest, size, and what the uncompressed content is. */
  readonly blobs: Readonly<Record<string, { readonly sha256: string; readonly size: number; readonly plain: string }>>;
  readonly index: {
    readonly schemaVersion: number;
    readonly mediaType: string;
    readonly manifests: readonly Descriptor[];
  };
  readonly manifests: readonly {
    readonly schemaVersion: number;
    readonly mediaType: string;
    readonly config: Descriptor;
    readonly layers: readonly Descriptor[];
  }[];
  readonly configs: readonly {
    readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
    readonly history: readonly object[];
  }[];
  readonly layout: unknown;
  /** Content of `manifest.json`; `null` where there is none. */
  readonly docker:
    | readonly { readonly Config: string; readonly RepoTags: readonly string[]; readonly Layers: readonly string[] }[]
    | null;
}

const PROGRAM = `${PYTHON_MEMBERS}
import gzip, os

def read_archive(path):
    files = {}
    with tarfile.open(path, 'r:') as archive:
        for m in archive:
            if m.isdir(): continue
            content = archive.extractfile(m).read()
            assert files.setdefault(m.name, content) == content, f'{m.name} stands twice and differs'
    return members(path), files

def read_directory(path):
    files = {}
    for folder, _, names in os.walk(path):
        for name in names:
            with open(os.path.join(folder, name), 'rb') as f: files[os.path.relpath(f.name, path)] = f.read()
    return [], files

def find(path):
    found, files = read_directory(path) if os.path.isdir(path) else read_archive(path)
    blobs = {}
    for name, content in files.items():
        if not name.startswith('blobs/sha256/'): continue
        plain = gzip.decompress(content) if content[:2] == b'\\x1f\\x8b' else content
        blobs[name[len('blobs/sha256/'):]] = {
            'sha256': hashlib.sha256(content).hexdigest(), 'size': len(content), 'plain': hashlib.sha256(plain).hexdigest()}
    def blob(descriptor): return json.loads(files['blobs/' + descriptor['digest'].replace(':', '/')])
    index = json.loads(files['index.json'])
    manifests = [blob(d) for d in index['manifests']]
    return {'members': found, 'blobs': blobs, 'index': index, 'manifests': manifests, 'configs': [blob(m['config']) for m in manifests],
            'layout': json.loads(files['oci-layout']), 'docker': json.loads(files['manifest.json']) if 'manifest.json' in files else None}

print(json.dumps(find(sys.argv[1])))
`;

/** Reads an archive or a layout with Python alone. */
export function findImage(path: string): FoundImage {
  return python<FoundImage>(PROGRAM, [path]);
}
