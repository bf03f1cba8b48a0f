import { type ByteString, displayName } from '../bytes/index.js';
import { BuildError } from './build-error.js';

/**
 * Splits a text at one of its separators.
 *
 * @param at index of the separator, or -1 where there is none
 * @throws {BuildError} SPEC_INVALID without a separator or with nothing before it
 */
export function splitAt(text: ByteString, at: number, option: string, form: string): [ByteString, ByteString] {
  if (at <= 0) {
    throw new BuildError('SPEC_INVALID', `Cannot use ${option} "${displayName(text)}": it must have the form ${form}`, {
      option,
      value: text,
    });
  }
  return [text.slice(0, at) as ByteString, text.slice(at + 1) as ByteString];
}

/** Splits a text at its last `=`. @throws {BuildError} SPEC_INVALID, as {@link splitAt} */
export function splitLast(text: ByteString, option: string, form: string): [ByteString, ByteString] {
  return splitAt(text, text.lastIndexOf('='), option, form);
}
