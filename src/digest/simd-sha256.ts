import { SHA256_CODE } from './sha256-code.js';
import { BLOCK_BYTES, INITIAL_STATE, LAYOUT, ROUND_CONSTANTS } from './sha256-constants.js';

/** One SHA-256 in WebAssembly: a single stream, whose state may be taken out and put back so that several take turns. */
export interface Hasher {
  init(): unknown;
  update(bytes: Uint8Array): unknown;
  /** The hash as 64 lower-case hexadecimal digits; afterwards only `init` or `load`. */
  digest(): string;
  /** A copy of the state, the incomplete block included. */
  save(): Uint8Array;
  load(state: Uint8Array): unknown;
}

/** The length so far in bytes, a float64. Behind it are the state and the incomplete block: what `save` takes is one piece. */
const LENGTH_AT = LAYOUT.state - 8;
const SAVED_END = LAYOUT.input + BLOCK_BYTES;

/** The part of the platform that is used, with what our module exports: neither Node's types nor the language's have it. */
interface Platform {
  readonly WebAssembly: {
    validate(code: Uint8Array): boolean;
    instantiate(code: Uint8Array): Promise<{
      instance: { exports: { memory: { buffer: ArrayBuffer }; compress(start: number, end: number): void } };
    }>;
  };
  atob(text: string): string;
}

/**
 * Makes a hasher of the module in `sha256-module.ts`.
 *
 * @returns undefined where WebAssembly knows no vectors (V8: before 9.1, or on processors without SSE4.1)
 */
export async function createSimdSha256(): Promise<Hasher | undefined> {
  const { WebAssembly, atob } = globalThis as unknown as Platform;
  const code = Uint8Array.from(atob(SHA256_CODE), (char) => char.charCodeAt(0));
  if (!WebAssembly.validate(code)) return undefined;
  const { instance } = await WebAssembly.instantiate(code);
  const { memory, compress } = instance.exports;
  const bytes = new Uint8Array(memory.buffer);
  // Not arrays of words: those are in the byte order of the machine, the module's memory never is.
  const view = new DataView(memory.buffer);
  const setWords = (at: number, words: readonly number[]): void => {
    for (const [i, word] of words.entries()) view.setUint32(at + 4 * i, word, true);
  };
  setWords(LAYOUT.constants, ROUND_CONSTANTS);
  setWords(LAYOUT.state, INITIAL_STATE);

  const save = (): Uint8Array => bytes.slice(LENGTH_AT, SAVED_END);
  const load = (state: Uint8Array): void => bytes.set(state, LENGTH_AT);
  const initial = save();

  const update = (message: Uint8Array): void => {
    const length = view.getFloat64(LENGTH_AT);
    let kept = length % BLOCK_BYTES;
    for (let start = 0; start < message.length; ) {
      const chunk = message.subarray(start, start + LAYOUT.inputBytes - kept);
      bytes.set(chunk, LAYOUT.input + kept);
      start += chunk.length;
      const filled = kept + chunk.length;
      kept = filled % BLOCK_BYTES;
      if (filled >= BLOCK_BYTES) {
        const end = LAYOUT.input + filled - kept;
        compress(LAYOUT.input, end);
        bytes.copyWithin(LAYOUT.input, end, end + kept);
      }
    }
    view.setFloat64(LENGTH_AT, length + message.length);
  };

  const digest = (): string => {
    compress(LAYOUT.input, padMessage(view, LAYOUT.input, view.getFloat64(LENGTH_AT)));
    let hex = '';
    // The digest writes words from their other end.
    for (let i = 0; i < 32; i++) hex += bytes[LAYOUT.state + (i ^ 3)]!.toString(16).padStart(2, '0');
    return hex;
  };

  return { init: () => load(initial), update, digest, save, load };
}

/**
 * Ends a message: behind its incomplete last block a bit, and zeros up to the length in bits, with which a block ends.
 *
 * @param block address of that block; as many of its bytes are the message's as `lengthBytes` is above a multiple of 64
 * @param lengthBytes of the whole message; below 2^53
 * @returns the address of the end, one or two blocks on
 * @see FIPS 180-4, 5.1.1
 */
export function padMessage(memory: DataView, block: number, lengthBytes: number): number {
  const kept = lengthBytes % BLOCK_BYTES;
  // One byte for the bit, eight for the length.
  const end = block + (kept + 1 + 8 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES);
  memory.setUint8(block + kept, 0x80);
  for (let at = block + kept + 1; at < end - 8; at++) memory.setUint8(at, 0);
  memory.setBigUint64(end - 8, BigInt(lengthBytes) * 8n);
  return end;
}
