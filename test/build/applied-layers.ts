import { python } from '../support/python.js';

/** What a container would see at a path, as one line: type, mode, owner, time and content. */
export type AppliedTree = Readonly<Record<string, string>>;

export interface AppliedImage {
  /** Member names of each layer, in their order, directories with their slash. */
  readonly layers: readonly (readonly string[])[];
  /** Path without its slash to the last thing that a layer says of it. */
  readonly tree: AppliedTree;
  /** What no layer may have: names twice, parents that are missing or come later, names that lead elsewhere. */
  readonly faults: readonly string[];
}

const PROGRAM = `
import gzip, hashlib, io, json, sys, tarfile

def text(value):
    return value.encode('utf-8', 'surrogateescape').decode('latin-1')

def describe(archive, m):
    where = f'{m.mode:04o} {m.uid}:{m.gid} {text(m.uname)}:{text(m.gname)} {int(m.mtime)}'
    if m.isdir(): return f'directory {where}'
    if m.issym(): return f'symlink {where} {text(m.linkname)}'
    if m.isreg(): return f'file {where} {m.size} {hashlib.sha256(archive.extractfile(m).read()).hexdigest()}'
    return f'{m.type.decode()} {where} {m.devmajor} {m.devminor}'

def apply(path):
    layers, tree, faults = [], {}, []
    with tarfile.open(path) as outer:
        manifest = json.load(outer.extractfile('manifest.json'))[0]
        for name in manifest['Layers']:
            blob = outer.extractfile(name).read()
            if blob[:2] == b'\\x1f\\x8b': blob = gzip.decompress(blob)
            names, seen = [], set()
            with tarfile.open(fileobj=io.BytesIO(blob), mode='r:', encoding='utf-8', errors='surrogateescape') as layer:
                for m in layer:
                    member = text(m.name)
                    names.append(member + ('/' if m.isdir() else ''))
                    if member in seen: faults.append(f'{member} stands twice')
                    if member.startswith('/') or '' in member.split('/') or '.' in member.split('/') or '..' in member.split('/'):
                        faults.append(f'{member} is no name of a member')
                    parent = member.rpartition('/')[0]
                    if parent and parent not in seen: faults.append(f'{member} has no parent before it')
                    seen.add(member)
                    line = describe(layer, m)
                    before = tree.get(member)
                    if before and before.split()[0] == 'directory' and line.split()[0] != 'directory': faults.append(f'{member} replaces a directory')
                    tree[member] = line
            layers.append(names)
    return {'layers': layers, 'tree': tree, 'faults': faults}

print(json.dumps([apply(path) for path in json.load(sys.stdin)]))
`;

/** Applies the layers of images in their order, with Python's tarfile: one call for all of them. */
export function applyLayers(archives: readonly string[]): AppliedImage[] {
  return python<AppliedImage[]>(PROGRAM, [], JSON.stringify(archives));
}
