import { packTar } from 'modern-tar/fs';
import { hashToFile, tree } from './hash-to-file.mjs';

const owner = { mtime: new Date(1000), uid: 0, gid: 0, uname: 'root', gname: 'root' };
await hashToFile(packTar([{ type: 'directory', source: tree, target: tree, ...owner }]));
