import { print, standardStream } from './print.js';
import { printable } from './report.js';

/** A progress bar on a terminal, or nothing in its place. */
export interface Progress {
  readonly update: (doneBytes: number, totalBytes: number) => void;
  /** Prints a line without tearing the bar. */
  message(line: string): void;
  stop(): void;
}

/** Below this a build is over before anyone could look. */
const SHORT_BYTES = 64 << 20;

/** @param enabled false for anything but a person at a terminal; the bar's library is then not even loaded */
export async function createProgress(enabled: boolean): Promise<Progress> {
  const message = (line: string): void => print(2, `${printable(line)}\n`);
  if (!enabled) return { update: () => {}, message, stop: () => {} };

  const { default: cliProgress } = await import('cli-progress');
  const barOf = (format: string): InstanceType<typeof cliProgress.SingleBar> =>
    new cliProgress.SingleBar({
      format,
      stream: standardStream(2),
      clearOnComplete: true,
      hideCursor: true,
      linewrap: null,
    });
  const bar = barOf('{bar} {percentage}% | {doneMiB} of {totalMiB} MiB');
  /** Where nobody knows how much there is. */
  const count = barOf('{doneMiB} MiB');
  let started: typeof bar | undefined;
  const stop = (): void => {
    started?.stop();
    started = undefined;
  };
  return {
    update(doneBytes, totalBytes) {
      const isKnown = totalBytes < Infinity;
      if ((isKnown ? totalBytes : doneBytes) < SHORT_BYTES) return;
      const payload = { doneMiB: Math.floor(doneBytes / 2 ** 20), totalMiB: Math.ceil(totalBytes / 2 ** 20) };
      const wanted = isKnown ? bar : count;
      if (started === wanted) {
        wanted.update(doneBytes, payload);
        return;
      }
      stop();
      wanted.start(totalBytes, doneBytes, payload);
      started = wanted;
    },
    message(line) {
      stop();
      message(line);
    },
    stop,
  };
}
