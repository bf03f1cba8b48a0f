import { Builder } from '@napi-rs/tar';
import { hashFile } from './hash-file.mjs';

const [tree, archive] = process.argv.slice(2);
const builder = new Builder(archive);
builder.appendDirAll(tree, tree);
builder.finish();
hashFile(archive);
