// A small assembler for WebAssembly: the instructions that sha256-module.ts needs, under their names in the text format, as
// functions of their operands, so that code reads like the formula that it computes.
// See WebAssembly Core Specification 2.0, chapter 5, "Binary Format".

/** Encoded instructions. */
export type Code = readonly number[];

/** The index of a parameter or a variable, at most 127, which is one byte. */
export type Local = number;

/** A variable stands for its value, code for what it leaves on the stack. */
export type Operand = Local | Code;

const I32 = 0x7f;
const V128 = 0x7b;
const NO_RESULT = 0x40;

/** Joins bytes and code; spread into a literal, the same takes twice as long, which every start would feel. */
function join(...parts: readonly (number | Code)[]): Code {
  return ([] as number[]).concat(...parts);
}

function unsigned(number: number): Code {
  return number < 0x80 ? [number] : join((number & 0x7f) | 0x80, unsigned(number >>> 7));
}

function signed(number: number): Code {
  return number >= -0x40 && number < 0x40 ? [number & 0x7f] : join((number & 0x7f) | 0x80, signed(number >> 7));
}

function value(operand: Operand): Code {
  return typeof operand === 'number' ? [0x20, operand] : operand;
}

/** Any number of operands, with the opcode of two of them after each but the first. */
function fold(opcode: Code, operands: readonly Operand[]): Code {
  return join(...operands.map((operand, i) => (i === 0 ? value(operand) : join(value(operand), ...opcode))));
}

function shift(opcode: Code, operand: Operand, bits: number): Code {
  return join(value(operand), i32.const(bits), opcode);
}

/** A memory access at `address` + `offset`; `align` is the logarithm of the alignment. */
function access(opcode: Code, align: number, address: Operand, offset: number, stored: Operand = []): Code {
  return join(value(address), value(stored), opcode, align, unsigned(offset));
}

/** Assigns to a variable. */
export const set = (local: Local, to: Operand): Code => join(value(to), 0x21, local);

/** Numbers are those of a 32-bit integer with its sign; offsets and shifts are unsigned. */
export const i32 = {
  const: (number: number): Code => join(0x41, signed(number)),
  add: (...operands: readonly Operand[]): Code => fold([0x6a], operands),
  and: (...operands: readonly Operand[]): Code => fold([0x71], operands),
  xor: (...operands: readonly Operand[]): Code => fold([0x73], operands),
  ltU: (left: Operand, right: Operand): Code => fold([0x49], [left, right]),
  ne: (left: Operand, right: Operand): Code => fold([0x47], [left, right]),
  rotr: (operand: Operand, bits: number): Code => shift([0x78], operand, bits),
  load: (address: Operand, offset: number): Code => access([0x28], 2, address, offset),
  store: (address: Operand, offset: number, stored: Operand): Code => access([0x36], 2, address, offset, stored),
};

export const v128 = {
  xor: (...operands: readonly Operand[]): Code => fold([0xfd, 0x51], operands),
  store: (address: Operand, offset: number, stored: Operand): Code => access([0xfd, 0x0b], 4, address, offset, stored),
  /** The word at the address in all four lanes. */
  load32Splat: (address: Operand, offset: number): Code => access([0xfd, 0x09], 2, address, offset),
  /** The word at the address in lane 0, zero in the others. */
  load32Zero: (address: Operand, offset: number): Code => access([0xfd, 0x5c], 2, address, offset),
  /** `lanes` with the word at the address in one of them. */
  load32Lane: (address: Operand, offset: number, lanes: Operand, lane: number): Code =>
    join(access([0xfd, 0x56], 2, address, offset, lanes), lane),
};

export const i32x4 = {
  add: (...operands: readonly Operand[]): Code => fold([0xfd, 0xae, 0x01], operands),
  shl: (lanes: Operand, bits: number): Code => shift([0xfd, 0xab, 0x01], lanes, bits),
  shrU: (lanes: Operand, bits: number): Code => shift([0xfd, 0xad, 0x01], lanes, bits),
};

export const i8x16 = {
  /** The bytes of `lanes` in the order of 16 indices. */
  shuffle: (lanes: Local, indices: readonly number[]): Code => join(value(lanes), value(lanes), 0xfd, 0x0d, indices),
};

/** Runs `body`, and again while `condition` is not zero. */
export const doWhile = (body: readonly Code[], condition: Code): Code =>
  join(0x03, NO_RESULT, ...body, condition, 0x0d, 0, 0x0b);

/** Hands out the variables of a function. */
export interface Locals {
  i32(): Local;
  v128(): Local;
}

/**
 * A module of one page (64 KiB) of memory and one function, without a result, of `i32` parameters.
 *
 * @param name that of the exported function; the memory is exported as `memory`
 * @param write writes the function's body
 * @returns the bytes of the module
 */
export function assembleModule(
  name: string,
  parameters: number,
  write: (locals: Locals) => readonly Code[],
): Uint8Array<ArrayBuffer> {
  const types: number[] = [];
  const local = (type: number): Local => parameters + types.push(type) - 1;
  const code = write({ i32: () => local(I32), v128: () => local(V128) });
  return Uint8Array.from(
    join(
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, join(0x60, vector(Array<Code>(parameters).fill([I32])), vector([]))),
      section(3, [0]),
      section(5, [1, 1, 1]),
      section(7, join(text('memory'), 2, 0), join(text(name), 0, 0)),
      section(10, sized(join(vector(types.map((type) => [1, type])), ...code, 0x0b))),
    ),
  );
}

function vector(items: readonly Code[]): Code {
  return join(unsigned(items.length), ...items);
}

function sized(content: Code): Code {
  return join(unsigned(content.length), content);
}

function section(id: number, ...items: readonly Code[]): Code {
  return join(id, sized(vector(items)));
}

function text(ascii: string): Code {
  return sized(Array.from(ascii, (char) => char.charCodeAt(0)));
}
