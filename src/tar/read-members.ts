import { createTarDecoder, type TarDecoderOptions } from './decode.js';
import { expandSparse } from './expand-sparse.js';
import { TarError } from './tar-error.js';
import type { DecodedArchive, TarHandler, TarMember } from './tar-member.js';

/** A member, and its content for as long as the next one is not asked for. */
export interface ReadMember {
  readonly member: TarMember;
  /**
   * The content as it is when unpacked, `member.realSizeBytes` of it: holes of a sparse file are zeros, made as they are
   * asked for. Whoever reads it should look at that size before; a hole costs an archive nothing.
   *
   * @returns pieces, each lent until the next is asked for
   * @throws {TarError} TAR_MEMBER_PASSED when it is asked for twice, or after the next member
   */
  content(): AsyncIterable<Uint8Array>;
  /** The content as it stands in the archive, `member.sizeBytes` of it; otherwise as `content`. */
  storedContent(): AsyncIterable<Uint8Array>;
}

export interface ReadMembersOptions extends Omit<TarDecoderOptions, 'sparse'> {
  /** Takes what else the archive has as it is decoded, up to 64 KiB ahead of the members: offsets say where it belongs. */
  readonly handler?: Pick<TarHandler, 'block' | 'metadata' | 'padding'>;
}

/** So many bytes are decoded before what they are is handed on: of a large chunk not all headers wait in memory. */
const SLICE_SIZE = 1 << 16;

/**
 * Reads the members of a tar archive from chunks of any size. Memory is that of a chunk and of one member's metadata,
 * and no more of the source is read than what is asked for needs. Content that nobody reads is passed over.
 *
 * @param source the archive, without compression; each chunk is lent until the next is asked for
 * @returns members in their order; when all were read, what there is to say at the end
 * @throws {TarError} as {@link createTarDecoder}; whatever the source throws
 */
export async function* readTarMembers(
  source: AsyncIterable<Uint8Array>,
  options: ReadMembersOptions = {},
): AsyncGenerator<ReadMember, DecodedArchive, void> {
  const { handler, ...limits } = options;
  /** What was decoded and not handed on: members, pieces of their content, and where that ends. */
  const events: (TarMember | Uint8Array | 'end')[] = [];
  let handedOn = 0;
  const decoder = createTarDecoder(
    {
      ...handler,
      member: (member) => events.push(member),
      content: (bytes) => events.push(bytes),
      end: () => events.push('end'),
    },
    { ...limits, sparse: true },
  );
  const slices = slicesOf(source);
  const nextEvent = async (): Promise<(typeof events)[number] | undefined> => {
    while (handedOn === events.length) {
      events.length = 0;
      handedOn = 0;
      const slice = await slices.next();
      if (slice.done) {
        decoder.finish();
        return undefined;
      }
      decoder.push(slice.value);
    }
    return events[handedOn++];
  };

  /** The member whose content can be read, and whether that has begun. */
  let current: { readonly member: TarMember; isRead: boolean } | undefined;
  async function* storedContent(member: TarMember): AsyncGenerator<Uint8Array, void, void> {
    const place = current;
    if (place?.member !== member || place.isRead) throw passed(member);
    place.isRead = true;
    for (;;) {
      const event = await nextEvent();
      if (!(event instanceof Uint8Array)) return;
      yield event;
      if (current !== place) throw passed(member);
    }
  }
  try {
    for (;;) {
      const event = await nextEvent();
      if (event === undefined) return decoder.finish();
      if (event === 'end' || event instanceof Uint8Array) continue;
      current = { member: event, isRead: false };
      yield {
        member: event,
        content: () => expandSparse(event, storedContent(event)),
        storedContent: () => storedContent(event),
      };
      current = undefined;
    }
  } finally {
    await slices.return();
  }
}

function passed({ headerOffset }: TarMember): TarError {
  return new TarError(
    'TAR_MEMBER_PASSED',
    `Cannot read content of tar member at byte ${headerOffset}: it must be read once and before the next member, and was passed`,
    { offset: headerOffset },
  );
}

async function* slicesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += SLICE_SIZE) yield chunk.subarray(at, at + SLICE_SIZE);
  }
}
