import { CompressError } from './compress-error.js';
import { checkBlockSize, checkLevel, type GzipCodec, placeMember } from './gzip-codec.js';

// Of a mixed tar at level 6, blocks of 256 KiB come to 0.3676 of it, 512 KiB 0.3662, 1 MiB 0.3656, 2 MiB 0.3653 and 4 MiB
// 0.3651: larger ones gain next to nothing, and smaller ones keep more threads busy and less memory in use.
const BLOCK_SIZE = 1_048_576;

/** What the package's WebAssembly exports, under the names that its build gave them. Pointers are offsets, 0 is none. */
interface Libdeflate {
  /** The memory; growing gives it another buffer. */
  readonly c: { readonly buffer: ArrayBuffer };
  /** libdeflate_alloc_compressor */
  e(level: number): number;
  /** libdeflate_free_compressor */
  g(compressor: number): void;
  /** libdeflate_gzip_compress: gives the bytes written, 0 where they have no room. */
  l(compressor: number, input: number, inputSize: number, output: number, outputSize: number): number;
  /** libdeflate_gzip_compress_bound: the bytes of the largest member, of any compressor for none. */
  m(compressor: number, inputSize: number): number;
  /** malloc */
  n(size: number): number;
}

/** The parts of a host that the start of the package's runtime concerns; a browser has no process. */
interface Host {
  readonly WebAssembly: { Instance: new (module: unknown, imports: unknown) => { readonly exports: unknown } };
  readonly process?: {
    listeners?(event: string): readonly unknown[];
    off?(event: string, listener: unknown): void;
  };
}
const host = globalThis as unknown as Host;

// The package's runtime, made by Emscripten, puts handlers for these on the process that throw again what they are given:
// an application that handles its uncaught errors and goes on would die, with 80 KB of the package's code on its terminal.
const HOOKED_EVENTS = ['uncaughtException', 'unhandledRejection'];

const FORM = {
  name: 'gzip-libdeflate-1',
  encoding: 'gzip',
  blockSizeBytes: BLOCK_SIZE,
  defaultLevel: 6,
  minLevel: 0,
  maxLevel: 12,
} as const;

let loading: Promise<GzipCodec> | undefined;

/**
 * Loads `gzip-libdeflate-1`: libdeflate in WebAssembly, of the package libdeflate 0.1.0, a block at a time.
 *
 * A member is as libdeflate writes it, with extra flags 4 at levels 0 and 1, 2 from level 8, else 0. The module is compiled once
 * in each thread, here and not while compressing. A thread's compressor and buffers are kept from call to call, so that
 * memory stays at 16 MiB, and 20 MiB once a level above 9 was used: only another level allocates.
 */
export function loadGzipLibdeflate(): Promise<GzipCodec> {
  loading ??= start();
  return loading;
}

async function start(): Promise<GzipCodec> {
  const { gzip } = await import('libdeflate');
  const lib = captureExports(() => gzip(new Uint8Array(0), 1));
  if (lib === undefined) return packageCodec(gzip);
  const memberBound = lib.m(0, BLOCK_SIZE);
  const blockAt = lib.n(BLOCK_SIZE);
  const memberAt = lib.n(memberBound);
  let compressor = 0;
  let compressorLevel: number | undefined;

  const codec = {
    ...FORM,
    compressBlock(block: Uint8Array, level: number, output?: Uint8Array): Uint8Array {
      checkLevel(codec, level);
      checkBlockSize(codec, block);
      if (level !== compressorLevel) {
        lib.g(compressor);
        compressor = lib.e(level);
        compressorLevel = compressor === 0 ? undefined : level;
      }
      const memory = new Uint8Array(lib.c.buffer);
      if (compressor === 0) {
        throw new CompressError(
          'COMPRESS_MEMORY',
          `Cannot compress with ${codec.name}: level ${level} must have more WebAssembly memory than there is, and is given ${memory.length} bytes`,
          { codec: codec.name, level, value: memory.length },
        );
      }
      memory.set(block, blockAt);
      const member = memory.subarray(
        memberAt,
        memberAt + lib.l(compressor, blockAt, block.length, memberAt, memberBound),
      );
      return output === undefined ? member.slice() : placeMember(member, output);
    },
  } as const satisfies GzipCodec;
  return codec;
}

/**
 * The codec where the package's instance was made before, by a program that uses it itself or holds this module twice: its
 * exports are out of reach, and the package's own function gives the same bytes, in more time. It refuses level 0.
 */
function packageCodec(gzip: (input: Uint8Array, level: number) => Uint8Array): GzipCodec {
  const codec = {
    ...FORM,
    minLevel: 1,
    compressBlock(block: Uint8Array, level: number, output?: Uint8Array): Uint8Array {
      checkLevel(codec, level);
      checkBlockSize(codec, block);
      const member = gzip(block, level);
      return output === undefined ? member : placeMember(member, output);
    },
  } as const satisfies GzipCodec;
  return codec;
}

/**
 * Runs the package's first call, in which it makes its instance and its runtime starts, and takes away what came with it.
 *
 * Its own `gzip` is not used: it allocates in every call and does not look whether it could, so that a memory that may
 * not grow ends in a trap or, for blocks beyond ours, in wrong bytes.
 *
 * @returns undefined where it was not the first
 */
function captureExports(firstCall: () => void): Libdeflate | undefined {
  const { WebAssembly: wasm, process } = host;
  const { Instance } = wasm;
  const before = HOOKED_EVENTS.map((event) => new Set(process?.listeners?.(event)));
  let exports: unknown;
  wasm.Instance = class extends Instance {
    constructor(module: unknown, imports: unknown) {
      super(module, imports);
      exports = this.exports;
    }
  };
  try {
    firstCall();
  } finally {
    wasm.Instance = Instance;
  }
  for (const [i, event] of HOOKED_EVENTS.entries()) {
    for (const listener of process?.listeners?.(event) ?? []) {
      if (!before[i]?.has(listener)) process?.off?.(event, listener);
    }
  }
  return exports as Libdeflate | undefined;
}
