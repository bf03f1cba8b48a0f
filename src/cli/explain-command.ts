import type { Command } from 'commander';
import { type Cause, type Explanation, explainImages } from '../index.js';
import {
  addOptions,
  compareOptions,
  type DiffOptions,
  describeDifferences,
  describeSides,
  headingOf,
  placeKey,
  report,
  requireOneStream,
} from './diff-command.js';
import { givenImage } from './given-image.js';
import type { Signals } from './signals.js';

const EXAMPLE = `
Example:
  $ tarseal explain hello.tar again.tar

Exit code 0 where they are equal, 1 where they differ. "probably" stands before what is usually the cause, and is not
proven by what was read.`;

export function addExplainCommand(program: Command, signals: Signals): void {
  addOptions(program.command('explain'))
    .summary('say why two images or tars differ')
    .description(
      'Says where two images or tars differ and why: times, owners, order, compressors, contents and others.',
    )
    .addHelpText('after', EXAMPLE)
    .action(async (a: string, b: string, options: DiffOptions, command: Command) => {
      requireOneStream(a, b, command);
      const explanation = await explainImages(givenImage(a), givenImage(b), compareOptions(signals, options));
      report(explanation, options, () => [
        ...describeSides(explanation),
        ...describeCauses(explanation),
        ...(options.all || (explanation.causes.length === 0 && !explanation.isEqual)
          ? describeDifferences(explanation, options)
          : []),
      ]);
    });
}

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
