import { partOf } from '../../transport/index.js';
import type { GzipFacts, HashedLayer } from '../compare/read-layers.js';
import { firstDifferingByte } from '../compare/tar-bytes.js';
import { cause, type LocalCause } from './cause.js';
import { describeGzipHeader, recognizeGzip } from './recognize-gzip.js';

/** Explains two blobs of one tar. */
export async function explainBlobs(a: HashedLayer, b: HashedLayer): Promise<LocalCause[]> {
  if (a.gzip !== undefined && b.gzip !== undefined && (await differInHeader(a, b))) {
    const headers = [a.gzip, b.gzip].map(({ header }) => describeGzipHeader(header));
    return [
      cause('COMPRESSOR', 1, 'same tar, same compressed data, other gzip header', [
        `A ${headers[0]}`,
        `B ${headers[1]}`,
      ]),
    ];
  }
  const [left, right] = [await originOf(a), await originOf(b)];
  const isProven = left.isProven && right.isProven;
  return [
    cause(
      'COMPRESSOR',
      1,
      `same tar, ${a.compression === b.compression ? 'other compressor' : 'other compression'}: A ${left.name}, B ${right.name}`,
      [left.header, right.header].flatMap((header, index) =>
        header === '' ? [] : [`${index === 0 ? 'A' : 'B'} ${header}`],
      ),
      isProven ? 'certain' : 'probable',
    ),
  ];
}

async function originOf({ layer, gzip, compression, sizeBytes }: HashedLayer) {
  if (gzip === undefined) return { name: compression ?? 'uncompressed', isProven: true, header: '' };
  const file = layer.open()!;
  try {
    const origin = await recognizeGzip(file, gzip.header, gzip.members);
    const members = gzip.members === 1 ? '' : `, ${gzip.members} gzip members`;
    return { ...origin, header: `gzip header: ${origin.header}${members}; ${sizeBytes} bytes` };
  } finally {
    file.close();
  }
}

/** Whether two gzip files of one member are the same behind their headers. */
async function differInHeader(a: HashedLayer, b: HashedLayer): Promise<boolean> {
  const [left, right] = [a.layer.open()!, b.layer.open()!];
  try {
    const sizes = [a.gzip!, b.gzip!].map(({ header, members }: GzipFacts) => (members === 1 ? header.sizeBytes : 0));
    if (sizes.includes(0)) return false;
    const [x, y] = [left, right].map((file, index) => partOf(file, sizes[index]!, file.sizeBytes - sizes[index]!));
    return x!.sizeBytes === y!.sizeBytes && (await firstDifferingByte(x!, y!, undefined)) === undefined;
  } finally {
    left.close();
    right.close();
  }
}
