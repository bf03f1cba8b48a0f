// Reads a tar archive for comparison: ustar, pax paths and sizes, GNU long names. It knows what the rivals write, no more.

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

/**
 * What every right archive of a tree has in common: names, types, sizes, executable bits, link targets and contents.
 * Order, times, owners and directories' slashes are not among it: programs differ there.
 *
 * @returns a line for each member, sorted
 */
export function listMembers(archive) {
  const fd = openSync(archive, 'r');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const lines = [];
  try {
    let position = 0;
    let pending = {};
    for (;;) {
      const header = Buffer.alloc(512);
      if (readSync(fd, header, 0, 512, position) < 512 || header[0] === 0) break;
      position += 512;
      const size = pending.size === undefined ? numberAt(header, 124, 12) : Number(pending.size);
      const type = String.fromCharCode(header[156] || 48);
      const content = contentReader(fd, position, size, buffer);
      position += Math.ceil(size / 512) * 512;
      if (type === 'x') Object.assign(pending, paxRecords(content.text()));
      else if (type === 'L') pending.path = content.text().replace(/\0.*$/s, '');
      else if (type === 'K') pending.linkpath = content.text().replace(/\0.*$/s, '');
      else if (type !== 'g') {
        const prefix = header.latin1Slice(257, 263) === 'ustar\0' ? textAt(header, 345, 155) : '';
        const name = pending.path ?? (prefix && `${prefix}/`) + textAt(header, 0, 100);
        const target = type === '2' ? (pending.linkpath ?? textAt(header, 157, 100)) : '';
        const mode = type === '2' ? 0 : numberAt(header, 100, 8) & 0o111;
        const digest = type === '0' ? content.digest() : '';
        const rights = mode ? 'executable' : 'plain';
        lines.push(
          [trimmed(name), TYPES[type] ?? type, rights, size, target, digest].filter((part) => part !== '').join(' '),
        );
        pending = {};
      }
    }
  } finally {
    closeSync(fd);
  }
  return lines.sort();
}

const TYPES = { 0: 'file', 2: 'symlink', 5: 'directory' };

function trimmed(name) {
  return name.replace(/^\.?\/+|\/+$/g, '');
}

function contentReader(fd, start, size, buffer) {
  return {
    text() {
      const bytes = Buffer.alloc(size);
      readSync(fd, bytes, 0, size, start);
      return bytes.latin1Slice();
    },
    digest() {
      const hash = createHash('sha256');
      for (let at = 0; at < size; ) {
        const read = readSync(fd, buffer, 0, Math.min(buffer.length, size - at), start + at);
        if (read === 0) return 'cut off';
        hash.update(buffer.subarray(0, read));
        at += read;
      }
      return hash.digest('hex');
    },
  };
}

function textAt(header, at, width) {
  const end = header.indexOf(0, at);
  return header.latin1Slice(at, end < 0 || end > at + width ? at + width : end);
}

function numberAt(header, at, width) {
  // Base-256, GNU's way of large numbers.
  if (header[at] & 0x80) return Number(header.readBigUInt64BE(at + width - 8));
  return Number.parseInt(textAt(header, at, width).trim() || '0', 8);
}

function paxRecords(text) {
  const records = {};
  for (let at = 0; at < text.length; ) {
    const length = Number.parseInt(text.slice(at), 10);
    if (!(length > 0)) break;
    const record = text.slice(text.indexOf(' ', at) + 1, at + length - 1);
    const equals = record.indexOf('=');
    records[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return records;
}

// As a thread's program.
if (!isMainThread) parentPort.postMessage(listMembers(workerData));
