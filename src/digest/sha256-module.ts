import { BLOCK_BYTES, LAYOUT } from './sha256-constants.js';
import type { Code, Local, Locals, Operand } from './wasm-assembler.js';
import { assembleModule, doWhile, i8x16, i32, i32x4, set, v128 } from './wasm-assembler.js';

const ROUNDS = 64;
/** Blocks whose schedules are made together, one in each lane of a vector. */
const LANES = 4;
/** Rounds that are written out; after a multiple of eight each word of the state is again in the variable it was in. */
const UNROLLED = 8;

const WORD_BYTES = 4;
/** From one round's words to the next one's. */
const ROW_BYTES = LANES * WORD_BYTES;
const SWAP_BYTES = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];

/**
 * Assembles the compression function of SHA-256: `compress(start, end)` takes the blocks between two addresses, at
 * least one, into the state; state and round constants have to be, little-endian, where `LAYOUT` says.
 *
 * In the rounds each value depends on the last one, block after block: that is scalar work and all of it is needed. A
 * message schedule depends on its block alone, so those of four blocks are computed together, in vectors, for which the
 * processor has units of its own. Where fewer than four blocks are left, the other lanes hold whatever lies behind the
 * end and are not used.
 *
 * Measured against hash-wasm, which is scalar and has all 64 rounds written out, on x86-64: 1.6 times as fast on Node
 * 20 and 22, 1.35 to 1.6 on 24 and 26, 2.3 on Bun. With all rounds written out it would be 1.5 on Node 20: short code
 * leaves the compiler fewer registers to spill, and is compiled sooner.
 */
export function assembleSha256(): Uint8Array<ArrayBuffer> {
  return assembleModule('compress', 2, (locals) => {
    const [start, end, lane] = [0, 1, locals.i32()];
    return [
      doWhile(
        [
          ...expandSchedules(locals, start),
          set(lane, i32.const(0)),
          doWhile(
            [
              ...runRounds(locals, lane),
              set(start, i32.add(start, i32.const(BLOCK_BYTES))),
              set(lane, i32.add(lane, i32.const(WORD_BYTES))),
            ],
            i32.and(i32.ne(lane, i32.const(ROW_BYTES)), i32.ne(start, end)),
          ),
        ],
        i32.ne(start, end),
      ),
    ];
  });
}

/** Message schedules, with the round constants added, of the four blocks at `block`. */
function expandSchedules(locals: Locals, block: Local): readonly Code[] {
  const [row, constant] = [locals.i32(), locals.i32()];
  const words = Array.from({ length: 16 }, () => locals.v128());
  const word = (t: number): Local => words[t % 16]!;
  const storeRow = (t: number): Code =>
    v128.store(
      row,
      LAYOUT.schedules + ROW_BYTES * t,
      i32x4.add(word(t), v128.load32Splat(constant, LAYOUT.constants + WORD_BYTES * t)),
    );

  const code: Code[] = [set(row, i32.const(0)), set(constant, i32.const(0))];
  for (let t = 0; t < 16; t++) {
    let lanes = v128.load32Zero(block, WORD_BYTES * t);
    for (let lane = 1; lane < LANES; lane++) {
      lanes = v128.load32Lane(block, BLOCK_BYTES * lane + WORD_BYTES * t, lanes, lane);
    }
    code.push(set(word(t), lanes), set(word(t), i8x16.shuffle(word(t), SWAP_BYTES)), storeRow(t));
  }
  const next: Code[] = [];
  for (let t = 16; t < 32; t++) {
    const sum = i32x4.add(
      word(t - 16),
      word(t - 7),
      smallSigma(word(t - 15), 7, 18, 3),
      smallSigma(word(t - 2), 17, 19, 10),
    );
    next.push(set(word(t), sum), storeRow(t));
  }
  next.push(
    set(row, i32.add(row, i32.const(16 * ROW_BYTES))),
    set(constant, i32.add(constant, i32.const(16 * WORD_BYTES))),
  );
  return [...code, doWhile(next, i32.ne(row, i32.const((ROUNDS - 16) * ROW_BYTES)))];
}

/** σ of FIPS 180-4, 4.1.2, in four lanes: two rotations and a shift. */
function smallSigma(x: Local, rotate1: number, rotate2: number, shift: number): Code {
  return v128.xor(
    i32x4.shrU(x, rotate1),
    i32x4.shl(x, 32 - rotate1),
    i32x4.shrU(x, rotate2),
    i32x4.shl(x, 32 - rotate2),
    i32x4.shrU(x, shift),
  );
}

/**
 * Σ of FIPS 180-4, 4.1.2: three rotations. One inside the other they take longer than side by side, but need fewer
 * registers, of which x86-64 has too few here: side by side all is a seventh slower on Node 20.
 */
function bigSigma(x: Local, rotate1: number, rotate2: number, rotate3: number): Code {
  return i32.rotr(i32.xor(i32.rotr(i32.xor(i32.rotr(x, rotate3 - rotate2), x), rotate2 - rotate1), x), rotate1);
}

/** The 64 rounds of the block whose schedule is at `lane`, and the addition to the state. */
function runRounds(locals: Locals, lane: Local): readonly Code[] {
  const state = Array.from({ length: 8 }, () => locals.i32());
  const [row, sum] = [locals.i32(), locals.i32()];
  let [ab, bc] = [locals.i32(), locals.i32()];
  const nowhere = i32.const(0);
  const stored = (i: number): Operand => i32.load(nowhere, LAYOUT.state + WORD_BYTES * i);

  const rounds: Code[] = [];
  let [a, b, c, d, e, f, g, h] = state as [Local, Local, Local, Local, Local, Local, Local, Local];
  for (let t = 0; t < UNROLLED; t++) {
    const scheduled = i32.load(row, LAYOUT.schedules + ROW_BYTES * t);
    const choice = i32.xor(i32.and(i32.xor(f, g), e), g);
    // a ^ b of this round is b ^ c of the next.
    const majority = i32.xor(i32.and(ab, bc), b);
    rounds.push(
      set(h, i32.add(h, scheduled, choice)),
      // Added last: it takes longest, and the other terms can be summed up meanwhile.
      set(sum, bigSigma(e, 6, 11, 25)),
      set(d, i32.add(d, h, sum)),
      set(ab, i32.xor(a, b)),
      set(h, i32.add(h, sum, majority, bigSigma(a, 2, 13, 22))),
    );
    [a, b, c, d, e, f, g, h] = [h, a, b, c, d, e, f, g];
    [ab, bc] = [bc, ab];
  }
  rounds.push(set(row, i32.add(row, i32.const(UNROLLED * ROW_BYTES))));

  return [
    ...state.map((word, i) => set(word, stored(i))),
    set(bc, i32.xor(b, c)),
    set(row, lane),
    doWhile(rounds, i32.ltU(row, i32.const(ROUNDS * ROW_BYTES))),
    ...state.map((word, i) => i32.store(nowhere, LAYOUT.state + WORD_BYTES * i, i32.add(word, stored(i)))),
  ];
}
