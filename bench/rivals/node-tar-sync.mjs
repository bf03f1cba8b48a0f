import { create } from 'tar';
import { hashFile } from './hash-file.mjs';

const [tree, archive] = process.argv.slice(2);
create({ sync: true, file: archive, portable: true, mtime: new Date(1000) }, [tree]);
hashFile(archive);
