import { type Cause, type Explanation, explainImages } from '../index.js';
import type { Command } from './command.js';
import {
  compareOptions,
  comparing,
  type DiffOptions,
  describeDifferences,
  describeSides,
  givenImages,
  headingOf,
  placeKey,
  report,
} from './diff-command.js';

const EXAMPLE = `
Example:
  $ tarseal explain hello.tar again.tar

Exit code 0 where they are equal, 1 where they differ. "probably" stands before what is usually the cause, and is not
proven by what was read.`;

export const explainCommand: Command = {
  name: 'explain',
  summary: 'say why two images or tars differ',
  description: 'Says where two images or tars differ and why: times, owners, order, compressors, contents and others.',
  ...comparing,
  example: EXAMPLE,
  async run(call) {
    const options = call.options as DiffOptions;
    const explanation = await explainImages(...givenImages(call), compareOptions(call.signals, options));
    report(explanation, options, () => [
      ...describeSides(explanation),
      ...describeCauses(explanation),
      ...(options.all || (explanation.causes.length === 0 && !explanation.isEqual)
        ? describeDifferences(explanation, options)
        : []),
    ]);
  },
};

function describeCauses(explanation: Explanation): string[] {
  const { causes } = explanation;
  return [...new Map(causes.map((cause) => [placeKey(cause), cause])).entries()].flatMap(([key, place]) => {
    const heading = headingOf(place, explanation);
    const lines = causes.filter((cause) => placeKey(cause) === key).flatMap(describeCause);
    return [...heading, ...lines.map((line) => (heading.length > 0 ? `  ${line}` : line))];
  });
}

function describeCause({ code, message, certainty, evidence }: Cause): string[] {
  const probably = certainty === 'certain' ? '' : 'probably: ';
  return [`${code} ${probably}${message}`, ...evidence.map((line) => `  ${line}`)];
}
