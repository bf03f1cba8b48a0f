import { InvalidArgumentError } from 'commander';

/** Gathers the values of an option that can be given more than once. */
export const repeatable = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value];

/** A whole number of at most nine digits. */
export const integer = (value: string): number => {
  if (!/^[0-9]{1,9}$/.test(value)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(value);
};
