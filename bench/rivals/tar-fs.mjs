import { pack } from 'tar-fs';
import { hashToFile, tree } from './hash-to-file.mjs';

const map = (header) => ({ ...header, mtime: new Date(1000), uid: 0, gid: 0, uname: 'root', gname: 'root' });
await hashToFile(pack('.', { entries: [tree], map }));
