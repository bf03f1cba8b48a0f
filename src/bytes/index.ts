export { BLOCK_SIZE, blockPadding, RECORD_SIZE, roundUp } from './blocks.js';
export {
  type ByteString,
  byteStringFrom,
  bytesOf,
  compareBytes,
  decodeUtf8,
  displayName,
  displayText,
  encodeUtf8,
  isAscii,
} from './byte-string.js';
export { baseName, directoryName, fromFsPath, joinPath, toFsPath } from './path.js';
export { createReadBuffer, READ_OFFSET } from './read-buffer.js';
