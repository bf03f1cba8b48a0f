import { create } from 'tar';
import { hashToFile, tree } from './hash-to-file.mjs';

await hashToFile(create({ portable: true, mtime: new Date(1000) }, [tree]));
