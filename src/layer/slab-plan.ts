import { blockPadding, RECORD_SIZE } from '../bytes/index.js';
import type { ArchiveEntry } from '../entry/index.js';
import { encodeMember, planMember, type TarOptions, trailerSize } from '../tar/index.js';
import type { Piece } from './content.js';
import { LayerError } from './layer-error.js';

/** An archive that is being cut into slabs. */
export interface SlabPlan {
  /**
   * Lays out the next slab: writes headers, padding, contents that are in memory and the trailer into it, and notes in
   * `pieces` what is still to be read from files, in order.
   *
   * @param slab of any length, its old content overwritten; all of it is used but at the archive's end
   * @returns bytes used, 0 after the end
   * @throws {TarError} as `planMember`; {LayerError} CONTENT_SIZE
   */
  next(slab: Uint8Array, pieces: Piece[]): number;
  readonly members: number;
}

/**
 * Lays out an archive of `entries`, in their order. Sizes are known from metadata, so that every slab is a piece of work
 * of its own, to be filled at any time by anyone; where one ends depends on its length alone.
 *
 * @param recordSizeBytes what the archive's size is a multiple of
 */
export function planSlabs(
  entries: Iterable<ArchiveEntry>,
  tar: TarOptions,
  recordSizeBytes: number = RECORD_SIZE,
): SlabPlan {
  const iterator = entries[Symbol.iterator]();
  let members = 0;
  let plannedBytes = 0;
  let hasTrailer = false;
  // What comes next, in this order, before the next entry is asked for.
  let literal: Uint8Array = NOTHING;
  let file: Piece['source'] | undefined;
  let fileSizeBytes = 0;
  let filePosition = 0;
  let zeros = 0;

  const begin = (entry: ArchiveEntry, slab: Uint8Array, used: number): number => {
    const plan = planMember(entry, tar);
    members++;
    const { headerSizeBytes } = plan;
    plannedBytes += headerSizeBytes;
    let headerEnd = used;
    if (headerSizeBytes <= slab.length - used) {
      headerEnd += headerSizeBytes;
      encodeMember(plan, slab, used);
    } else {
      literal = new Uint8Array(headerSizeBytes);
      encodeMember(plan, literal, 0);
    }
    if (entry.body.type !== 'file') return headerEnd;
    const { sizeBytes, source } = entry.body;
    plannedBytes += sizeBytes;
    zeros = blockPadding(sizeBytes);
    plannedBytes += zeros;
    if (source.from === 'memory') {
      if (source.bytes.length !== sizeBytes)
        throw new LayerError(
          'CONTENT_SIZE',
          `Cannot pack content: it must have ${sizeBytes} bytes, and has ${source.bytes.length}`,
        );
      literal = literal.length === 0 ? source.bytes : joined(literal, source.bytes);
    } else {
      file = source;
      fileSizeBytes = sizeBytes;
      filePosition = 0;
    }
    return headerEnd;
  };

  return {
    get members() {
      return members;
    },
    next(slab, pieces) {
      let used = 0;
      while (used < slab.length) {
        if (literal.length > 0) {
          const part = literal.subarray(0, slab.length - used);
          slab.set(part, used);
          used += part.length;
          literal = literal.subarray(part.length);
        } else if (file !== undefined) {
          const sizeBytes = Math.min(fileSizeBytes - filePosition, slab.length - used);
          pieces.push({ source: file, fileSizeBytes, position: filePosition, offset: used, sizeBytes });
          filePosition += sizeBytes;
          used += sizeBytes;
          if (filePosition === fileSizeBytes) file = undefined;
        } else if (zeros > 0) {
          const count = Math.min(zeros, slab.length - used);
          slab.fill(0, used, used + count);
          used += count;
          zeros -= count;
        } else {
          const { done, value } = iterator.next();
          if (!done) used = begin(value, slab, used);
          else if (hasTrailer) break;
          else {
            hasTrailer = true;
            zeros = trailerSize(plannedBytes, recordSizeBytes);
          }
        }
      }
      return used;
    },
  };
}

const NOTHING = new Uint8Array(0);

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
