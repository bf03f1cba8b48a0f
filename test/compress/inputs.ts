const MIB = 1_048_576;

/** xorshift32: numbers that look random and are the same everywhere. */
function* xorshift(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

/** Bytes that no codec can make smaller. */
export function noise(length: number, seed: number = 1): Uint8Array {
  const numbers = xorshift(seed);
  return Uint8Array.from({ length }, () => numbers.next().value >>> 24);
}

/** Text of words in random order, which compresses as sources do. */
export function words(length: number, seed: number = 1): Uint8Array {
  const vocabulary = 'layer tar digest blob manifest config entry path mode owner time of in and the to a is\n'.split(
    ' ',
  );
  const numbers = xorshift(seed);
  let text = '';
  while (text.length < length) text += `${vocabulary[numbers.next().value % vocabulary.length]} `;
  return new TextEncoder().encode(text.slice(0, length));
}

/** What the goldens are made of: the kinds of data, and the sizes around the end of a block. */
export const INPUTS: Readonly<Record<string, () => Uint8Array>> = {
  empty: () => new Uint8Array(0),
  'one byte': () => Uint8Array.of(0x61),
  '511 words': () => words(511),
  '65536 noise': () => noise(65_536),
  '1 MiB less 1, zeros': () => new Uint8Array(MIB - 1),
  '1 MiB words': () => words(MIB),
  '1 MiB and 1, words': () => words(MIB + 1),
  '2.5 MiB mixed': () => {
    const bytes = new Uint8Array(2.5 * MIB);
    bytes.set(words(MIB, 7), 300_000);
    bytes.set(noise(400_000, 9), 300_000 + MIB);
    return bytes;
  },
};
