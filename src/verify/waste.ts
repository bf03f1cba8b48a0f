import { type ByteString, displayName } from '../bytes/index.js';
import type { HashEngine } from '../digest/index.js';
import type { TarHandler, TarMember } from '../tar/index.js';
import { resolveName } from '../transport/index.js';

/** A file of a layer, as it counts for the size of an image. */
export interface WastedFile {
  /** As it stands in the image, without a slash at its beginning. */
  readonly name: string;
  readonly sizeBytes: number;
  /** From 1, the lowest first; of a file that is stored in several all of them. */
  readonly layers: readonly number[];
}

/** What makes an image large, the largest first, ten of each. */
export interface Waste {
  readonly largest: readonly WastedFile[];
  /** Contents that several layers have: the bytes are those of all but one. */
  readonly repeated: { readonly sizeBytes: number; readonly files: readonly WastedFile[] };
  /** Files that a later layer replaces or hides; `layers` are that of the file and the one that hides it. */
  readonly hidden: { readonly sizeBytes: number; readonly files: readonly WastedFile[] };
}

/** Takes the layers of one image, the lowest first. */
export interface WasteCollector {
  beginLayer(index: number): void;
  readonly handler: TarHandler & Required<Pick<TarHandler, 'content' | 'end'>>;
  finish(): Waste;
}

interface Node {
  sizeBytes: number;
  layer: number;
  children: Map<string, Node> | undefined;
}

const LISTED = 10;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const MAX_NAME_SIZE = 4096;

export function createWasteCollector(engine: HashEngine): WasteCollector {
  let layer = 0;
  const largest = createTop();
  const hiddenFiles = createTop();
  let hiddenBytes = 0;
  const contents = new Map<string, { readonly name: string; readonly sizeBytes: number; readonly layers: number[] }>();
  const root: Node = { sizeBytes: 0, layer: 0, children: new Map() };
  let current: { readonly name: string; readonly sizeBytes: number } | undefined;
  const sha256 = engine.createSha256();

  /** Counts what is at a node and below it, as far as it is of a lower layer, or of this one where it is replaced. */
  const hide = (path: string, node: Node, alsoThisLayer: boolean): void => {
    const stack: [string, Node][] = [[path, node]];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const [name, { sizeBytes, layer: of, children }] = at;
      if (sizeBytes > 0 && (of < layer || alsoThisLayer)) {
        hiddenBytes += sizeBytes;
        hiddenFiles.add({ name, sizeBytes, layers: [of, layer] });
      }
      for (const [child, below] of children ?? []) stack.push([`${name}/${child}`, below]);
    }
  };
  /** Takes away what lower layers have in a directory; what this layer has stays. No deeper than a path is long. */
  const hideLower = (path: string, directory: Node): void => {
    for (const [name, child] of directory.children ?? []) {
      const at = path === '' ? name : `${path}/${name}`;
      if (child.layer === layer) {
        if (child.children !== undefined) hideLower(at, child);
      } else {
        hide(at, child, false);
        directory.children!.delete(name);
      }
    }
  };
  const place = (path: string, member: TarMember): void => {
    const components = path.split('/');
    const base = components.pop()!;
    let directory = root;
    for (const name of components) {
      directory.children ??= new Map();
      let child = directory.children.get(name);
      if (child === undefined) {
        child = { sizeBytes: 0, layer, children: undefined };
        directory.children.set(name, child);
      }
      child.layer = layer;
      directory = child;
    }
    const parent = components.join('/');
    if (base === OPAQUE) {
      hideLower(parent, directory);
      return;
    }
    directory.children ??= new Map();
    const name = base.startsWith(WHITEOUT) ? base.slice(WHITEOUT.length) : base;
    const existing = directory.children.get(name);
    const at = parent === '' ? name : `${parent}/${name}`;
    if (base !== name) {
      if (existing === undefined) return;
      if (existing.layer === layer) {
        hideLower(at, existing);
        return;
      }
      hide(at, existing, false);
      directory.children.delete(name);
      return;
    }
    if (existing !== undefined && member.type === 'directory') {
      if (existing.sizeBytes > 0) hide(at, { ...existing, children: undefined }, true);
      existing.sizeBytes = 0;
      existing.layer = layer;
      return;
    }
    if (existing !== undefined) hide(at, existing, true);
    directory.children.set(name, { sizeBytes: member.sizeBytes, layer, children: undefined });
  };

  return {
    beginLayer(index) {
      layer = index + 1;
    },
    handler: {
      member(member) {
        current = undefined;
        if (member.name.length > MAX_NAME_SIZE) return;
        const path = resolveName('', member.name);
        if (path === undefined || path === '') return;
        place(path, member);
        if (member.type !== 'file' || member.sizeBytes === 0) return;
        current = { name: path, sizeBytes: member.sizeBytes };
        largest.add({ ...current, layers: [layer] });
        sha256.init();
      },
      content(bytes) {
        if (current !== undefined) sha256.update(bytes);
      },
      end() {
        if (current === undefined) return;
        const key = sha256.digest();
        const known = contents.get(key);
        if (known === undefined) contents.set(key, { ...current, layers: [layer] });
        else if (known.layers.at(-1) !== layer) known.layers.push(layer);
        current = undefined;
      },
    },
    finish() {
      const repeated = createTop(({ sizeBytes, layers }) => sizeBytes * (layers.length - 1));
      let repeatedBytes = 0;
      for (const file of contents.values()) {
        if (file.layers.length < 2) continue;
        repeatedBytes += file.sizeBytes * (file.layers.length - 1);
        repeated.add(file);
      }
      return {
        largest: largest.list(),
        repeated: { sizeBytes: repeatedBytes, files: repeated.list() },
        hidden: { sizeBytes: hiddenBytes, files: hiddenFiles.list() },
      };
    },
  };
}

/** Keeps the largest of many; of equal ones the first. */
function createTop(weigh: (file: WastedFile) => number = ({ sizeBytes }) => sizeBytes) {
  const files: { readonly weight: number; readonly file: WastedFile }[] = [];
  return {
    add(file: WastedFile): void {
      const weight = weigh(file);
      if (files.length === LISTED && weight <= files.at(-1)!.weight) return;
      let at = files.length;
      while (at > 0 && files[at - 1]!.weight < weight) at--;
      files.splice(at, 0, { weight, file });
      if (files.length > LISTED) files.pop();
    },
    list: (): WastedFile[] =>
      files.map(({ file: { name, sizeBytes, layers } }) => ({
        name: displayName(name as ByteString),
        sizeBytes,
        layers,
      })),
  };
}
